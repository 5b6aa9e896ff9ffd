// What a new tenant's database needs before anybody joins: upstream's schema `realtime`, and the partitions of today.
import pg from 'pg'
import { migrateTenant } from '../migrations/index.ts'
import type { RealtimeState } from '../state.ts'
import { tenantDatabase, urlOf } from './database.ts'
import { settingsOf, type TenantRecord } from './record.ts'

const CONNECT_MS = 10_000

type Reach = Pick<RealtimeState, 'env' | 'encryption'>

/** A connection of its own, for work that nobody waits behind. Undefined for a tenant without a database; rejects when it cannot be made. */
export async function connectTo(record: TenantRecord, { env, encryption }: Reach, applicationName: string): Promise<pg.Client | undefined> {
  const settings = settingsOf(record, (value) => encryption.decrypt(value))
  if (settings === undefined) return undefined
  const client = new pg.Client({
    connectionString: urlOf(tenantDatabase(settings, env), env),
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_MS,
  })
  client.on('error', () => undefined) // told by the query that it breaks
  await client.connect()
  return client
}

/** A database that cannot be reached is no reason to refuse the tenant: it is told in the log, and whoever needs the database is told then. */
export async function prepareDatabase(record: TenantRecord, state: Reach & Pick<RealtimeState, 'log'>): Promise<void> {
  let client: pg.Client | undefined
  try {
    client = await connectTo(record, state, 'realtime_migrations')
    if (client !== undefined) await migrateTenant(client)
  } catch (error) {
    state.log.error(
      { err: error, tenant: record.externalId, code: 'MigrationsFailedToRun' },
      'MigrationsFailedToRun: the schema of a tenant could not be made',
    )
  } finally {
    await client?.end().catch(() => undefined) // it had ended already
  }
}
