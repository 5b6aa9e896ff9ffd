// The upkeep of every tenant's messages, where RUN_JANITOR asks for it.
import pg from 'pg'
import { type Janitor, startJanitor } from '../messages/janitor.ts'
import type { RealtimeState } from '../state.ts'
import { tenantDatabase, urlOf } from './database.ts'
import { settingsOf } from './record.ts'

const CONNECT_MS = 10_000

export function startUpkeep({
  env,
  log,
  encryption,
  store,
}: Pick<RealtimeState, 'env' | 'log' | 'encryption' | 'store'>): Janitor | undefined {
  if (!env.RUN_JANITOR) return undefined
  return startJanitor({
    async tenants() {
      const records = await store.all()
      return records.flatMap((record) => {
        const settings = record.suspend ? undefined : settingsOf(record, (value) => encryption.decrypt(value))
        if (settings === undefined) return []
        const connectionString = urlOf(tenantDatabase(settings, env), env)
        return [{ id: record.externalId, connect: () => connect(connectionString) }]
      })
    },
    firstAfterMs: env.JANITOR_RUN_AFTER_IN_MS,
    everyMs: env.JANITOR_SCHEDULE_TIMER_IN_MS,
    randomize: env.JANITOR_SCHEDULE_RANDOMIZE,
    children: env.JANITOR_MAX_CHILDREN,
    timeoutMs: env.JANITOR_CHILDREN_TIMEOUT,
    log,
  })
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: 'realtime_janitor', connectionTimeoutMillis: CONNECT_MS })
  client.on('error', () => undefined) // told by the query that it breaks
  await client.connect()
  return client
}
