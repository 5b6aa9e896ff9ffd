// The end of every chain: a request to one server of a service, in this process, over the network, or as a tunnel.
import { type Dispatcher, handOver, handOverUpgrade } from '../../../http/dispatch.ts'
import type { Logger } from '../../../log/log.ts'
import { HeaderTable } from '../header-table.ts'
import { SilenceError } from '../proxy/failure.ts'
import { proxyOverNetwork } from '../proxy/network.ts'
import { type Overrides, type Place, placeOf } from '../proxy/place.ts'
import type { Pooled, Pools } from '../proxy/pools.ts'
import { tunnel } from '../proxy/websocket.ts'
import { BodyError, READ_AHEAD_BYTES, readAhead } from '../read-ahead.ts'
import { type Answer, respond } from './answer.ts'
import type { Flight } from './flight.ts'
import { localResponse } from './local-response.ts'

/** How servers are reached. */
export interface Transport extends Pooled {
  /** 0 is without limit. */
  readonly responseHeaderTimeoutMs: number
}

export interface ServerTarget {
  /** As configured; names the server in the API and the metrics. */
  readonly url: string
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  /** Host and port as in the URL. */
  readonly authority: string
  /** Put before the path: `preservePath`. */
  readonly basePath: string
}

export interface ForwardCall {
  readonly target: ServerTarget
  readonly transport: Transport
  readonly passHostHeader: boolean
  /** Told once: when the head of the answer is there, or when there will be none. */
  readonly settled?: (status: number, failed: boolean) => void
}

// The longest time a timer can be set to: no limit.
const NO_LIMIT_MS = 2 ** 31 - 1
const HOP_BY_HOP = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

export class Forwarder {
  readonly #dispatcher: Dispatcher
  readonly #overrides: Overrides
  readonly #pools: Pools
  readonly #log: Logger
  readonly #tunnels = new Set<() => void>()

  constructor({ dispatcher, overrides, pools, log }: { dispatcher: Dispatcher; overrides: Overrides; pools: Pools; log: Logger }) {
    this.#dispatcher = dispatcher
    this.#overrides = overrides
    this.#pools = pools
    this.#log = log
  }

  closeTunnels(): void {
    for (const close of this.#tunnels) close()
  }

  forward(flight: Flight, answer: Answer, call: ForwardCall): void {
    const place = placeOf(call.target, this.#dispatcher, this.#overrides)
    const { notes } = flight
    notes.notSent = false
    notes.serverUrl = call.target.url
    notes.serverAddress = call.target.authority
    notes.originStarted = performance.now()
    if (place.at === 'absent') {
      call.settled?.(503, true)
      respond(answer, 503, JSON.stringify({ message: place.reason }), ['Content-Type', 'application/json; charset=utf-8'])
      return
    }
    if (place.at !== 'here' && place.at !== 'network') {
      this.#fail(flight, answer, call, new Error('the service is not running'), 502)
      return
    }
    const path = `${`${call.target.basePath}${flight.path}` || '/'}${flight.query}`
    const observed = observe(flight, answer, call)
    if (place.at === 'here') this.#here(flight, observed, place, path, call)
    else if (flight.upgrade && flight.websocket) this.#tunnel(flight, answer, place, path, call)
    else this.#network(flight, observed, place, path, call)
  }

  #here(flight: Flight, answer: Answer, { endpoint }: Extract<Place, { at: 'here' }>, url: string, call: ForwardCall): void {
    const { upgrade, req, method, body } = flight
    const tunnelled = upgrade !== undefined && flight.websocket && endpoint.upgrade !== undefined
    const headers = lines(flight, call, tunnelled)
    if (tunnelled) {
      handOverUpgrade(endpoint, req, upgrade.socket, upgrade.head, { url, method, headers })
      return
    }
    const res = localResponse(req, answer)
    handOver(endpoint, req, res, body === undefined ? { url, method, headers } : { url, method, headers, body })
  }

  #network(flight: Flight, answer: Answer, place: Extract<Place, { at: 'network' }>, path: string, call: ForwardCall): void {
    if (!isShort(flight)) {
      this.#send(flight, answer, place, path, call)
      return
    }
    // A short body, and the beginning of one of unknown length, is read first: a malformed chunk is refused before anything is sent.
    readAhead(flight.req)
      .then((body) => {
        if (body) flight.body = body
        this.#send(flight, answer, place, path, call)
      })
      .catch((error: unknown) => {
        // The client went, or its body was malformed: its connection is answered and ended by the server.
        if (error instanceof BodyError) call.settled?.(400, false)
        else this.#fail(flight, answer, call, error)
      })
  }

