// Brings the schemas of the services up to date, each as the role that owns it. User SQL rests on all of them.
import pg from 'pg'
import { ident } from '../pg/quote.ts'
import type { SchemaMigrations } from '../service/migrations.ts'

const CONNECT_TIMEOUT_MS = 10_000
const SUPERUSER = 'supabase_admin'

/** One connection as `adminUrl`'s user; in the order given. The error names the service. */
export async function migrateSchemas(adminUrl: string, migrations: readonly SchemaMigrations[]): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: 'plinth' })
  // A connection that breaks between two statements is told by the next one.
  client.on('error', () => {})
  await client.connect()
  try {
    for (const { service, role, migrate } of migrations) {
      await become(client, role)
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

/** Elsewhere supabase_admin may be no superuser, or be missing: then the login that was given is the most powerful that there is. */
async function become(client: pg.Client, role: string): Promise<void> {
  if (role === SUPERUSER) {
    const found = await client.query('select from pg_catalog.pg_roles where rolname = $1 and rolsuper', [role])
    if (found.rowCount === 0) return
  }
  await client.query(`set role ${ident(role)}`)
}
