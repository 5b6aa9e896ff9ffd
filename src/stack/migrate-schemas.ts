// Brings the schemas of the services up to date, each as the role that owns it. User SQL rests on all of them.
import pg from 'pg'
import { ident } from '../pg/quote.ts'
import type { SchemaMigrations } from '../service/migrations.ts'

const CONNECT_TIMEOUT_MS = 10_000

/** One connection as `adminUrl`'s user; in the order given. The error names the service. */
export async function migrateSchemas(adminUrl: string, migrations: readonly SchemaMigrations[]): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: 'plinth' })
  // A connection that breaks between two statements is told by the next one.
  client.on('error', () => {})
  await client.connect()
  try {
    for (const { service, role, migrate } of migrations) {
      await client.query(`set role ${ident(role)}`)
      try {
        await migrate(client)
      } catch (error) {
        throw new Error(`The schema of ${service} could not be brought up to date: ${(error as Error).message}`, { cause: error })
      }
      await client.query('reset role')
    }
  } finally {
    await client.end()
  }
}
