// The connection of the project's own SQL: database user `postgres`, who is no superuser, as on the platform.
import pg from 'pg'
import { development } from '../env/development-keys.ts'
import { connectionUrl } from '../pg/quote.ts'
import type { ProjectConfig } from './config/schema.ts'

/** The address of the project's database for one of its roles; `status` prints that of `postgres`. */
export function databaseUrl(config: ProjectConfig, user = 'postgres', database = 'postgres'): string {
  return connectionUrl({ user, password: development.databasePassword, host: '127.0.0.1', port: config.db.port, database })
}

const CONNECT_TIMEOUT_MS = 10_000

/** Connects; the error says to what, and never shows the password. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: 'plinth' })
  // A connection that breaks between two statements is told by the next one.
  client.on('error', () => {})
  try {
    await client.connect()
    return client
  } catch (error) {
    await client.end().catch(() => {
      // It never stood.
    })
    const { host, port, database, user } = client
    throw new Error(`failed to connect to postgres: host=${host} port=${port} user=${user} database=${database}: ${reason(error)}`, {
      cause: error,
    })
  }
}

function reason(error: unknown): string {
  const { code, message, errors } = error as NodeJS.ErrnoException & { errors?: Error[] }
  if (code === 'ECONNREFUSED') return 'connection refused'
  return message || errors?.[0]?.message || String(code)
}

/** Runs `work` on a connection of its own and closes it, whatever happens. */
export async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = await connect(url)
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
