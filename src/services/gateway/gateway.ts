// One request, one direction: target → route → plugins → headers for the service → a handler in this process or the network → the
// head of the answer through the plugins. Bodies stream past and are never gathered here.
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Dispatcher, handOver, handOverUpgrade } from '../../http/dispatch.ts'
import type { Handler, UpgradeHandler } from '../../http/handler.ts'
import type { Logger } from '../../log/log.ts'
import { limitBody } from './body-limit.ts'
import type { Plan } from './build.ts'
import { runAccess, runHeaders } from './chain.ts'
import { type Client, clientOf, type TrustSettings } from './client.ts'
import { type ErrorName, errors, type Refusal, refusal } from './errors.ts'
import { Exchange, type Target } from './exchange.ts'
import { EvaluationError } from './expressions/value.ts'
import { forwardedLines } from './forwarded.ts'
import { HeaderTable } from './header-table.ts'
import { upstreamPath } from './path.ts'
import type { Route, Service } from './plan.ts'
import { failureOf } from './proxy/failure.ts'
import { hookHead } from './proxy/here.ts'
import { proxyOverNetwork } from './proxy/network.ts'
import { type Overrides, type Place, placeOf } from './proxy/place.ts'
import type { Pools } from './proxy/pools.ts'
import { tunnel } from './proxy/websocket.ts'
import { announcesBody, BodyError, readAhead, worthWaiting } from './read-ahead.ts'
import { addOwnHeaders, addProxiedHeaders, dropHopByHop, type OwnHeaders, type ResponseHead } from './response-head.ts'
import type { Found } from './router/router.ts'
import { readTarget } from './target.ts'

export interface GatewaySettings {
  readonly trust: TrustSettings
  readonly own: OwnHeaders
  readonly errorDefaultType: string
  /** 0 is without limit. */
  readonly maxBodyBytes: number
}

/** What an upgrade brings beside the request. */
interface Upgrade {
  readonly socket: Duplex
  readonly head: Buffer
}

export class Gateway {
  readonly #settings: GatewaySettings
  readonly #dispatcher: Dispatcher
  readonly #overrides: Overrides
  readonly #pools: Pools
  readonly #log: Logger
  readonly #tunnels = new Set<() => void>()
  #plan: Plan

  constructor(
    plan: Plan,
    {
      settings,
      dispatcher,
      overrides,
      pools,
      log,
    }: { settings: GatewaySettings; dispatcher: Dispatcher; overrides: Overrides; pools: Pools; log: Logger },
  ) {
    this.#plan = plan
    this.#settings = settings
    this.#dispatcher = dispatcher
    this.#overrides = overrides
    this.#pools = pools
    this.#log = log
  }

  /** Requests under way keep the plan that they began with. */
  use(plan: Plan): void {
    this.#plan = plan
  }

  readonly handle: Handler = (req, res) => this.#answer(req, res, undefined)

  readonly upgrade: UpgradeHandler = (req, socket, head) => {
    // Answers that are no tunnel go out as on any connection, which then ends: what else came on it is not read as a request.
    socket.on('error', () => socket.destroy())
    const res = new ServerResponse(req)
    res.shouldKeepAlive = false
    const websocket = req.headers.upgrade?.toLowerCase() === 'websocket'
    res.once('finish', () => socket.end())
    this.#answer(req, res, { socket, head }, websocket)
  }

