// REST: tables, views and functions of a Postgres schema over HTTP, as PostgREST answers.
import { EnvError } from '../../env/read.ts'
import { Executor } from '../../pg/executor.ts'
import { type Listener, listen } from '../../pg/listener.ts'
import { defineService } from '../../service/definition.ts'
import { type AdminView, serveAdmin } from './admin.ts'
import { serve } from './answer.ts'
import { databaseUriOf, VERSION } from './config.ts'
import { connectionOf } from './connection.ts'
import { configText } from './dump-config.ts'
import { type RestEnv, restEnv } from './env.ts'
import { Loader } from './loader.ts'
import { restProgram } from './program.ts'
import { RequestLog } from './request-log.ts'

const PORT = 3_000
const ADMIN_PORT = 3_001
const LISTEN_PATIENCE_MS = 1_000

export const rest = defineService({
  name: 'rest',
  env: restEnv,
  needs: { db: 'healthy' },
  program: restProgram,
  listen(values) {
    const env = values as unknown as RestEnv
    const { PGRST_SERVER_HOST: host, PGRST_SERVER_PORT: port, PGRST_SERVER_REUSEPORT: reusePort } = env
    const { PGRST_SERVER_UNIX_SOCKET: path, PGRST_ADMIN_SERVER_PORT: adminPort, PGRST_ADMIN_SERVER_UNIX_SOCKET: adminPath } = env
    const api = {
      endpoint: PORT,
      host,
      port,
      reusePort,
      ...(path !== undefined && { socket: { path, mode: env.PGRST_SERVER_UNIX_SOCKET_MODE } }),
    }
    if (adminPort === undefined && adminPath === undefined) return [api]
    const admin = { endpoint: ADMIN_PORT, host: env.PGRST_ADMIN_SERVER_HOST ?? host, port: adminPort ?? 0 }
    if (adminPath === undefined) return [api, admin]
    return [api, { ...admin, socket: { path: adminPath, mode: env.PGRST_ADMIN_SERVER_UNIX_SOCKET_MODE } }]
  },
  async start(values, { log, alone }) {
    const env = values as unknown as RestEnv
    if (alone !== undefined && env.PGRST_SERVER_REUSEPORT && !sharesPorts())
      throw new EnvError([
        { name: 'PGRST_SERVER_REUSEPORT', expected: `expected false: Node ${process.versions.node} cannot share a port, 22.12 can` },
      ])
    const uri = databaseUriOf(env)
    const connection = connectionOf(env, uri)
    const executor = new Executor({
      connection,
      max: env.PGRST_DB_POOL,
      acquisitionTimeoutMs: env.PGRST_DB_POOL_ACQUISITION_TIMEOUT * 1_000,
      maxLifetimeMs: env.PGRST_DB_POOL_MAX_LIFETIME * 1_000,
      maxIdleMs: (env.PGRST_DB_POOL_TIMEOUT ?? env.PGRST_DB_POOL_MAX_IDLETIME ?? 30) * 1_000,
      onTrouble: (error) => log.warn({ err: error }, `A database connection failed. ${error.message}`),
    })
    let resolveEnded: () => void = () => undefined
    const ended = new Promise<void>((resolve) => {
      resolveEnded = resolve
    })
    const end = (reason: string) => {
      log.error(reason)
      resolveEnded()
    }
    const channel = new Channel()
    const requestLog = new RequestLog(log, alone?.print ?? ((line) => log.info(line)))
    let loader: Loader
    try {
      loader = new Loader({
        env,
        executor,
        log,
        requestLog,
        reread: () => (alone === undefined ? env : (alone.reread() as RestEnv)),
        onSettings: ({ PGRST_DB_CHANNEL_ENABLED: enabled }) => channel.set(enabled, startListening),
        onFatal: end,
      })
    } catch (error) {
      await executor.close()
      throw error
    }
    const startListening = (): Listener => {
      const name = env.PGRST_DB_CHANNEL
      return listen({
        connection: { ...connection, readWrite: true },
        channel: name,
        onNotification(payload) {
          if (payload === 'reload config') {
            log.info(`Received a config reload message on the "${name}" channel`)
            void loader.reloadSettings()
          } else if (payload === '' || payload === 'reload schema') {
            log.info(`Received a schema cache reload message on the "${name}" channel`)
            void loader.reloadSchema()
          }
        },
        onReady() {
          channel.heard = true
          log.info(`Listening for database notifications on the "${name}" channel`)
          // Also the first time: what happened before this would be missed.
          void loader.reloadSchema()
        },
        onTrouble(error) {
          channel.heard = false
          loader.start()
          log.warn(`Failed listening for database notifications on the "${name}" channel. ${error.message.replace(/\s+/g, ' ')}`)
          if (!env.PGRST_DB_POOL_AUTOMATIC_RECOVERY) end('Automatic recovery disabled, exiting.')
        },
      })
    }
    log.info(`Starting PostgREST ${VERSION}...`)
    channel.set(env.PGRST_DB_CHANNEL_ENABLED, startListening)
    // The schema is read when changes of it are heard of, so that it has to be read once; but nobody waits long for that.
    const patience = setTimeout(() => loader.start(), channel.wanted ? LISTEN_PATIENCE_MS : 0)
    const view: AdminView = {
      get state() {
        return loader.state
      },
      loads: loader.loads,
      jwtCache: loader.jwtCache,
      reach: () => alone?.reach(PORT) ?? Promise.resolve(),
      isReady: async () =>
        loader.state.cache !== undefined && loader.lastError === undefined && (channel.wanted ? channel.heard : await answers(executor)),
      configText: () =>
        env.PLINTH_REST_ADMIN_CONFIG ? configText(loader.state.config, loader.env, uri, { hideSecrets: true }) : undefined,
    }
    return {
      endpoints: [
        // As upstream: before the first try to read the schema nobody could be answered.
        { port: PORT, name: 'API server', handle: (req, res) => void serve(req, res, loader.state), opens: loader.attempted },
        { port: ADMIN_PORT, name: 'Admin server', handle: (req, res) => void serveAdmin(req, res, view) },
      ],
      ended,
      async health() {
        if (loader.state.cache === undefined) throw loader.lastError ?? new Error('The schema cache is not loaded yet')
        await executor.ping()
      },
      async reload(_values, signal) {
        if (signal !== 'SIGUSR1') await loader.reloadSettings()
        if (signal !== 'SIGUSR2') await loader.reloadSchema()
      },
      async stop() {
        clearTimeout(patience)
        await channel.close()
        await loader.close()
        await executor.close()
      },
    }
  },
})

/** The connection that waits for notifications, as long as it is wanted. */
class Channel {
  wanted = false
  heard = false
  #listener: Listener | undefined

  set(wanted: boolean, start: () => Listener): void {
    if (wanted === this.wanted) return
    this.wanted = wanted
    this.heard = false
    if (wanted) this.#listener = start()
    else void this.close()
  }

  async close(): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    await listener?.close()
  }
}

/** `reusePort` came with Node 23.1 and 22.12. */
function sharesPorts(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
}

const answers = (executor: Executor): Promise<boolean> =>
  executor.ping().then(
    () => true,
    () => false,
  )