  #send(flight: Flight, answer: Answer, place: Extract<Place, { at: 'network' }>, path: string, call: ForwardCall): void {
    const { transport } = call
    let table = HeaderTable.empty()
    let timer: NodeJS.Timeout | undefined
    const offClose = new Map<() => void, () => void>()
    const giveUp = proxyOverNetwork({
      exchange: flight,
      path,
      headers: lines(flight, call, false),
      service: { retries: 0, readTimeoutMs: NO_LIMIT_MS },
      nextPool: () => this.#pools.get({ ...place, authority: call.target.authority }, transport),
      finishHead: (status, headers) => {
        clearTimeout(timer)
        table = headers
        return { status, headers: [] }
      },
      fail: (_, cause) => {
        clearTimeout(timer)
        this.#fail(flight, answer, call, cause)
      },
      broken: (cause) => {
        this.#log.debug({ server: call.target.url, err: cause }, 'the service ended its answer half way')
        answer.abort()
      },
      answer: {
        head: (status) => {
          dropHopByHop(table)
          answer.head(status, table)
        },
        write: (piece) => answer.write(piece),
        end: (trailers) => answer.end(trailers),
      },
      client: {
        once: (event, listener) => {
          if (event === 'drain') answer.onDrain(listener)
          else offClose.set(listener, answer.onClose(listener))
        },
        off: (event, listener) => {
          if (event === 'close') offClose.get(listener)?.()
        },
      },
    })
    if (transport.responseHeaderTimeoutMs > 0 && !answer.begun)
      timer = setTimeout(() => giveUp(new SilenceError('no head of an answer within the time-out')), transport.responseHeaderTimeoutMs)
  }

  #tunnel(flight: Flight, answer: Answer, place: Extract<Place, { at: 'network' }>, path: string, call: ForwardCall): void {
    const { socket, head } = flight.upgrade!
    const { transport } = call
    const close = tunnel({
      service: {
        ...transport,
        readTimeoutMs: transport.responseHeaderTimeoutMs || NO_LIMIT_MS,
        writeTimeoutMs: NO_LIMIT_MS,
      },
      place,
      path,
      headers: lines(flight, call, true),
      socket,
      head,
      finishHead: (status, headers) => {
        dropHopByHop(headers)
        call.settled?.(status, false)
        answer.head(status, headers)
        return { status, headers: headers.toRaw() }
      },
      refused: (refusal) => {
        const headers = HeaderTable.fromRaw(refusal.rawHeaders)
        dropHopByHop(headers)
        const observed = observe(flight, answer, call)
        observed.head(refusal.statusCode ?? 502, headers)
        refusal.on('data', (chunk: Buffer) => void observed.write(chunk))
        refusal.once('end', () => observed.end())
        refusal.once('error', () => observed.abort())
      },
      fail: (error) => this.#fail(flight, answer, call, error),
    })
    this.#tunnels.add(close)
    socket.once('close', () => this.#tunnels.delete(close))
  }

  #fail(flight: Flight, answer: Answer, call: ForwardCall, cause: unknown, known?: number): void {
    const status = known ?? statusOf(cause)
    const reason = cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : undefined
    this.#log.debug({ server: call.target.url, code: reason }, STATUS_TEXT[status] ?? 'failed')
    flight.notes.originStatus = status
    flight.notes.notSent = known !== undefined || neverSent(cause)
    flight.notes.originMs = performance.now() - (flight.notes.originStarted ?? 0)
    call.settled?.(status, true)
    respond(answer, status, STATUS_TEXT[status]!)
  }
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  504: 'Gateway Timeout',
}