  closeTunnels(): void {
    for (const close of this.#tunnels) close()
  }

  #answer(req: IncomingMessage, res: ServerResponse, upgrade: Upgrade | undefined, websocket = false): void {
    const received = performance.now()
    // Behind an upgrade there is no body: what follows the head is another protocol.
    if (upgrade && announcesBody(req)) {
      this.#refuseUnrouted(req, res, upgrade, received, 'badRequest')
      return
    }
    const target = readTarget(req.method ?? 'GET', req.url ?? '', req.rawHeaders, req.httpVersion)
    if (typeof target === 'string') {
      this.#refuseUnrouted(req, res, upgrade, received, target)
      return
    }
    const headers = HeaderTable.fromRaw(req.rawHeaders)
    const client = clientOf(req.socket, (key) => headers.get(key), this.#settings.trust)
    const found = this.#plan.router.find({
      method: (req.method ?? 'GET').toUpperCase(),
      path: target.path,
      host: target.host,
      scheme: client.scheme,
      sni: (req.socket as { servername?: string }).servername,
      headerValues: (key) => headers.all(key),
    })
    if (!found) {
      this.#refuseUnrouted(req, res, upgrade, received, 'noRoute')
      return
    }
    const exchange = this.#exchange(req, target, client, received, found, headers)
    if (client.scheme === 'http' && !found.route.http) {
      this.#refuse(exchange, res, upgrade, httpsOnly(exchange))
      return
    }
    let judged: ReturnType<typeof runAccess>
    try {
      if (this.#settings.maxBodyBytes > 0 && !limitBody(req, this.#settings.maxBodyBytes)) {
        this.#refuse(exchange, res, upgrade, exchange.fail('tooLarge'))
        return
      }
      judged = runAccess(found.route.chain, exchange)
    } catch (error) {
      this.#bug(exchange, res, upgrade, error)
      return
    }
    const next = (verdict: Refusal | undefined) => {
      if (verdict) this.#refuse(exchange, res, upgrade, verdict)
      else this.#proxy(exchange, res, upgrade, websocket)
    }
    if (judged instanceof Promise) judged.then(next).catch((error: unknown) => this.#bug(exchange, res, upgrade, error))
    else {
      try {
        next(judged)
      } catch (error) {
        this.#bug(exchange, res, upgrade, error)
      }
    }
  }

