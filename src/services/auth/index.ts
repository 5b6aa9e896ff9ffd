// Auth: accounts, sessions and tokens on the tables of schema `auth`, a stand-in for GoTrue.
import { Executor } from '../../pg/executor.ts'
import { openPool } from '../../pg/pool.ts'
import { pipelinedConnection } from '../../pg/pool-connection.ts'
import { openRedis } from '../../redis/open.ts'
import { defineService } from '../../service/definition.ts'
import { type AuthEnv, authEnv, DEFAULT_PORT } from './env.ts'
import { openGeneration } from './generation.ts'
import { LocalCounters, SharedCounters } from './limits/counters.ts'
import { noMetrics, openMetrics } from './metrics.ts'
import { authMigrationsIn } from './migrations/index.ts'
import { buildSearchIndexes } from './search-indexes.ts'
import { Database } from './tables/database.ts'
import { Turns } from './tokens/turns.ts'

/** Connections where GOTRUE_DB_MAX_POOL_SIZE does not say how many. */
const DEFAULT_POOL = 10
/** Of how many connections one is pipelined: it serves the reads of many requests at once. With fewer there is none. */
const POOL_PER_PIPELINE = 4
const APPLICATION = 'plinth auth'
/** Of upstream's exporter for Prometheus. */
const METRICS_PORT = 9100
/** How long requests under the configuration before may still take; at the end of the service. */
const RETIRE_MS = 60_000
const STOP_MS = 5_000
/** What a new configuration cannot change while the service runs: it is told so, and needs a restart. */
const FIXED = [
  'GOTRUE_DB_DATABASE_URL',
  'DATABASE_URL',
  'GOTRUE_DB_MAX_POOL_SIZE',
  'GOTRUE_DB_NAMESPACE',
  'DB_NAMESPACE',
  'GOTRUE_API_HOST',
  'GOTRUE_API_PORT',
  'PORT',
  'GOTRUE_LOG_LEVEL',
  'GOTRUE_METRICS_ENABLED',
  'GOTRUE_METRICS_EXPORTER',
  'PLINTH_REDIS_URL',
] as const satisfies readonly (keyof AuthEnv)[]
/** Upstream's names of levels where ours differ. */
const LEVELS: Readonly<Record<string, string>> = { warning: 'warn', panic: 'fatal' }

const countsForPrometheus = (env: AuthEnv): boolean => env.GOTRUE_METRICS_ENABLED && env.GOTRUE_METRICS_EXPORTER === 'prometheus'

export const auth = defineService({
  name: 'auth',
  env: authEnv,
  needs: { db: 'healthy' },
  listen: (env) => [
    { endpoint: DEFAULT_PORT, host: env.GOTRUE_API_HOST || '0.0.0.0', port: env.GOTRUE_API_PORT ?? env.PORT ?? DEFAULT_PORT },
    ...(countsForPrometheus(env)
      ? [{ endpoint: METRICS_PORT, host: env.OTEL_EXPORTER_PROMETHEUS_HOST, port: env.OTEL_EXPORTER_PROMETHEUS_PORT }]
      : []),
  ],
  async start(env, ctx) {
    const log = env.GOTRUE_LOG_LEVEL ? ctx.log.child({}, { level: LEVELS[env.GOTRUE_LOG_LEVEL] ?? env.GOTRUE_LOG_LEVEL }) : ctx.log
    const schema = env.GOTRUE_DB_NAMESPACE ?? env.DB_NAMESPACE ?? 'auth'
    const connectionString = (env.GOTRUE_DB_DATABASE_URL ?? env.DATABASE_URL)!
    const size = env.GOTRUE_DB_MAX_POOL_SIZE || DEFAULT_POOL
    const pipelines = Math.floor(size / POOL_PER_PIPELINE)
    const connection = pipelines > 0 ? pipelinedConnection(connectionString, APPLICATION) : undefined
    const pipeline = connection && new Executor({ connection, max: pipelines })
    const pool = openPool({ connectionString, max: pipeline ? size - pipelines : size, applicationName: APPLICATION, log })
    const counters = env.PLINTH_REDIS_URL
      ? new SharedCounters(await openRedis(env.PLINTH_REDIS_URL, log), env.API_EXTERNAL_URL)
      : new LocalCounters()
    try {
      const prometheus = countsForPrometheus(env) ? await openMetrics() : undefined
      const lasting = {
        log,
        pool: new Database(pool, schema, log, pipeline),
        counters,
        refreshing: new Turns(),
        metrics: prometheus?.metrics ?? noMetrics,
      }
      let current = await openGeneration(env, lasting)
      const client = await pool.connect()
      try {
        await authMigrationsIn(schema).migrate(client)
      } finally {
        client.release()
      }
      const indexes = buildSearchIndexes(env, connectionString, schema, log)
      return {
        endpoints: [
          { port: DEFAULT_PORT, handle: (req, res) => current.handle(req, res) },
          ...(prometheus ? [{ port: METRICS_PORT, handle: prometheus.handle }] : []),
        ],
        health: async () => {
          await pool.query('select 1')
        },
        reload: async (values) => {
          if (values === undefined) return
          const next = values as AuthEnv
          const fixed = FIXED.filter((name) => String(next[name] ?? '') !== String(env[name] ?? ''))
          if (fixed.length > 0) log.warn({ variables: fixed }, 'these variables take effect at the next start only')
          const before = current
          current = await openGeneration(next, lasting)
          log.info('the configuration was read again')
          before.retire(RETIRE_MS).catch((error: unknown) => log.warn({ err: error }, 'the configuration before could not be closed'))
        },
        stop: async () => {
          await Promise.all([current.retire(STOP_MS), indexes?.stop()])
          await counters.close()
          await pipeline?.close()
          await pool.end()
        },
      }
    } catch (error) {
      await counters.close()
      await pipeline?.close()
      await pool.end()
      throw error
    }
  },
})
