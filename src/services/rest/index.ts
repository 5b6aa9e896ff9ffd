// REST: tables, views and functions of a Postgres schema over HTTP, as PostgREST answers.
import { parseConnection } from '../../pg/connection-options.ts'
import { Executor } from '../../pg/executor.ts'
import { type Listener, listen } from '../../pg/listener.ts'
import { defineService } from '../../service/definition.ts'
import { serveAdmin } from './admin.ts'
import { serve } from './answer.ts'
import { fileOrText, hostOf, VERSION } from './config.ts'
import { type RestEnv, restEnv } from './env.ts'
import { Loader } from './loader.ts'

const PORT = 3_000
const ADMIN_PORT = 3_001

export const rest = defineService({
  name: 'rest',
  env: restEnv,
  needs: { db: 'healthy' },
  listen(values) {
    const env = values as unknown as RestEnv
    const host = hostOf(env.PGRST_SERVER_HOST)
    const api = { endpoint: PORT, host, port: env.PGRST_SERVER_PORT }
    if (env.PGRST_ADMIN_SERVER_PORT === undefined) return [api]
    return [
      api,
      { endpoint: ADMIN_PORT, host: hostOf(env.PGRST_ADMIN_SERVER_HOST ?? env.PGRST_SERVER_HOST), port: env.PGRST_ADMIN_SERVER_PORT },
    ]
  },
  async start(values, { log }) {
    const env = values as unknown as RestEnv
    const variables = values as Record<string, string | undefined>
    const options = parseConnection(fileOrText(env.PGRST_DB_URI)!, variables)
    const connection = { ...options, parameters: { application_name: `PostgREST ${VERSION}`, ...options.parameters } }
    const executor = new Executor({
      connection,
      max: env.PGRST_DB_POOL,
      acquisitionTimeoutMs: env.PGRST_DB_POOL_ACQUISITION_TIMEOUT * 1_000,
      maxLifetimeMs: env.PGRST_DB_POOL_MAX_LIFETIME * 1_000,
      maxIdleMs: (env.PGRST_DB_POOL_MAX_IDLETIME ?? env.PGRST_DB_POOL_TIMEOUT ?? 30) * 1_000,
      onTrouble: (error) => log.warn({ err: error }, 'a database connection failed'),
    })
    const loader = new Loader(env, executor, log)
    void loader.reload()
    let listener: Listener | undefined
    if (env.PGRST_DB_CHANNEL_ENABLED) {
      listener = listen({
        connection: { ...connection, readWrite: true },
        channel: env.PGRST_DB_CHANNEL,
        onNotification: (payload) => {
          if (payload === '' || payload === 'reload schema' || payload === 'reload config') void loader.reload()
        },
        // Also the first time: what happened between the first load and this would be missed.
        onReady: () => void loader.reload(),
        onTrouble: (error) => log.warn({ err: error }, 'the connection that listens for reloads was lost'),
      })
    }
    return {
      endpoints: [
        { port: PORT, handle: (req, res) => void serve(req, res, loader.state) },
        { port: ADMIN_PORT, handle: (req, res) => serveAdmin(req, res, loader) },
      ],
      async health() {
        if (loader.state.cache === undefined) throw loader.lastError ?? new Error('The schema cache is not loaded yet')
        await executor.ping()
      },
      reload: () => loader.reload(),
      async stop() {
        await listener?.close()
        await loader.close()
        await executor.close()
      },
    }
  },
})
