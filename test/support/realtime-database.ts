// A database with upstream's roles and the schemas of Realtime, for tests of its parts.
import type { Client } from 'pg'
import { type ConnectionOptions, parseConnection } from '../../src/pg/connection-options.ts'
import { migrateTenant } from '../../src/services/realtime/migrations/index.ts'
import { startPostgres, type TestPostgres } from './postgres.ts'
import { createRoles, createSchemas } from './roles.ts'

export interface RealtimeDatabase extends AsyncDisposable {
  readonly server: TestPostgres
  /** As the superuser. */
  readonly client: Client
  readonly connection: ConnectionOptions
}

export async function startRealtimeDatabase(settings: Readonly<Record<string, string>> = {}): Promise<RealtimeDatabase> {
  const server = await startPostgres({ max_replication_slots: '10', ...settings })
  try {
    const client = await server.connect()
    await createRoles(client)
    await createSchemas(client)
    await migrateTenant(client)
    await client.query(`
      create function auth.uid() returns uuid language sql stable as
        $$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
      grant usage on schema public to anon, authenticated, service_role;
      alter default privileges in schema public grant all on tables to anon, authenticated, service_role`)
    return {
      server,
      client,
      connection: parseConnection(server.url()),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}
