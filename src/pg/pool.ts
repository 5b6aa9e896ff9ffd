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
  /** Run on each new connection before anybody gets it; one that it fails on is not used. */
  readonly firstQuery?: string
}

/** A lazy pool: no connection is made before the first query. An idle connection that breaks is logged and replaced, never thrown. */
export function openPool(options: PoolOptions): pg.Pool {
  const { firstQuery } = options
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.max,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
    ...(firstQuery === undefined ? {} : { onConnect: (client: pg.ClientBase) => waitedFor(client.query(firstQuery)) }),
  })
  pool.on('error', (error) => options.log.warn({ err: error }, 'an idle database connection was lost'))
  return pool
}

/** The pool waits for a promise, which its types do not say. */
const waitedFor = (work: Promise<unknown>): undefined => work as unknown as undefined