  #exchange(req: IncomingMessage, target: Target, client: Client, received: number, found: Found<Route>, headers: HeaderTable): Exchange {
    const { errorDefaultType } = this.#settings
    return new Exchange({ req, target, client, received, headers, errorDefaultType, ...found })
  }

  #proxy(exchange: Exchange, res: ServerResponse, upgrade: Upgrade | undefined, websocket: boolean): void {
    const { service } = exchange
    if (!service) {
      this.#refuse(exchange, res, upgrade, exchange.fail('noService'))
      return
    }
    const place = placeOf(service, this.#dispatcher, this.#overrides)
    const lost = unreachable(exchange, place)
    if (lost) {
      this.#refuse(exchange, res, upgrade, lost)
      return
    }
    if (place.at !== 'here' && place.at !== 'network') return
    const path = (exchange.path ?? upstreamPath(exchange.route.pathRule, exchange.target.path, exchange.matched)) + exchange.upstreamQuery
    const tunnelled = upgrade !== undefined && websocket && (place.at === 'network' || place.endpoint.upgrade !== undefined)
    if (exchange.body !== undefined) exchange.headers.set('Content-Length', String(exchange.body.length))
    const lines = forwardedLines(exchange, place.authority, { upgrade: tunnelled })
    exchange.proxied = performance.now()
    if (place.at === 'here') this.#proxyHere(exchange, res, upgrade, tunnelled, place, path, lines)
    else if (tunnelled) this.#openTunnel(exchange, res, upgrade, place, path, lines)
    else if (worthWaiting(exchange)) this.#proxyAfterBody(exchange, this.#attach(res, upgrade), place, path, lines)
    else this.#proxyOverNetwork(exchange, this.#attach(res, upgrade), place, path, lines)
  }

  #proxyHere(
    exchange: Exchange,
    res: ServerResponse,
    upgrade: Upgrade | undefined,
    tunnelled: boolean,
    { endpoint }: Extract<Place, { at: 'here' }>,
    url: string,
    headers: string[],
  ): void {
    const { req, method } = exchange
    const rewrite = exchange.body === undefined ? { url, method, headers } : { url, method, headers, body: exchange.body }
    if (tunnelled && upgrade) {
      handOverUpgrade(endpoint, req, upgrade.socket, upgrade.head, rewrite)
      return
    }
    this.#attach(res, upgrade)
    const unhook = hookHead(res, (status, headers) => this.#finishHead(exchange, status, headers))
    try {
      handOver(endpoint, req, res, rewrite)
    } catch (error) {
      unhook()
      throw error
    }
  }

  /** What is refused while it is read never reaches the service, and what was read whole can be sent twice. */
  #proxyAfterBody(exchange: Exchange, res: ServerResponse, place: Extract<Place, { at: 'network' }>, path: string, lines: string[]): void {
    readAhead(exchange.req)
      .then((body) => {
        if (body) exchange.body = body
        this.#proxyOverNetwork(exchange, res, place, path, body ? withLength(lines, body.length) : lines)
      })
      .catch((error: unknown) => {
        if (error instanceof BodyError) return
        this.#bug(exchange, res, undefined, error)
      })
  }

  #proxyOverNetwork(
    exchange: Exchange,
    res: ServerResponse,
    first: Extract<Place, { at: 'network' }>,
    path: string,
    lines: string[],
  ): void {
    const service = exchange.service!
    let next: Place | undefined = first
    proxyOverNetwork({
      exchange,
      res,
      service,
      path,
      headers: lines,
      nextPool: () => {
        const place = next ?? placeOf(service, this.#dispatcher, this.#overrides)
        next = undefined
        if (place.at !== 'network') return 'badUpstream'
        return this.#pools.get(place, service)
      },
      finishHead: (status, headers) => this.#finishHead(exchange, status, headers),
      fail: (name, cause) => {
        this.#logFailure(service, name, cause)
        this.#send(exchange, res, exchange.fail(name))
      },
      broken: (cause) => {
        this.#log.warn({ upstream: service.name ?? service.host, err: cause }, 'the service ended its answer half way')
        res.destroy()
      },
    })
  }

  #openTunnel(
    exchange: Exchange,
    res: ServerResponse,
    upgrade: Upgrade,
    place: Extract<Place, { at: 'network' }>,
    path: string,
    lines: string[],
  ): void {
    const service = exchange.service!
    const close = tunnel({
      service,
      place,
      path,
      headers: lines,
      ...upgrade,
      finishHead: (status, headers) => this.#finishHead(exchange, status, headers),
      refused: (answer) => {
        this.#attach(res, upgrade)
        const head = this.#finishHead(exchange, answer.statusCode ?? 502, HeaderTable.fromRaw(answer.rawHeaders))
        res.writeHead(head.status, head.headers)
        answer.pipe(res)
        answer.once('error', () => res.destroy())
      },
      fail: (error) => {
        const name = failureOf(error)
        this.#logFailure(service, name, error)
        this.#refuse(exchange, res, upgrade, exchange.fail(name))
      },
    })
    this.#tunnels.add(close)
    upgrade.socket.once('close', () => this.#tunnels.delete(close))
  }

  #finishHead(exchange: Exchange, status: number, headers: HeaderTable): { status: number; headers: string[] } {
    const head: ResponseHead = { status, headers }
    dropHopByHop(headers)
    addProxiedHeaders(head, this.#settings.own, exchange, performance.now())
    addDebugHeaders(exchange, head)
    runHeaders(exchange.route.chain, exchange, head)
    return { status: head.status, headers: headers.toRaw() }
  }

  /** An answer of the gateway itself on a route: its plugins see the head. */
  #refuse(exchange: Exchange, res: ServerResponse, upgrade: Upgrade | undefined, answer: Refusal): void {
    this.#send(exchange, this.#attach(res, upgrade), answer)
  }

  #send(exchange: Exchange, res: ServerResponse, answer: Refusal): void {
    if (res.headersSent || res.destroyed) {
      res.destroy()
      return
    }
    const head = ownHead(answer)
    addOwnHeaders(head, this.#settings.own, exchange, performance.now())
    addDebugHeaders(exchange, head)
    runHeaders(exchange.route.chain, exchange, head)
    write(res, head, answer.body)
  }

  #refuseUnrouted(req: IncomingMessage, res: ServerResponse, upgrade: Upgrade | undefined, received: number, name: ErrorName): void {
    const { status, message, maker } = errors[name]
    const asked = { accept: req.headers.accept, contentType: req.headers['content-type'] }
    const answer = refusal(status, message, maker, asked, [], this.#settings.errorDefaultType)
    const head = ownHead(answer)
    addOwnHeaders(head, this.#settings.own, { received, proxied: undefined }, performance.now())
    // What is wrong with the request itself says nothing good about what follows on the connection.
    if (name !== 'noRoute') res.shouldKeepAlive = false
    write(this.#attach(res, upgrade), head, answer.body)
  }

  #bug(exchange: Exchange, res: ServerResponse, upgrade: Upgrade | undefined, error: unknown): void {
    const { route } = exchange
    if (error instanceof EvaluationError) this.#log.warn({ route: route.name, reason: error.message }, 'a template failed on a request')
    else this.#log.error({ err: error, route: route.name }, 'a request failed inside the gateway')
    this.#refuse(exchange, res, upgrade, exchange.fail('unexpected'))
  }

  #logFailure(service: Service, name: ErrorName, cause: unknown): void {
    const code = cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : undefined
    this.#log.warn({ upstream: service.name ?? service.host, host: service.host, port: service.port, code }, errors[name].message)
  }

  /** Gives a response of an upgrade its socket, once it turns out to be an ordinary answer. */
  #attach(res: ServerResponse, upgrade: Upgrade | undefined): ServerResponse {
    if (upgrade && !res.socket && !upgrade.socket.destroyed) res.assignSocket(upgrade.socket as Socket)
    return res
  }
}

