// What a new tenant's database needs before anybody joins: upstream's schema `realtime`, and the partitions of today.
import pg from 'pg'
import { migrateTenant } from '../migrations/index.ts'
import type { RealtimeState } from '../state.ts'
import { tenantDatabase, urlOf } from './database.ts'
import { settingsOf, type TenantRecord } from './record.ts'

const CONNECT_MS = 10_000

/** A database that cannot be reached is no reason to refuse the tenant: it is told in the log, and whoever needs the database is told then. */
export async function prepareDatabase(
  record: TenantRecord,
  { env, log, encryption }: Pick<RealtimeState, 'env' | 'log' | 'encryption'>,
): Promise<void> {
  const settings = settingsOf(record, (value) => encryption.decrypt(value))
  if (settings === undefined) return
  const client = new pg.Client({
    connectionString: urlOf(tenantDatabase(settings, env), env),
    application_name: 'realtime_migrations',
    connectionTimeoutMillis: CONNECT_MS,
  })
  client.on('error', () => undefined) // told by the query that it breaks
  try {
    await client.connect()
    await migrateTenant(client)
  } catch (error) {
    log.error({ err: error, tenant: record.externalId, code: 'MigrationsFailedToRun' }, 'the schema of a tenant could not be made')
  } finally {
    await client.end().catch(() => undefined)
  }
}
