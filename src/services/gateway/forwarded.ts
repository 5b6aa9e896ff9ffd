// The header lines for the service: what belongs to the client's connection goes, who asked and how is told. Runs after the plugins.
import type { Exchange } from './exchange.ts'
import type { Service } from './plan.ts'

type Rule =
  /** Ends here, or is written anew whatever the client sent. */
  | 'replaced'
  /** Of these a trusted proxy's own values stay. */
  | 'told'

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...[
    'connection',
    'keep-alive',
    'proxy',
    'proxy-connection',
    'transfer-encoding',
    'expect',
    'upgrade',
    'http2-settings',
    'trailer',
    'te',
    'host',
    'x-real-ip',
    'x-forwarded-for',
  ].map((key) => [key, 'replaced'] as const),
  ...['proto', 'host', 'port', 'path', 'prefix'].map((what) => [`x-forwarded-${what}`, 'told'] as const),
])

/** `authority` is the Host for the service. The lines are as Node's rawHeaders. */
export function forwardedLines(exchange: Exchange, authority: string, { upgrade }: { upgrade: boolean }): string[] {
  const { headers, client, target, route, connectionNamed } = exchange
  const lines: string[] = ['Host', exchange.host ?? (route.preserveHost ? target.host : authority)]
  let chain = ''
  let trailers = false
  let kept: Set<string> | undefined
  const keys = headers.keys()
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at]!
    const rule = RULES.get(key)
    if (rule === 'replaced') {
      if (key === 'x-forwarded-for' && !connectionNamed?.has(key)) chain += `${headers.valueAt(at)}, `
      else if (key === 'te') trailers ||= wantsTrailers(headers.valueAt(at))
      continue
    }
    if (connectionNamed?.has(key)) continue
    if (rule === 'told') {
      if (!client.trusted) continue
      kept = (kept ?? new Set()).add(key)
    }
    lines.push(headers.nameAt(at), headers.valueAt(at))
  }
  lines.push('X-Real-IP', client.address, 'X-Forwarded-For', chain + client.peer)
  if (!kept?.has('x-forwarded-proto')) lines.push('X-Forwarded-Proto', client.scheme)
  if (!kept?.has('x-forwarded-host')) lines.push('X-Forwarded-Host', hostName(target.host))
  if (!kept?.has('x-forwarded-port')) lines.push('X-Forwarded-Port', String(client.port))
  if (!kept?.has('x-forwarded-path')) lines.push('X-Forwarded-Path', target.rawPath)
  if (route.pathRule.strip && exchange.matched > 1 && !kept?.has('x-forwarded-prefix'))
    lines.push('X-Forwarded-Prefix', target.path.slice(0, exchange.matched))
  if (trailers) lines.push('TE', 'trailers')
  if (upgrade) lines.push('Connection', 'keep-alive, Upgrade', 'Upgrade', 'websocket')
  return lines
}

function wantsTrailers(te: string): boolean {
  return te.split(',').some((coding) => coding.trim().toLowerCase() === 'trailers')
}

function hostName(host: string): string {
  const colon = host.lastIndexOf(':')
  return colon > 0 && !host.endsWith(']') ? host.slice(0, colon) : host
}

/** Host header of an address: the port only where it is not the scheme's own. */
export function authorityOf(scheme: Service['scheme'], host: string, port: number): string {
  return port === (scheme === 'https' ? 443 : 80) ? host : `${host}:${port}`
}
