// The X-Forwarded family: believed from trusted peers alone, and told to services anew. Upstream: pkg/middlewares/forwardedheaders.
import { hostname } from 'node:os'
import type { AddressSet } from '../client.ts'
import type { HeaderTable } from '../header-table.ts'

export const MANAGED: ReadonlySet<string> = new Set([
  'x-forwarded-proto',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-server',
  'x-forwarded-uri',
  'x-forwarded-method',
  'x-forwarded-prefix',
  'x-forwarded-tls-client-cert',
  'x-forwarded-tls-client-cert-info',
  'x-real-ip',
])

/** Also as `X_Forwarded_For`: some services read it as the same header. */
export function isManaged(key: string): boolean {
  return key.charCodeAt(0) === 0x78 && MANAGED.has(key.includes('_') ? key.replaceAll('_', '-') : key)
}

export interface ForwardedSettings {
  readonly insecure: boolean
  readonly trusted: AddressSet | undefined
  /** Headers that Connection may name and that pass all the same. */
  readonly connection: ReadonlySet<string>
}

const SERVER = hostname() || 'localhost'

export function rewriteForwarded(
  headers: HeaderTable,
  { peer, host, secure, websocket }: { peer: string; host: string; secure: boolean; websocket: boolean },
  settings: ForwardedSettings,
): void {
  const connection = headers.has('connection') ? headers.all('connection') : undefined
  if (!settings.insecure && !(settings.trusted?.has(peer) ?? false)) headers.removeWhere(isManaged)
  const fill = (name: string, key: string, value: () => string) => {
    if (!headers.get(key)) headers.set(name, value(), key)
  }
  fill('X-Real-Ip', 'x-real-ip', () => peer)
  fill('X-Forwarded-Proto', 'x-forwarded-proto', () => (websocket ? (secure ? 'wss' : 'ws') : secure ? 'https' : 'http'))
  fill('X-Forwarded-Port', 'x-forwarded-port', () => forwardedPort(host, headers.get('x-forwarded-proto'), secure))
  if (host !== '') fill('X-Forwarded-Host', 'x-forwarded-host', () => host)
  if (headers.repeated('x-forwarded-for')) headers.set('X-Forwarded-For', headers.all('x-forwarded-for').join(', '))
  headers.set('X-Forwarded-Server', SERVER, 'x-forwarded-server')
  // What the client's connection names ends here; the names that the gateway answers for it cannot name away.
  for (const line of connection ?? [])
    for (const name of line.split(',')) {
      const key = name.trim().toLowerCase()
      if (key !== '' && key !== 'upgrade' && !isManaged(key) && !settings.connection.has(key)) headers.remove(key)
    }
}

export function forwardedPort(host: string, proto: string | undefined, secure: boolean): string {
  const port = /:(\d+)$/.exec(host)?.[1]
  if (port !== undefined) return port
  return proto === 'https' || proto === 'wss' || secure ? '443' : '80'
}
