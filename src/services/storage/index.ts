// Storage: files in buckets whose rows live in Postgres under row level security, a stand-in for storage-api.
import type { Handler } from '../../http/handler.ts'
import { defineService } from '../../service/definition.ts'
import { UndoList } from '../../service/undo-list.ts'
import { buildApp } from './app.ts'
import { openBackend } from './backend/open.ts'
import { Tokens } from './caller/tokens.ts'
import { configOf } from './config.ts'
import type { StorageContext } from './context.ts'
import { Database } from './database/database.ts'
import { Instance } from './database/instance.ts'
import { prepareDatabase } from './database/prepare.ts'
import { storageEnv } from './env.ts'
import { openWebhooks } from './events/webhooks.ts'
import { Housekeeping } from './housekeeping/housekeeping.ts'
import { noMetrics, openMetrics } from './metrics.ts'
import { tryToAbandon } from './objects/discard.ts'
import { Leftovers } from './objects/leftovers.ts'
import { renderRoutes } from './render/routes.ts'
import { bucketRoutes } from './routes/buckets.ts'
import { cdnRoutes } from './routes/cdn.ts'
import { changeRoutes } from './routes/changes.ts'
import { downloadRoutes } from './routes/downloads.ts'
import { listRoutes } from './routes/lists.ts'
import { serviceRoutes } from './routes/service.ts'
import { signingRoutes } from './routes/signing.ts'
import { uploadRoutes } from './routes/uploads.ts'
import { isS3, s3Handler } from './s3/handle.ts'
import { uploadExpiry } from './tus/expiry.ts'
import { tusRoutes } from './tus/routes.ts'

const PORT = 5_000
/** Connections beside those of requests: that which shows the instance alive, and one for locks of resumable uploads. */
const BESIDE = 2

export const storage = defineService({
  name: 'storage',
  env: storageEnv,
  needs: { db: 'healthy', rest: 'started', imgproxy: 'started' },
  listen: (env) => [{ endpoint: PORT, host: env.SERVER_HOST ?? env.HOST ?? '0.0.0.0', port: env.SERVER_PORT ?? env.PORT ?? PORT }],
  async start(env, { log: given, dispatcher }) {
    const log = env.LOG_LEVEL ? given.child({}, { level: env.LOG_LEVEL }) : given
    const config = configOf(env)
    const tokens = new Tokens(env)
    const undo = new UndoList()
    try {
      await prepareDatabase(env)
      const database = new Database({
        url: env.DATABASE_POOL_URL ?? env.DATABASE_URL,
        max: Math.max(1, env.DATABASE_MAX_CONNECTIONS - BESIDE),
        applicationName: env.DATABASE_APPLICATION_NAME ?? `Supabase Storage API ${env.VERSION}`,
        connectTimeoutMs: env.DATABASE_CONNECTION_TIMEOUT,
        statementTimeoutMs: env.DATABASE_STATEMENT_TIMEOUT,
        idleMs: env.DATABASE_FREE_POOL_AFTER_INACTIVITY,
        searchPath: env.DATABASE_SEARCH_PATH ?? env.DB_SEARCH_PATH,
        prepare: env.DATABASE_POOL_URL === undefined,
        service: tokens.service,
        log,
      })
      undo.defer(() => database.close())
      await database.open()
      const instance = new Instance(env.DATABASE_URL, log)
      undo.defer(() => instance.close())
      await instance.open()
      const backend = await openBackend(env, config)
      undo.defer(() => backend.close())
      const leftovers = new Leftovers((of) => tryToAbandon(ctx, of))
      undo.defer(() => leftovers.close())
      const ctx: StorageContext = {
        env,
        config,
        log,
        tokens,
        backend,
        database,
        instance: instance.id,
        leftovers,
        webhooks: openWebhooks({
          url: env.WEBHOOK_URL,
          apiKey: env.WEBHOOK_API_KEY,
          tenantId: config.tenantId,
          region: config.region,
          log,
        }),
        metrics: env.PROMETHEUS_METRICS_ENABLED ? await openMetrics(config.region) : noMetrics,
        dispatcher,
      }
      const app = await buildApp(ctx, {
        json: [serviceRoutes, bucketRoutes, downloadRoutes, listRoutes, changeRoutes, signingRoutes, renderRoutes, cdnRoutes],
        bytes: [uploadRoutes, tusRoutes],
        own: [],
      })
      undo.defer(() => app.close())
      const housekeeping = new Housekeeping({
        url: env.DATABASE_URL,
        backend,
        log,
        uploadExpiryMs: env.TUS_URL_EXPIRY_MS,
        chores: [
          uploadExpiry({ url: env.DATABASE_URL, backend, expiryMs: env.TUS_URL_EXPIRY_MS, versionSeparator: config.versionSeparator }),
        ],
      })
      undo.defer(() => housekeeping.close())
      housekeeping.start()
      const s3 = env.S3_PROTOCOL_ENABLED ? s3Handler(ctx) : undefined
      const handle: Handler = (req, res) => (s3 !== undefined && isS3(req.url ?? '') ? s3(req, res) : app.routing(req, res))
      return {
        endpoints: [{ port: PORT, handle }],
        health: () => database.executor.ping(),
        stop: () => undo.undo(),
      }
    } catch (error) {
      await undo.undo()
      throw error
    }
  },
})
