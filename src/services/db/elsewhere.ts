// A server that is not ours: reached with the login that was given, bootstrapped as far as that login may.
import pg from 'pg'
import { connectionUrl } from '../../pg/quote.ts'
import type { DbEnv } from './env.ts'
import { DatabaseProblem } from './server/problem.ts'

export interface Elsewhere {
  readonly url: string
  connect(database: string): Promise<pg.Client>
  /** Whether a role can log in with POSTGRES_PASSWORD. */
  fits(role: string): Promise<boolean>
}

/** Finds the login that works: POSTGRES_USER, else upstream's superuser, else the usual one. */
export async function reachElsewhere(env: DbEnv): Promise<Elsewhere> {
  const users = env.POSTGRES_USER ? [env.POSTGRES_USER] : ['supabase_admin', 'postgres']
  let refused: unknown
  for (const user of users) {
    const connect = (database: string) => connectAs(env, user, database)
    try {
      await (await connect(env.POSTGRES_DB)).end()
      return { url: urlFor(env, user, env.POSTGRES_DB), connect, fits: (role) => fits(env, role) }
    } catch (error) {
      refused = error
      // 28P01: wrong password; 28000: no such role or not let in. Anything else will not be better with another name.
      if (!['28P01', '28000'].includes((error as { code?: string }).code ?? '')) break
    }
  }
  const { code, message } = refused as { code?: string; message: string }
  const where = `${env.POSTGRES_HOST}:${env.POSTGRES_PORT}`
  const advice = ['28P01', '28000'].includes(code ?? '')
    ? `Set POSTGRES_USER and POSTGRES_PASSWORD to a login of that server (tried: ${users.join(', ')}).`
    : code === '3D000'
      ? 'Create that database, or set POSTGRES_DB to one that exists.'
      : 'Is it running, and do POSTGRES_HOST and POSTGRES_PORT name it? Without POSTGRES_HOST the database that Plinth brings along is used.'
  throw new DatabaseProblem(`Cannot reach the database at ${where}: ${message}. ${advice}`, { cause: refused })
}

function urlFor(env: DbEnv, user: string, database: string): string {
  const url = connectionUrl({ user, password: env.POSTGRES_PASSWORD, host: env.POSTGRES_HOST ?? '', port: env.POSTGRES_PORT, database })
  // node-postgres reads libpq's words as libpq does only when asked to.
  return env.PGSSLMODE ? `${url}?sslmode=${env.PGSSLMODE}&uselibpqcompat=true` : url
}

async function connectAs(env: DbEnv, user: string, database: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: urlFor(env, user, database),
    application_name: 'plinth db',
    connectionTimeoutMillis: 10_000,
  })
  // A connection that breaks between two queries says so at the next one.
  client.on('error', () => {})
  await client.connect()
  return client
}

async function fits(env: DbEnv, role: string): Promise<boolean> {
  try {
    await (await connectAs(env, role, env.POSTGRES_DB)).end()
    return true
  } catch (error) {
    if ((error as { code?: string }).code === '28P01') return false
    // Not let in for another reason: no password would change that.
    return true
  }
}
