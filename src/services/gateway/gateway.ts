// One request, one direction: target → route → plugins → headers for the service → a handler in this process or the network → the
// head of the answer through the plugins. Bodies stream past and are never gathered here.
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Dispatcher, handOver, handOverUpgrade } from '../../http/dispatch.ts'
import type { Handler, UpgradeHandler } from '../../http/handler.ts'
import type { Logger } from '../../log/log.ts'
import type { Peer } from './balancing/peer.ts'
import { type BodyFilter, filterBody } from './body-filter.ts'
import { limitBody } from './body-limit.ts'
import type { Plan } from './build.ts'
import { bodyFilters, runAccess, runHeaders, runLog } from './chain.ts'
import { type Client, clientOf, type TrustSettings } from './client.ts'
import { type ErrorName, errors, type Refusal, refusal } from './errors.ts'
import { Exchange, type Target } from './exchange.ts'
import { EvaluationError } from './expressions/value.ts'
import { forwardedLines } from './forwarded.ts'
import { HeaderTable } from './header-table.ts'
import { upstreamPath } from './path.ts'
import type { Route, Service } from './plan.ts'
import { Deadlines } from './proxy/deadlines.ts'
import { failureOf } from './proxy/failure.ts'
import { hookHead, LateAnswer } from './proxy/here.ts'
import { JoinedAnswer } from './proxy/joined-answer.ts'
import { proxyOverNetwork } from './proxy/network.ts'
import { balancedPlace, type Overrides, type Place, placeOf } from './proxy/place.ts'
import type { Pools } from './proxy/pools.ts'
import { tunnel } from './proxy/websocket.ts'
import { announcesBody, BodyError, readAhead, worthWaiting } from './read-ahead.ts'
import type { AccessLog } from './record/access-log.ts'
import { TrafficRecord } from './record/record.ts'
import { addOwnHeaders, addProxiedHeaders, dropHopByHop, type OwnHeaders, type ResponseHead } from './response-head.ts'
import type { Found } from './router/router.ts'
import { readTarget } from './target.ts'

export interface GatewaySettings {
  readonly trust: TrustSettings
  readonly own: OwnHeaders
  readonly errorDefaultType: string
  /** 0 is without limit. */
  readonly maxBodyBytes: number
  readonly accessLog: AccessLog | undefined
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
  readonly #deadlines = new Deadlines()
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

  /** Ends the tunnels and stops counting time. */
  close(): void {
    for (const close of this.#tunnels) close()
    this.#deadlines.close()
  }

  #answer(req: IncomingMessage, res: ServerResponse, upgrade: Upgrade | undefined, websocket = false): void {
    const received = performance.now()
    const plan = this.#plan
    const headers = HeaderTable.fromRaw(req.rawHeaders)
    const client = clientOf(req.socket, (key) => headers.get(key), this.#settings.trust)
    // Behind an upgrade there is no body: what follows the head is another protocol.
    const target =
      upgrade && announcesBody(req) ? 'badRequest' : readTarget(req.method ?? 'GET', req.url ?? '', req.rawHeaders, req.httpVersion)
    if (typeof target === 'string') {
      const exchange = this.#exchange(req, asWritten(req), client, received, { route: plan.malformed, ...UNMATCHED }, headers)
      this.#watch(plan, exchange, res, upgrade)
      // What is wrong with the request itself says nothing good about what follows on the connection.
      res.shouldKeepAlive = false
      this.#refuse(exchange, res, upgrade, exchange.fail(target))
      return
    }
    const found = plan.router.find({
      method: (req.method ?? 'GET').toUpperCase(),
      path: target.path,
      host: target.host,
      scheme: client.scheme,
      sni: (req.socket as { servername?: string }).servername,
      headerValues: (key) => headers.all(key),
    }) ?? { route: plan.unrouted, ...UNMATCHED }
    const exchange = this.#exchange(req, target, client, received, found, headers)
    this.#watch(plan, exchange, res, upgrade)
    if (found.route === plan.unrouted) {
      this.#refuse(exchange, res, upgrade, exchange.fail('noRoute'))
      return
    }
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

  /** Whoever counts or logs is told when the answer is over. */
  #watch(plan: Plan, exchange: Exchange, res: ServerResponse, upgrade: Upgrade | undefined): void {
    const { accessLog } = this.#settings
    const { chain, logged } = exchange.route
    if (!logged && !accessLog) return
    const { socket } = exchange.req
    // Over HTTP/2 there is no such count.
    const written = () => socket.bytesWritten ?? 0
    const before = written()
    exchange.tries = []
    ;(upgrade ? upgrade.socket : res).once('close', () => {
      const record = new TrafficRecord(exchange, written() - before, plan.secretNames)
      try {
        accessLog?.write(record)
        if (logged) runLog(chain, record)
      } catch (error) {
        this.#log.error({ err: error, route: exchange.route.name }, 'a request could not be logged')
      }
    })
  }

  #proxy(exchange: Exchange, res: ServerResponse, upgrade: Upgrade | undefined, websocket: boolean): void {
    const { service } = exchange
    if (!service) {
      this.#refuse(exchange, res, upgrade, exchange.fail('noService'))
      return
    }
    const place = this.#nextPlace(exchange, service, [], upgrade ? upgrade.socket : res)
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
    exchange.upstreamUri = path
    if (place.at === 'here') this.#proxyHere(exchange, res, upgrade, tunnelled, place, path, lines)
    else if (tunnelled) this.#openTunnel(exchange, res, upgrade, place, path, lines)
    else if (worthWaiting(exchange)) this.#proxyAfterBody(exchange, this.#attach(res, upgrade), place, path, lines)
    else this.#proxyOverNetwork(exchange, this.#attach(res, upgrade), place, path, lines)
  }

