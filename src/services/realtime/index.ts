// Realtime: broadcast, presence and changes of the database over one WebSocket, a stand-in for supabase/realtime.
import type { Client } from 'pg'
import { openPool } from '../../pg/pool.ts'
import { defineService } from '../../service/definition.ts'
import { UndoList } from '../../service/undo-list.ts'
import { openCluster } from './cluster/cluster.ts'
import { realtimeEnv } from './env.ts'
import { openApp } from './http/app.ts'
import { startJanitor } from './messages/janitor.ts'
import { openMetrics } from './metrics.ts'
import { migrateService, migrateTenant } from './migrations/index.ts'
import { openWebSockets } from './socket/websocket.ts'
import type { RealtimeState } from './state.ts'
import { serviceDatabase, urlOf } from './tenants/database.ts'
import { openEncryption } from './tenants/encryption.ts'
import { connectTo, prepareDatabase } from './tenants/prepare.ts'
import type { TenantRecord } from './tenants/record.ts'
import { selfHostedTenant } from './tenants/seed.ts'
import { TenantStore } from './tenants/store.ts'
import { Tenant } from './tenants/tenant.ts'
import { Tenants } from './tenants/tenants.ts'

const PORT = 4_000
/** Records of tenants are read and written; everything else goes to the tenants' own databases. */
const SERVICE_CONNECTIONS = 2
/** Upstream's names of levels where ours differ. */
const LEVELS: ReadonlyMap<string, string> = new Map([
  ['notice', 'info'],
  ['warning', 'warn'],
  ['critical', 'fatal'],
  ['alert', 'fatal'],
  ['emergency', 'fatal'],
])
const HOSTS: ReadonlyMap<string | undefined, string> = new Map([
  ['ipv4', '0.0.0.0'],
  ['ipv6', '::'],
])

export const realtime = defineService({
  name: 'realtime',
  env: realtimeEnv,
  needs: { db: 'healthy' },
  listen: (env) => [{ endpoint: PORT, host: HOSTS.get(env.REALTIME_IP_VERSION) ?? '*', port: env.PORT }],
  async start(env, ctx) {
    const log = env.LOG_LEVEL ? ctx.log.child({}, { level: LEVELS.get(env.LOG_LEVEL) ?? env.LOG_LEVEL }) : ctx.log
    const undo = new UndoList()
    try {
      const pool = openPool({
        connectionString: urlOf(serviceDatabase(env), env),
        max: SERVICE_CONNECTIONS,
        applicationName: 'realtime',
        log,
        ...(env.DB_AFTER_CONNECT_QUERY === undefined ? {} : { firstQuery: env.DB_AFTER_CONNECT_QUERY }),
      })
      undo.defer(() => pool.end())
      const encryption = openEncryption(env)
      const store = new TenantStore(pool, encryption)
      const client = await pool.connect()
      try {
        await migrateService(client)
        if (env.SEED_SELF_HOST) await migrateTenant(client)
      } finally {
        client.release()
      }
      if (env.SEED_SELF_HOST) await store.replace(env.SELF_HOST_TENANT_NAME, selfHostedTenant(env))
      const cluster = env.PLINTH_REDIS_URL === undefined ? undefined : await openCluster(env.PLINTH_REDIS_URL, log)
      undo.defer(() => cluster?.close())
      const metrics = openMetrics(() => tenants.open)
      const tenants: Tenants = new Tenants({
        store,
        log,
        expirationMs: env.TENANT_CACHE_EXPIRATION_IN_MS,
        open: (record) => {
          // That of the stack was looked after a moment ago.
          if (!env.SEED_SELF_HOST || record.externalId !== env.SELF_HOST_TENANT_NAME) void prepareDatabase(record, { env, log, encryption })
          return new Tenant(record, { env, log, measured: metrics.measured, cluster, decrypt: (value) => encryption.decrypt(value) })
        },
      })
      const state: RealtimeState = { env, log, encryption, store, tenants, metrics }
      const app = openApp(state)
      undo.defer(() => app.close())
      const sockets = openWebSockets(state)
      undo.defer(() => sockets.close())
      undo.defer(() => tenants.close())
      if (env.RUN_JANITOR) {
        const janitor = startJanitor({
          tenants: async () =>
            (await store.all()).map((record) => ({ id: record.externalId, connect: () => reach(record, { env, encryption }) })),
          firstAfterMs: env.JANITOR_RUN_AFTER_IN_MS,
          everyMs: env.JANITOR_SCHEDULE_TIMER_IN_MS,
          randomize: env.JANITOR_SCHEDULE_RANDOMIZE,
          children: env.JANITOR_MAX_CHILDREN,
          timeoutMs: env.JANITOR_CHILDREN_TIMEOUT,
          log,
        })
        undo.defer(() => janitor.stop())
      }
      return {
        endpoints: [{ port: PORT, handle: app.handle, upgrade: sockets.upgrade }],
        health: async () => {
          await pool.query('select 1')
        },
        drain: () => {
          for (const tenant of tenants.open) tenant.drain()
        },
        stop: () => undo.undo(),
      }
    } catch (error) {
      await undo.undo()
      throw error
    }
  },
})

/** For the upkeep of messages: a tenant without a database is told in the log like one that is away. */
async function reach(record: TenantRecord, state: Parameters<typeof connectTo>[1]): Promise<Client> {
  const client = await connectTo(record, state, 'realtime_janitor')
  if (client === undefined) throw new Error('the tenant has no database')
  return client
}
