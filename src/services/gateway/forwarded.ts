// The header lines for the service: what belongs to the client's connection goes, who asked and how is told. Runs after the plugins.
import type { Exchange } from './exchange.ts'
import type { Service } from './plan.ts'

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy',
  'proxy-connection',
  'transfer-encoding',
  'expect',
  'upgrade',
  'http2-settings',
  'trailer',
])

/** `authority` is the Host for the service. */
export function forwardHeaders(exchange: Exchange, authority: string, { upgrade }: { upgrade: boolean }): void {
  const { headers, client, target, route, connectionNamed } = exchange
  const trailers = wantsTrailers(headers.get('te'))
  headers.removeWhere((key) => HOP_BY_HOP.has(key) || key === 'te' || connectionNamed?.has(key) === true)
  headers.set('Host', exchange.host ?? (route.preserveHost ? target.host : authority))
  headers.set('X-Real-IP', client.address)
  const chain = headers.all('x-forwarded-for')
  headers.set('X-Forwarded-For', chain.length > 0 ? `${chain.join(', ')}, ${client.peer}` : client.peer)
  told(exchange, 'X-Forwarded-Proto', client.scheme)
  told(exchange, 'X-Forwarded-Host', hostName(target.host))
  told(exchange, 'X-Forwarded-Port', String(client.port))
  told(exchange, 'X-Forwarded-Path', target.rawPath)
  const prefix = route.pathRule.strip && exchange.matched > 0 ? target.path.slice(0, exchange.matched) : '/'
  told(exchange, 'X-Forwarded-Prefix', prefix === '/' ? undefined : prefix)
  if (trailers) headers.append('TE', 'trailers')
  if (upgrade) {
    headers.append('Connection', 'keep-alive, Upgrade')
    headers.append('Upgrade', 'websocket')
  }
}

/** A trusted proxy's value stays; from anybody else it is ours or none. */
function told({ headers, client }: Exchange, name: string, value: string | undefined): void {
  const key = name.toLowerCase()
  if (client.trusted && headers.has(key)) return
  if (value === undefined) headers.remove(key)
  else headers.set(name, value)
}

function wantsTrailers(te: string | undefined): boolean {
  return te?.split(',').some((coding) => coding.trim().toLowerCase() === 'trailers') ?? false
}

function hostName(host: string): string {
  const colon = host.lastIndexOf(':')
  return colon > 0 && !host.endsWith(']') ? host.slice(0, colon) : host
}

/** Host header of an address: the port only where it is not the scheme's own. */
export function authorityOf(scheme: Service['scheme'], host: string, port: number): string {
  return port === (scheme === 'https' ? 443 : 80) ? host : `${host}:${port}`
}
