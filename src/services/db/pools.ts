// Who may hold how many connections: one table, so that the sum stays under the server's limit whatever runs.
import type { Environment } from '../../service/definition.ts'
import { DatabaseProblem } from './server/problem.ts'
import { connectionLimit } from './server/settings.ts'

export interface Pool {
  readonly service: string
  readonly max: number
  /** The variable that says otherwise, where there is one. */
  readonly setting?: string
}

/** The full profile. Pools are lazy: an idle service holds one connection or none. */
export const POOLS: readonly Pool[] = [
  { service: 'rest', max: 10, setting: 'PGRST_DB_POOL' },
  { service: 'auth', max: 10, setting: 'GOTRUE_DB_MAX_POOL_SIZE' },
  { service: 'storage', max: 8, setting: 'DATABASE_MAX_CONNECTIONS' },
  { service: 'realtime', max: 8, setting: 'DB_POOL_SIZE' },
  { service: 'meta', max: 4, setting: 'PG_META_MAX_CONNECTIONS' },
  { service: 'analytics', max: 4, setting: 'DB_POOL_SIZE' },
  { service: 'pooler', max: 5, setting: 'POOLER_DB_POOL_SIZE' },
  { service: 'functions', max: 1 },
  // Listening and pg_net 1, health 1, jobs of pg_cron 4.
  { service: 'db', max: 6 },
]

/** What of a stack's node is needed to know its connections. */
export interface PooledNode {
  readonly name: string
  readonly kind: string
  readonly env: Environment
}

/** The pools of these nodes: what the table says, or what the node's own variable does. Zero means the table. */
export function poolsOf(nodes: readonly PooledNode[]): Pool[] {
  return nodes.flatMap(({ name, kind, env }) => {
    const pool = POOLS.find(({ service }) => service === kind)
    if (!pool) return []
    return [{ ...pool, service: name, max: Number(pool.setting && env[pool.setting]) || pool.max }]
  })
}

/** Refuses a stack whose pools would overrun the embedded server. */
export function checkPools(nodes: readonly PooledNode[], settings: Readonly<Record<string, string>>): void {
  const pools = poolsOf(nodes)
  const sum = pools.reduce((total, { max }) => total + max, 0)
  const { max, reserved } = connectionLimit(settings)
  if (sum <= max - reserved) return
  const table = pools.map((pool) => `${pool.service} ${pool.max}${pool.setting ? ` (${pool.setting})` : ''}`).join(', ')
  throw new DatabaseProblem(
    `The stack may open ${sum} connections, and the database allows ${max - reserved} (max_connections ${max}, ${reserved} of them reserved). ` +
      `Raise max_connections in [db.settings] (PLINTH_DB_SETTINGS), or lower the pools: ${table}.`,
  )
}