const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'])

/** Upstream: pkg/proxy/httputil ComputeStatusCode. What is no failure of the network (a malformed answer, say) is 500. */
function statusOf(cause: unknown): number {
  const codes: string[] = []
  for (let error: unknown = cause; error instanceof Error; error = error.cause) {
    codes.push((error as NodeJS.ErrnoException).code ?? '')
    if (error instanceof AggregateError) codes.push(...error.errors.map((one: NodeJS.ErrnoException) => one.code ?? ''))
  }
  if (codes.some((code) => TIMEOUTS.has(code))) return 504
  return codes.some((code) => code.startsWith('HPE_') || code.startsWith('ERR_TLS') || code.startsWith('CERT_')) ? 500 : 502
}

const NOT_SENT = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])

/** No connection was made. */
function neverSent(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false
  if (cause instanceof AggregateError && cause.errors.length > 0) return cause.errors.every(neverSent)
  return NOT_SENT.has((cause as NodeJS.ErrnoException).code ?? '') || neverSent(cause.cause)
}

/** Notes what the service answered for the log, and tells the caller once. */
function observe(flight: Flight, answer: Answer, call: ForwardCall): Answer {
  const { notes } = flight
  return {
    head: (status, headers) => {
      notes.originStatus = status
      call.settled?.(status, false)
      answer.head(status, headers)
    },
    write: (chunk) => {
      notes.originBytes += chunk.length
      return answer.write(chunk)
    },
    end: (trailers) => {
      notes.originMs = performance.now() - (notes.originStarted ?? 0)
      answer.end(trailers)
    },
    abort: () => answer.abort(),
    onDrain: (listener) => answer.onDrain(listener),
    onClose: (listener) => answer.onClose(listener),
    get begun() {
      return answer.begun
    },
    get closed() {
      return answer.closed
    },
  }
}

function isShort({ body, req, hasBody }: Flight): boolean {
  if (body !== undefined || !hasBody) return false
  const length = req.headers['content-length']
  return length === undefined || Number(length) <= READ_AHEAD_BYTES
}

/** The header lines for the server. */
function lines(flight: Flight, { passHostHeader, target }: ForwardCall, upgrade: boolean): string[] {
  const { headers, body } = flight
  const out: string[] = ['Host', passHostHeader ? flight.host : target.authority]
  const keys = headers.keys()
  const chain: string[] = []
  let trailers = false
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at]!
    if (key === 'host') continue
    if (key === 'x-forwarded-for') {
      chain.push(headers.valueAt(at))
      continue
    }
    if (key === 'te') trailers ||= /(?:^|,)\s*trailers\s*(?:,|$)/i.test(headers.valueAt(at))
    if (HOP_BY_HOP.has(key) || (key === 'content-length' && body !== undefined) || key === 'expect') continue
    out.push(headers.nameAt(at), headers.valueAt(at))
  }
  if (!flight.keepForwardedFor) chain.push(flight.peer)
  if (chain.length > 0 && !flight.dropForwardedFor) out.push('X-Forwarded-For', chain.join(', '))
  if (body !== undefined && (body.length > 0 || !/^(?:GET|HEAD)$/.test(flight.method))) out.push('Content-Length', String(body.length))
  if (trailers) out.push('Te', 'trailers')
  if (upgrade) out.push('Connection', 'Upgrade', 'Upgrade', 'websocket')
  return out
}

/** Removes what belongs to the connection to the server. */
function dropHopByHop(headers: HeaderTable): void {
  const named = headers.has('connection') ? headers.all('connection') : []
  headers.removeWhere((key) => HOP_BY_HOP.has(key) && key !== 'trailer' && key !== 'proxy-authenticate')
  for (const line of named) for (const name of line.split(',')) headers.remove(name.trim().toLowerCase())
}
