// Auth: accounts, sessions and tokens on the tables of schema `auth`, a stand-in for GoTrue.
import { openPool } from '../../pg/pool.ts'
import { openRedis } from '../../redis/open.ts'
import { defineService } from '../../service/definition.ts'
import { buildApp } from './app.ts'
import { Cleanup } from './cleanup.ts'
import { authEnv, DEFAULT_PORT } from './env.ts'
import { Hooks } from './hooks/hooks.ts'
import { LocalCounters, SharedCounters } from './limits/counters.ts'
import { Limits } from './limits/limits.ts'
import { Mailer } from './mail/mailer.ts'
import { authMigrationsIn } from './migrations/index.ts'
import { ValueCipher } from './passwords/encryption.ts'
import { PasswordHasher } from './passwords/hash.ts'
import { redirectRules } from './request/redirect-target.ts'
import { routes } from './routes/index.ts'
import type { AuthState } from './state.ts'
import { Database } from './tables/database.ts'
import { tokenKeys } from './tokens/keys.ts'
import { Turns } from './tokens/turns.ts'

/** Connections where GOTRUE_DB_MAX_POOL_SIZE does not say how many. */
const DEFAULT_POOL = 10
/** Upstream's names of levels where ours differ. */
const LEVELS: Readonly<Record<string, string>> = { warning: 'warn', panic: 'fatal' }

export const auth = defineService({
  name: 'auth',
  env: authEnv,
  needs: { db: 'healthy' },
  listen: (env) => [
    { endpoint: DEFAULT_PORT, host: env.GOTRUE_API_HOST || '0.0.0.0', port: env.GOTRUE_API_PORT ?? env.PORT ?? DEFAULT_PORT },
  ],
  async start(env, ctx) {
    const log = env.GOTRUE_LOG_LEVEL ? ctx.log.child({}, { level: LEVELS[env.GOTRUE_LOG_LEVEL] ?? env.GOTRUE_LOG_LEVEL }) : ctx.log
    const schema = env.GOTRUE_DB_NAMESPACE ?? env.DB_NAMESPACE ?? 'auth'
    const pool = openPool({
      connectionString: (env.GOTRUE_DB_DATABASE_URL ?? env.DATABASE_URL)!,
      max: env.GOTRUE_DB_MAX_POOL_SIZE || DEFAULT_POOL,
      applicationName: 'plinth auth',
      log,
    })
    const mailer = new Mailer(env, log)
    const counters = env.PLINTH_REDIS_URL
      ? new SharedCounters(await openRedis(env.PLINTH_REDIS_URL, log), env.API_EXTERNAL_URL)
      : new LocalCounters()
    try {
      const database = new Database(pool, schema, log)
      const state: AuthState = {
        env,
        log,
        pool: database,
        keys: tokenKeys(env),
        redirects: redirectRules(env.GOTRUE_SITE_URL, env.GOTRUE_URI_ALLOW_LIST),
        limits: new Limits(env, counters),
        hooks: new Hooks(env, database),
        mailer,
        passwords: new PasswordHasher(env.PLINTH_AUTH_HASH_QUEUE),
        cipher: new ValueCipher(env),
        refreshing: new Turns(),
        cleanup: env.GOTRUE_DB_CLEANUP_ENABLED ? new Cleanup(env, log) : undefined,
      }
      const client = await pool.connect()
      try {
        await authMigrationsIn(schema).migrate(client)
      } finally {
        client.release()
      }
      const app = await buildApp(state, routes)
      return {
        endpoints: [{ port: DEFAULT_PORT, handle: app.routing }],
        health: async () => {
          await pool.query('select 1')
        },
        stop: async () => {
          await app.close()
          mailer.stop()
          await counters.close()
          await pool.end()
        },
      }
    } catch (error) {
      mailer.stop()
      await counters.close()
      await pool.end()
      throw error
    }
  },
})
