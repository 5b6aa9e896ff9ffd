// How the service reaches databases: its own, and that of each tenant.
import type { ConnectionOptions } from '../../../pg/connection-options.ts'
import { connectionUrl } from '../../../pg/quote.ts'
import type { RealtimeEnv } from '../env.ts'
import type { TenantSettings } from './record.ts'

export interface DatabaseAddress {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  readonly ssl: boolean
}

export const serviceDatabase = (env: RealtimeEnv): DatabaseAddress => ({
  host: env.DB_HOST,
  port: env.DB_PORT,
  database: env.DB_NAME,
  user: env.DB_USER,
  password: env.DB_PASSWORD,
  ssl: env.DB_SSL,
})

export const tenantDatabase = (settings: TenantSettings, env: RealtimeEnv): DatabaseAddress => ({
  ...settings,
  ssl: settings.ssl || (env.DB_SSL && settings.host === env.DB_HOST),
})

/** For node-postgres. */
export function urlOf(address: DatabaseAddress, env: RealtimeEnv): string {
  const url = connectionUrl(address)
  if (!address.ssl) return url
  // Upstream encrypts without a look at the certificate, unless it is told by whom that must be signed.
  if (env.DB_SSL_CA_CERT === undefined) return `${url}?sslmode=no-verify`
  return `${url}?sslmode=verify-full&sslrootcert=${encodeURIComponent(env.DB_SSL_CA_CERT)}`
}

/** For the executor. */
export function connectionOf(address: DatabaseAddress, env: RealtimeEnv, applicationName: string): ConnectionOptions {
  return {
    hosts: [{ host: address.host, port: address.port }],
    user: address.user,
    password: address.password,
    database: address.database,
    sslmode: address.ssl ? (env.DB_SSL_CA_CERT === undefined ? 'require' : 'verify-full') : 'disable',
    sslrootcert: address.ssl ? env.DB_SSL_CA_CERT : undefined,
    sslcert: undefined,
    sslkey: undefined,
    connectTimeoutMs: 10_000,
    readWrite: false,
    parameters: { application_name: applicationName },
  }
}
