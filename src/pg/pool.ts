// Ordinary connections by node-postgres: for whatever is not the REST hot path.
import pg from 'pg'
import type { Logger } from '../log/log.ts'

export interface PoolOptions {
  readonly connectionString: string
  readonly max: number
  readonly applicationName: string
  readonly log: Logger
  /** Milliseconds to wait for a connection before the caller gets an error. */
  readonly connectTimeoutMs?: number
}

/** A lazy pool: no connection is made before the first query. An idle connection that breaks is logged and replaced, never thrown. */
export function openPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.max,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
  })
  pool.on('error', (error) => options.log.warn({ err: error }, 'an idle database connection was lost'))
  return pool
}
