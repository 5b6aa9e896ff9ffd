// An address on which requests come in: what is believed of them, which route they take, and what is told about them afterwards.
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Handler, UpgradeHandler } from '../../../http/handler.ts'
import type { Logger } from '../../../log/log.ts'
import type { ConnectionLimits } from '../../../service/definition.ts'
import { AddressSet, plainAddress } from '../client.ts'
import { HeaderTable } from '../header-table.ts'
import { announcesBody, BodyError } from '../read-ahead.ts'
import { readTarget } from '../target.ts'
import { ClientAnswer, respond } from './answer.ts'
import type { EntryPointConfig } from './config/static.ts'
import { Flight, notFound, type Upgrade } from './flight.ts'
import { httpError } from './go-http.ts'
import type { Observer } from './internal/observer.ts'
import { deniedCharacters } from './middlewares/encoded-characters.ts'
import type { BuiltRoute, EntryRoutes } from './plan.ts'
import { type ForwardedSettings, rewriteForwarded } from './x-forwarded.ts'

const STATUSES = { badRequest: 400, notAllowed: 405, uriTooLong: 414, headersTooLarge: 431 } as const

export interface EntryPointSetup {
  readonly log: Logger
  readonly observer: Observer
  /** What an authority asks this entry point for. */
  proofFor(url: string | undefined): string | undefined
}

export class EntryPoint {
  readonly #name: string
  readonly #config: EntryPointConfig
  readonly #log: Logger
  readonly #observer: Observer
  readonly #forwarded: ForwardedSettings
  readonly #denied: RegExp | undefined
  readonly #proofFor: EntryPointSetup['proofFor']
  #routes: EntryRoutes

  constructor(name: string, config: EntryPointConfig, routes: EntryRoutes, { log, observer, proofFor }: EntryPointSetup) {
    this.#proofFor = proofFor
    this.#name = name
    this.#config = config
    this.#routes = routes
    this.#log = log
    this.#observer = observer
    const { insecure, trustedIPs, connection } = config.forwardedHeaders
    this.#forwarded = {
      insecure,
      trusted: trustedIPs.length > 0 ? new AddressSet(trustedIPs) : undefined,
      connection: new Set(connection.map((name) => name.toLowerCase())),
    }
    this.#denied = deniedCharacters(config.http.encodedCharacters)
  }

  /** Requests under way keep the routes that they began with. */
  use(routes: EntryRoutes): void {
    this.#routes = routes
  }

  get limits(): ConnectionLimits {
    const { respondingTimeouts, keepAliveMaxRequests } = this.#config.transport
    return {
      requestMs: respondingTimeouts.readTimeout,
      idleMs: respondingTimeouts.idleTimeout,
      maxRequests: keepAliveMaxRequests,
      maxHeaderBytes: this.#config.http.maxHeaderBytes,
    }
  }

  readonly handle: Handler = (req, res) => {
    const { writeTimeout } = this.#config.transport.respondingTimeouts
    if (writeTimeout > 0) {
      // From the end of the head on; what was not answered by then ends with its connection, as upstream.
      const timer = setTimeout(() => res.destroy(), writeTimeout)
      res.once('close', () => clearTimeout(timer))
    }
    this.#answer(req, res, undefined, false)
  }

  readonly upgrade: UpgradeHandler = (req, socket, head) => {
    // Answers that are no tunnel go out as on any connection, which then ends: what else came on it is not read as a request.
    socket.on('error', () => socket.destroy())
    const res = new ServerResponse(req)
    res.shouldKeepAlive = false
    res.once('finish', () => socket.end())
    this.#answer(req, res, { socket, head }, req.headers.upgrade?.toLowerCase() === 'websocket')
  }

  #answer(req: IncomingMessage, res: ServerResponse, upgrade: Upgrade | undefined, websocket: boolean): void {
    const answer = new ClientAnswer(res, upgrade)
    // An authority's question comes before any route.
    const proof = this.#proofFor(req.url)
    if (proof !== undefined) {
      respond(answer, 200, proof, ['Content-Type', 'text/plain'])
      return
    }
    const flight = this.#flightOf(req, upgrade, websocket)
    if (typeof flight === 'number') {
      // What is wrong with the request itself says nothing good about what follows on the connection.
      res.shouldKeepAlive = false
      httpError(answer, flight)
      return
    }
    const routes = flight.secure ? this.#routes.secure : this.#routes.plain
    const route: BuiltRoute | undefined = routes.find(flight)
    this.#observer.begin(flight, answer, route)
    const bug = (error: unknown) => {
      if (error instanceof BodyError) {
        // The client went in the middle of its body.
        answer.abort()
        return
      }
      this.#log.error({ err: error, router: route?.name }, 'a request failed inside the gateway')
      if (answer.begun) answer.abort()
      else httpError(answer, 500)
    }
    try {
      const done = (route?.handle ?? notFound)(flight, answer)
      if (done instanceof Promise) done.catch(bug)
    } catch (error) {
      bug(error)
    }
  }

  /** The request as middlewares see it, or the status that it is refused with. */
  #flightOf(req: IncomingMessage, upgrade: Upgrade | undefined, websocket: boolean): Flight | number {
    // Behind an upgrade there is no body: what follows the head is another protocol.
    if (upgrade && announcesBody(req)) return 400
    const target = readTarget(req.method ?? 'GET', req.url ?? '', req.rawHeaders, req.httpVersion)
    if (typeof target === 'string') return Object.hasOwn(STATUSES, target) ? STATUSES[target as keyof typeof STATUSES] : 400
    const { http } = this.#config
    const headers = HeaderTable.fromRaw(req.rawHeaders)
    if (http.underscoreHeadersStrategy !== 'keep' && headers.keys().some((key) => key.includes('_'))) {
      if (http.underscoreHeadersStrategy === 'reject') return 400
      headers.removeWhere((key) => key.includes('_'))
    }
    if (this.#denied?.test(target.rawPath)) return 400
    const secure = (req.socket as { encrypted?: boolean }).encrypted === true
    const peer = plainAddress(req.socket.remoteAddress)
    rewriteForwarded(headers, { peer, host: target.host, secure, websocket }, this.#forwarded)
    headers.remove('host')
    return new Flight({
      req,
      entryPoint: this.#name,
      secure,
      peer,
      peerPort: req.socket.remotePort ?? 0,
      keepForwardedFor: this.#config.forwardedHeaders.notAppendXForwardedFor,
      upgrade,
      websocket,
      host: target.host,
      path: http.sanitizePath ? target.path : target.rawPath,
      query: http.encodeQuerySemicolons ? target.query.replaceAll(';', '%3B') : target.query.replaceAll(';', '&'),
      headers,
    })
  }
}