/** The lines with the length of a body that was read whole. */
function withLength(lines: readonly string[], length: number): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < lines.length; i += 2) if (lines[i]!.toLowerCase() !== 'content-length') kept.push(lines[i]!, lines[i + 1]!)
  kept.push('Content-Length', String(length))
  return kept
}

function unreachable(exchange: Exchange, place: Place): Refusal | undefined {
  switch (place.at) {
    case 'absent':
      return refusal(503, place.reason, 'exit', exchange.asked)
    case 'down':
      return exchange.fail('badUpstream')
    case 'nobody':
      return exchange.fail('noPeer')
    default:
      return undefined
  }
}

function httpsOnly(exchange: Exchange): Refusal {
  const { httpsRedirectStatus: status } = exchange.route
  if (status === 426)
    return exchange.fail('httpsOnly', [
      ['Connection', exchange.sent('connection')?.toLowerCase().includes('close') ? 'close, Upgrade' : 'Upgrade'],
      ['Upgrade', 'TLS/1.2, HTTP/1.1'],
    ])
  const { host, rawPath, query } = exchange.target
  const name = host.replace(/:\d+$/, '')
  return { status, body: '', contentType: undefined, headers: [['Location', `https://${name}${rawPath}${query}`]] }
}

function ownHead(answer: Refusal): ResponseHead {
  const headers = HeaderTable.empty()
  if (answer.contentType !== undefined) headers.append('Content-Type', answer.contentType)
  headers.append('Content-Length', String(Buffer.byteLength(answer.body)))
  for (const [name, value] of answer.headers) headers.append(name, value)
  return { status: answer.status, headers }
}

/** Ids and names for whoever debugs a file (request header `Kong-Debug: 1`). */
function addDebugHeaders(exchange: Exchange, { headers }: ResponseHead): void {
  if (exchange.sent('kong-debug') !== '1') return
  const { route, service } = exchange
  headers.set('Kong-Route-Id', route.id)
  if (route.name !== undefined) headers.set('Kong-Route-Name', route.name)
  if (!service) return
  headers.set('Kong-Service-Id', service.id)
  if (service.name !== undefined) headers.set('Kong-Service-Name', service.name)
}

function write(res: ServerResponse, head: ResponseHead, body: string): void {
  res.writeHead(head.status, head.headers.toRaw())
  res.end(body)
}
