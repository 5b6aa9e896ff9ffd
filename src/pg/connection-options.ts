// Where and how to connect: a libpq URI or `key=value` text, gaps filled from PG* variables, as libpq reads them.
import { homedir } from 'node:os'
import type { Environment } from '../service/definition.ts'

export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'

export interface ConnectionOptions {
  /** Tried in order; a host that begins with a slash is the folder of a Unix socket. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[]
  readonly user: string
  readonly password: string | undefined
  readonly database: string
  readonly sslmode: SslMode
  readonly sslrootcert: string | undefined
  readonly sslcert: string | undefined
  readonly sslkey: string | undefined
  readonly connectTimeoutMs: number
  /** Only a server that accepts writes will do (`target_session_attrs=read-write` or `primary`). */
  readonly readWrite: boolean
  /** Startup parameters: application_name, options, timezone. */
  readonly parameters: Readonly<Record<string, string>>
}

const SSL_MODES: readonly string[] = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']
const VARIABLES: Readonly<Record<string, string>> = {
  host: 'PGHOST',
  port: 'PGPORT',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  dbname: 'PGDATABASE',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  application_name: 'PGAPPNAME',
  options: 'PGOPTIONS',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
}

/** The names of the variables that may fill what the connection string leaves open. */
export const CONNECTION_VARIABLES: readonly string[] = [...Object.values(VARIABLES), 'PGTZ', 'PGDATESTYLE']

/** Throws TypeError when the text is no connection string. */
export function parseConnection(text: string, environment: Environment = {}): ConnectionOptions {
  const given = /^postgres(ql)?:\/\//.test(text) ? fromUri(text) : fromPairs(text)
  const value = (key: string): string | undefined => given.get(key) || environment[VARIABLES[key] ?? ''] || undefined
  const hosts = (value('host') ?? given.get('hostaddr') ?? 'localhost').split(',')
  const ports = (value('port') ?? '5432').split(',')
  const user = value('user') ?? 'postgres'
  const sslmode = value('sslmode') ?? 'prefer'
  if (!SSL_MODES.includes(sslmode)) throw new TypeError(`Cannot read the connection string: sslmode is none of ${SSL_MODES.join(', ')}`)
  const parameters: Record<string, string> = {}
  const name = value('application_name') ?? given.get('fallback_application_name')
  if (name !== undefined) parameters['application_name'] = name
  const options = value('options')
  if (options !== undefined) parameters['options'] = options
  if (environment['PGTZ']) parameters['timezone'] = environment['PGTZ']
  if (environment['PGDATESTYLE']) parameters['datestyle'] = environment['PGDATESTYLE']
  return {
    hosts: hosts.map((host, index) => ({ host: host || 'localhost', port: portOf(ports[index] ?? ports[0]!) })),
    user,
    password: value('password'),
    database: value('dbname') ?? user,
    sslmode: sslmode as SslMode,
    sslrootcert: value('sslrootcert')?.replace(/^~(?=\/)/, homedir()),
    sslcert: value('sslcert'),
    sslkey: value('sslkey'),
    connectTimeoutMs: Number(value('connect_timeout') ?? 10) * 1_000 || 10_000,
    readWrite: ['read-write', 'primary'].includes(value('target_session_attrs') ?? ''),
    parameters,
  }
}

function portOf(text: string): number {
  const port = text === '' ? 5432 : Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new TypeError(`Cannot read the connection string: invalid port`)
  return port
}

function fromUri(text: string): Map<string, string> {
  const found = /^postgres(?:ql)?:\/\/(?:([^:@/?]*)(?::([^@/?]*))?@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(text)
  if (!found) throw new TypeError('Cannot read the connection string: it is no postgresql:// URI')
  const [, user, password, authority = '', database, query] = found
  const values = new Map<string, string>()
  if (user) values.set('user', decode(user))
  if (password) values.set('password', decode(password))
  if (database) values.set('dbname', decode(database))
  if (authority !== '') {
    const parts = authority.split(',').map((part) => /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(part) ?? [part, part])
    values.set('host', parts.map(([, host]) => decode((host ?? '').replace(/^\[(.*)\]$/, '$1'))).join(','))
    if (parts.some(([, , port]) => port)) values.set('port', parts.map(([, , port]) => port ?? '').join(','))
  }
  for (const pair of (query ?? '').split('&')) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    if (at < 0) throw new TypeError('Cannot read the connection string: a parameter has no value')
    const key = decode(pair.slice(0, at))
    values.set(key === 'ssl' ? 'sslmode' : key, key === 'ssl' ? 'require' : decode(pair.slice(at + 1)))
  }
  return values
}

function fromPairs(text: string): Map<string, string> {
  const values = new Map<string, string>()
  const pattern = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))\s*/gsy
  while (pattern.lastIndex < text.length) {
    const found = pattern.exec(text)
    if (!found) throw new TypeError('Cannot read the connection string: expected key=value pairs')
    values.set(found[1]!, (found[2] ?? found[3] ?? '').replace(/\\(.)/gs, '$1'))
  }
  return values
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new TypeError('Cannot read the connection string: a percent sign is not part of an escape')
  }
}
