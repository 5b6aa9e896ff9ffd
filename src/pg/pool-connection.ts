// A connection string as node-postgres understands it, for pipelined connections beside a pool: both reach the same server under the
// same demands on its certificate.
import { type ConnectionOptions, parseConnection } from './connection-options.ts'

/** What `sslmode` means to node-postgres; without one it speaks in the clear. */
const MODES: ReadonlyMap<string, ConnectionOptions['sslmode']> = new Map([
  ['disable', 'disable'],
  ['prefer', 'verify-full'],
  ['require', 'verify-full'],
  ['verify-ca', 'verify-full'],
  ['verify-full', 'verify-full'],
  ['no-verify', 'require'],
])
/** What the executor does not know, and nobody should have to notice. */
const APART = ['uselibpqcompat', 'sslnegotiation', 'ssl']

/** Undefined for a string that only node-postgres understands: such a service does without pipelined connections. */
export function pipelinedConnection(connectionString: string, applicationName: string): ConnectionOptions | undefined {
  if (!URL.canParse(connectionString)) return undefined
  const url = new URL(connectionString)
  if (APART.some((name) => url.searchParams.has(name))) return undefined
  const sslmode = MODES.get(url.searchParams.get('sslmode') ?? 'disable')
  if (sslmode === undefined) return undefined
  url.searchParams.delete('sslmode')
  try {
    const options = parseConnection(url.href)
    return { ...options, sslmode, parameters: { application_name: applicationName, datestyle: 'ISO', ...options.parameters } }
  } catch {
    return undefined // the pool reads the same text, and says what is wrong with it
  }
}
