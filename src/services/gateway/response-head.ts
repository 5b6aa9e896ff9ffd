// The head of an answer on its way to the client: what may not pass, what the gateway adds, and who it says it is.
import type { HeaderTable } from './header-table.ts'

export interface ResponseHead {
  status: number
  readonly headers: HeaderTable
}

/** The version that upstream's local stack and the seed's compose file run; clients see it in Server and Via. */
export const SERVER = 'kong/2.8.1'

/** Which of its own headers the gateway shows (KONG_HEADERS). */
export interface OwnHeaders {
  readonly server: boolean
  readonly via: boolean
  readonly upstreamLatency: boolean
  readonly proxyLatency: boolean
  readonly responseLatency: boolean
  readonly upstreamStatus: boolean
}

export function ownHeaders(setting: readonly string[]): OwnHeaders {
  const shown = new Set(setting.map((item) => item.toLowerCase()))
  const any = (...names: string[]) => names.some((name) => shown.has(name))
  if (any('off'))
    return { server: false, via: false, upstreamLatency: false, proxyLatency: false, responseLatency: false, upstreamStatus: false }
  return {
    server: any('server_tokens', 'server'),
    via: any('server_tokens', 'via'),
    upstreamLatency: any('latency_tokens', 'x-kong-upstream-latency'),
    proxyLatency: any('latency_tokens', 'x-kong-proxy-latency'),
    responseLatency: any('latency_tokens', 'x-kong-response-latency'),
    upstreamStatus: any('x-kong-upstream-status'),
  }
}

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'x-pad'])

const endsHere = (key: string): boolean => HOP_BY_HOP.has(key) || key.startsWith('x-accel-')

/** Removes what belongs to the connection to the service, and nginx's private orders. */
export function dropHopByHop(headers: HeaderTable): void {
  const connection = headers.has('connection') ? headers.all('connection') : undefined
  headers.removeWhere(endsHere)
  for (const line of connection ?? []) for (const name of line.split(',')) headers.remove(name.trim().toLowerCase())
}

/** Times of one request, in milliseconds of the same clock. */
export interface Times {
  readonly received: number
  /** When the request was handed to the service; undefined when it never was. */
  readonly proxied: number | undefined
}

export function addProxiedHeaders(head: ResponseHead, own: OwnHeaders, times: Times, now: number): void {
  const { headers } = head
  const proxied = times.proxied ?? now
  if (own.upstreamStatus) headers.set('X-Kong-Upstream-Status', String(head.status), 'x-kong-upstream-status')
  if (own.upstreamLatency) headers.set('X-Kong-Upstream-Latency', String(Math.round(now - proxied)), 'x-kong-upstream-latency')
  if (own.proxyLatency) headers.set('X-Kong-Proxy-Latency', String(Math.round(proxied - times.received)), 'x-kong-proxy-latency')
  if (own.via) headers.set('Via', SERVER, 'via')
}

export function addOwnHeaders(head: ResponseHead, own: OwnHeaders, times: Times, now: number): void {
  if (own.server) head.headers.set('Server', SERVER)
  if (times.proxied !== undefined) addProxiedHeaders(head, own, times, now)
  else if (own.responseLatency) head.headers.set('X-Kong-Response-Latency', String(Math.round(now - times.received)))
}
