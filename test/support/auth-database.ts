// A Postgres with one database that is ready for Auth: the roles and schemas that the database image provides.
import type { Client } from 'pg'
import { startPostgres, type TestPostgres } from './postgres.ts'
import { createRoles, createSchemas } from './roles.ts'

/** `sql` is a connection of the superuser to that database; it ends with the server. */
export async function startAuthDatabase(
  database: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<{ readonly server: TestPostgres; readonly sql: Client }> {
  const server = await startPostgres(settings)
  await createRoles(await server.connect())
  await server.database(database)
  const sql = await server.connect('supabase_admin', database)
  await createSchemas(sql)
  return { server, sql }
}