  /** Where the request goes now. A balanced target counts it among its own until it goes elsewhere or ends. */
  #nextPlace(exchange: Exchange, service: Service, tried: readonly Peer[], life: ServerResponse | Duplex): Place {
    const place = service.balancer
      ? balancedPlace(service, exchange, tried, this.#dispatcher, this.#overrides)
      : placeOf(service, this.#dispatcher, this.#overrides)
    if (place.at !== 'here' && place.at !== 'network') return place
    if (place.peer) {
      if (exchange.peer) exchange.peer.open--
      else life.once('close', () => void (exchange.peer && exchange.peer.open--))
      exchange.peer = place.peer
      place.peer.open++
    }
    exchange.tries?.push({ ...place.asked, startedAt: Date.now(), latencyMs: 0, failure: undefined, code: undefined })
    return place
  }

  #tryFailed(exchange: Exchange, name: ErrorName): void {
    const { peer } = exchange
    if (peer) exchange.service?.balancer?.failed(peer, name)
    const last = exchange.tries?.at(-1)
    if (!last) return
    last.latencyMs = Date.now() - last.startedAt
    last.failure = name
    last.code = errors[name].status
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
    const timeoutMs = exchange.service!.readTimeoutMs
    const unhook = hookHead(res, (status, headers) => {
      this.#deadlines.done(timeoutMs, late)
      return this.#finishHead(exchange, res, status, headers)
    })
    if (exchange.route.filtersBodies) this.#filterBody(exchange, res)
    const late = new LateAnswer(req, res, exchange.proxied!, () => {
      unhook()
      this.#tryFailed(exchange, 'upstreamTimeout')
      this.#logFailure(exchange.service!, 'upstreamTimeout', undefined)
      res.shouldKeepAlive = false
      this.#send(exchange, res, exchange.fail('upstreamTimeout'))
    })
    this.#deadlines.add(timeoutMs, late)
    try {
      handOver(endpoint, req, res, rewrite)
    } catch (error) {
      this.#deadlines.done(timeoutMs, late)
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
    const tried: Peer[] = []
    if (exchange.route.filtersBodies) this.#filterBody(exchange, res)
    proxyOverNetwork({
      exchange,
      answer: new JoinedAnswer(res),
      client: res,
      service,
      path,
      headers: lines,
      nextPool: () => {
        const place = next ?? this.#nextPlace(exchange, service, tried, res)
        next = undefined
        if (place.at === 'nobody') return 'noPeer'
        if (place.at !== 'network') return 'badUpstream'
        if (place.peer) tried.push(place.peer)
        return this.#pools.get(place, service)
      },
      tryFailed: (name) => this.#tryFailed(exchange, name),
      finishHead: (status, headers) => this.#finishHead(exchange, res, status, headers),
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
      finishHead: (status, headers) => this.#finishHead(exchange, upgrade.socket, status, headers),
      refused: (answer) => {
        this.#attach(res, upgrade)
        const head = this.#finishHead(exchange, res, answer.statusCode ?? 502, HeaderTable.fromRaw(answer.rawHeaders))
        res.writeHead(head.status, head.headers)
        answer.pipe(res)
        answer.once('error', () => res.destroy())
      },
      fail: (error) => {
        const name = failureOf(error)
        this.#tryFailed(exchange, name)
        this.#logFailure(service, name, error)
        this.#refuse(exchange, res, upgrade, exchange.fail(name))
      },
    })
    this.#tunnels.add(close)
    upgrade.socket.once('close', () => this.#tunnels.delete(close))
  }

  #finishHead(
    exchange: Exchange,
    to: ServerResponse | Duplex,
    status: number,
    headers: HeaderTable,
  ): { status: number; headers: string[] } {
    const head: ResponseHead = { status, headers }
    const now = performance.now()
    exchange.answeredAt = now
    if (exchange.peer) exchange.service?.balancer?.answered(exchange.peer, status, now - (exchange.proxied ?? now))
    dropHopByHop(headers)
    addProxiedHeaders(head, this.#settings.own, exchange, now)
    // What the service says is not shown: a plugin that failed may have been the one to hide it. Its first piece may be on its way already.
    if (!this.#lastHeaders(exchange, head)) to.destroy()
    return { status: head.status, headers: headers.toRaw() }
  }

  /** What every answer of a route gets, the gateway's own ones included. False when a plugin failed: the head is then a bare 500. */
  #lastHeaders(exchange: Exchange, head: ResponseHead): boolean {
    addDebugHeaders(exchange, head)
    if (exchange.stickyCookie !== undefined) head.headers.append('Set-Cookie', exchange.stickyCookie)
    exchange.head = head
    try {
      runHeaders(exchange.route.chain, exchange, head)
      return true
    } catch (error) {
      this.#log.error({ err: error, route: exchange.route.name }, 'a plugin failed on the head of an answer')
      exchange.failed = true
      head.status = 500
      head.headers.removeWhere(() => true)
      head.headers.append('Content-Length', '0')
      return false
    }
  }

  #filterBody(exchange: Exchange, res: ServerResponse): void {
    let filters: readonly BodyFilter[] | undefined
    filterBody(
      res,
      () => {
        const { head, route } = exchange
        if (!head || exchange.failed) return { filters: [], bodiless: false }
        filters ??= bodyFilters(route.chain, exchange, head)
        return { filters, bodiless: exchange.clientMethod === 'HEAD' || hasNoBody(head.status) }
      },
      (error) => this.#log.error({ err: error, route: exchange.route.name }, 'a plugin failed on the body of an answer'),
    )
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
    const body = this.#lastHeaders(exchange, head) ? answer.body : ''
    // A failed attempt to proxy has put its filters on already.
    if (exchange.route.filtersBodies && exchange.proxied === undefined) this.#filterBody(exchange, res)
    res.writeHead(head.status, head.headers.toRaw())
    res.end(body)
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

const hasNoBody = (status: number): boolean => status === 204 || status === 304

const UNMATCHED = { matched: 0, captures: undefined } as const

/** The target of what is no proper request, for the logs alone. */
function asWritten({ url = '', headers }: IncomingMessage): Target {
  const mark = url.indexOf('?')
  const rawPath = (mark < 0 ? url : url.slice(0, mark)).slice(0, 1024)
  return { rawPath, path: '/', query: mark < 0 ? '' : url.slice(mark, mark + 1024), host: headers.host ?? '' }
}
