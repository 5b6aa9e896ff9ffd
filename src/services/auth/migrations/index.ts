// The schema of Auth: brought to upstream's current version, with upstream's versions in upstream's own table.
import type { ClientBase } from 'pg'
import { ident, literal } from '../../../pg/quote.ts'
import { recorded, sqlFile, underLock } from '../../../service/migrate.ts'
import type { SchemaMigrations } from '../../../service/migrations.ts'
import { authVersions } from './versions.ts'

/** Ours: upstream takes no lock. Any number will do, as long as nobody else uses it. */
const LOCK = 7_310_210_031_447n
/** From this version on auth.uid() and its kin are what they are now; whoever owns them by then is not asked. */
const FUNCTIONS_SINCE = '20220531120530'

const sql = (name: string): string => sqlFile(`./${name}.sql`, import.meta.url)

/** For another schema than `auth` (GOTRUE_DB_NAMESPACE). */
export function authMigrationsIn(schema: string): SchemaMigrations {
  return {
    service: 'auth',
    role: 'supabase_auth_admin',
    async migrate(client) {
      if (isCurrent(await recorded(client, schema, 'schema_migrations', 'version'))) return
      await underLock(client, { lock: LOCK, searchPath: [schema] }, async () => {
        const have = await recorded(client, schema, 'schema_migrations', 'version')
        if (!isCurrent(have)) await client.query(await script(client, schema, have ?? new Set()))
      })
    },
  }
}

export const authMigrations: SchemaMigrations = authMigrationsIn('auth')

const isCurrent = (have: ReadonlySet<string> | undefined): boolean =>
  have !== undefined && authVersions.every((version) => have.has(version))

/** One text for one round trip: a fresh database needs only what is there now, an older one is brought forward around it. */
async function script(client: ClientBase, schema: string, have: ReadonlySet<string>): Promise<string> {
  const found = await client.query<{ schema: boolean; users: boolean }>(
    'select exists (select from pg_catalog.pg_namespace where nspname = $1) as schema, pg_catalog.to_regclass($2) is not null as users',
    [schema, `${ident(schema)}.users`],
  )
  const older = found.rows[0]?.users === true
  return [
    // Asked for only where it is missing, because asking takes the right to create schemas.
    ...(found.rows[0]?.schema === true ? [] : [`create schema ${ident(schema)};`]),
    sql('types'),
    ...(older ? [sql('forward')] : []),
    sql('schema'),
    ...(older ? [sql('constraints')] : []),
    ...(have.has(FUNCTIONS_SINCE) ? [] : [sql('functions')]),
    sql('access'),
    `insert into schema_migrations (version) values ${authVersions.map((version) => `(${literal(version)})`).join(', ')} on conflict do nothing;`,
  ].join('\n')
}
