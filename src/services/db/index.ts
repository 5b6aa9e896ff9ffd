// The service `db`: the Postgres that Plinth brings along, or one elsewhere, brought to the state that every other service expects.
import type { Client } from 'pg'
import { connectionUrl } from '../../pg/quote.ts'
import type { DatabaseService } from '../../service/database.ts'
import { defineService, type ServiceContext } from '../../service/definition.ts'
import { startBackground } from './background/connection.ts'
import { cronTask } from './background/cron.ts'
import { netTask } from './background/net.ts'
import { bootstrap } from './bootstrap/bootstrap.ts'
import { makeSupabaseDatabase } from './bootstrap/supabase-database.ts'
import { reachElsewhere } from './elsewhere.ts'
import { type DbEnv, dbEnv, isEmbedded } from './env.ts'
import { SUPERUSER } from './server/cluster.ts'
import { startEmbedded } from './server/embedded.ts'
import { removeCluster, removeData } from './server/place.ts'
import { DatabaseProblem } from './server/problem.ts'
import { ensureRootKey, reconcileRootKey } from './server/root-key.ts'

const HEALTH_TIMEOUT_MS = 5_000

export const db = defineService({
  name: 'db',
  env: dbEnv,
  needs: {},
  // Postgres opens its own socket (PLINTH_DB_LISTEN and POSTGRES_PORT); there is no endpoint of ours.
  listen: () => [],
  start: (env, ctx) => startDatabase(env, ctx),
})

/** The same as `db.start`, with the type that says what only a database has. */
export async function startDatabase(env: DbEnv, ctx: ServiceContext): Promise<DatabaseService> {
  return isEmbedded(env) ? startOwn(env, ctx) : startElsewhere(env, ctx)
}

async function startOwn(env: DbEnv, { log, signal }: ServiceContext): Promise<DatabaseService> {
  const server = await startEmbedded({
    stateDir: env.PLINTH_STATE_DIR,
    pgdata: env.PGDATA,
    listen: env.PLINTH_DB_LISTEN,
    port: env.POSTGRES_PORT,
    password: env.POSTGRES_PASSWORD,
    settings: env.PLINTH_DB_SETTINGS,
    log,
    signal,
    furnish: (place) => ensureRootKey(place, env.PLINTH_DB_ROOT_KEY),
  })
  try {
    await prepare(env, {
      log,
      connect: server.connect,
      superuser: true,
      fresh: server.fresh,
      also: (client) => reconcileRootKey(server.place, env.PLINTH_DB_ROOT_KEY, client, log),
    })
  } catch (error) {
    await server.stop()
    if (server.fresh) await removeMade(env, server.place.dataDir)
    throw error
  }
  const background = startBackground({
    connect: () => server.connect(env.POSTGRES_DB, 'plinth db background'),
    tasks: [netTask(log), cronTask({ connectAs: (user, database) => server.connectAs(user, database, 'pg_cron'), log })],
    log,
  })
  return {
    endpoints: [],
    fresh: server.fresh,
    adminUrl: connectionUrl({
      user: SUPERUSER,
      password: env.POSTGRES_PASSWORD,
      host: reachableHost(env.PLINTH_DB_LISTEN),
      port: env.POSTGRES_PORT,
      database: env.POSTGRES_DB,
    }),
    dataDir: server.place.dataDir,
    ended: server.postmaster.exited,
    async health() {
      const reason = server.postmaster.reason()
      if (reason !== undefined) throw new Error(reason)
      await answers(server.connect, env.POSTGRES_DB)
    },
    async stop() {
      await background.stop()
      await server.stop()
    },
    remove: () => removeMade(env, server.place.dataDir),
  }
}

const removeMade = (env: DbEnv, dataDir: string): Promise<void> =>
  env.PLINTH_STATE_DIR ? removeCluster(env.PLINTH_STATE_DIR) : removeData(dataDir)

async function startElsewhere(env: DbEnv, { log }: ServiceContext): Promise<DatabaseService> {
  const server = await reachElsewhere(env)
  const first = await prepare(env, { log, connect: server.connect, superuser: false, fits: server.fits })
  return {
    endpoints: [],
    fresh: first,
    adminUrl: server.url,
    dataDir: undefined,
    health: () => answers(server.connect, env.POSTGRES_DB),
    stop: async () => {},
    remove: () => Promise.reject(new DatabaseProblem('The database of this stack runs elsewhere; Plinth does not delete it.')),
  }
}

interface Prepare {
  readonly log: ServiceContext['log']
  readonly connect: (database: string) => Promise<Client>
  readonly superuser: boolean
  readonly fresh?: boolean
  readonly also?: (client: Client) => Promise<void>
  readonly fits?: (role: string) => Promise<boolean>
}

async function prepare(env: DbEnv, { log, connect, superuser, fresh, also, fits }: Prepare): Promise<boolean> {
  if (superuser && env.POSTGRES_DB !== 'postgres') await makeDatabase(connect, env.POSTGRES_DB)
  const client = await connect(env.POSTGRES_DB)
  try {
    const { POSTGRES_PASSWORD: password, JWT_SECRET: jwtSecret, JWT_EXP: jwtExp } = env
    // A second connection where both have work to do: at a first start that saves a tenth of a second.
    const databases = fresh ? withClient(connect, 'postgres', (second) => makeSupabaseDatabase(second, connect)) : undefined
    databases?.catch(() => {}) // awaited below
    const { first } = await bootstrap({ client, password, jwtSecret, jwtExp, log, ...(fits ? { fits } : {}) })
    await also?.(client)
    await (databases ?? makeSupabaseDatabase(client, connect)).catch((error) => {
      if (superuser || (error as { code?: string }).code !== '42501') throw error
      log.warn('this database login may not create databases: analytics and the pooler need one named _supabase')
    })
    return first
  } finally {
    await client.end()
  }
}

async function makeDatabase(connect: Prepare['connect'], name: string): Promise<void> {
  await withClient(connect, 'postgres', async (client) => {
    const { rows } = await client.query('select from pg_database where datname = $1', [name])
    if (rows.length === 0) await client.query(`create database ${client.escapeIdentifier(name)}`)
  })
}

/** A real query over a connection of its own, as a client would see it. */
async function answers(connect: Prepare['connect'], database: string): Promise<void> {
  await withClient(connect, database, async (client) => {
    await client.query({ text: 'select 1', query_timeout: HEALTH_TIMEOUT_MS } as { text: string })
  })
}

async function withClient(connect: Prepare['connect'], database: string, work: (client: Client) => Promise<void>): Promise<void> {
  const client = await connect(database)
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

/** Whoever listens on every address is reached by the loopback. */
function reachableHost(listen: string): string {
  const first = listen.split(',')[0]?.trim() ?? ''
  if (first === '::') return '::1'
  return first === '' || first === '*' || first === '0.0.0.0' ? '127.0.0.1' : first
}
