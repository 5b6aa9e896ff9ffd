// Who may hold how many connections: one table, so that the sum stays under the server's limit whatever runs.
import { DatabaseProblem } from './server/problem.ts'
import { connectionLimit } from './server/settings.ts'

export interface Pool {
  readonly service: string
  readonly max: number
  /** The variable that sets it, for who has to change one. */
  readonly setting: string
}

/** The full profile. Pools are lazy: an idle service holds none or one. */
export const POOLS: readonly Pool[] = [
  { service: 'rest', max: 10, setting: 'PGRST_DB_POOL' },
  { service: 'auth', max: 10, setting: 'GOTRUE_DB_MAX_POOL_SIZE' },
  { service: 'storage', max: 8, setting: 'DATABASE_MAX_CONNECTIONS' },
  { service: 'realtime', max: 8, setting: 'DB_POOL_SIZE' },
  { service: 'meta', max: 4, setting: 'PG_CONN_POOL_SIZE' },
  { service: 'analytics', max: 4, setting: 'LOGFLARE_DB_POOL_SIZE' },
  { service: 'pooler', max: 5, setting: 'POOLER_DB_POOL_SIZE' },
  { service: 'functions', max: 1, setting: 'SUPABASE_DB_URL' },
  { service: 'db', max: 6, setting: 'the service itself' },
]

export const POOL_LIMIT = 60

/** Refuses a `max_connections` that the pools of the stack would overrun. */
export function checkPools(settings: Readonly<Record<string, string>>, pools: readonly Pool[] = POOLS): void {
  const sum = pools.reduce((total, { max }) => total + max, 0)
  const { max, reserved } = connectionLimit(settings)
  if (sum <= max - reserved) return
  const table = pools.map((pool) => `${pool.service} ${pool.max} (${pool.setting})`).join(', ')
  throw new DatabaseProblem(
    `The stack may open ${sum} connections, and the database allows ${max - reserved} (max_connections ${max}, ${reserved} of them reserved). ` +
      `Raise max_connections in [db.settings], or lower: ${table}.`,
  )
}
