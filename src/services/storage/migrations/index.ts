// The schema of Storage: brought to upstream's current version, with upstream's names and hashes in upstream's own table.
import type { ClientBase } from 'pg'
import { ident, literal } from '../../../pg/quote.ts'
import { existingRoles, sqlFile, underLock } from '../../../service/migrate.ts'
import type { SchemaMigrations } from '../../../service/migrations.ts'
import { storageIds } from './ids.ts'

/** Upstream's own lock, so that the two wait for each other. */
const LOCK = -8525285245963000605n

/** The variables of upstream's image that its migrations read, by what they mean. */
export interface StorageNames {
  /** DB_INSTALL_ROLES: make the roles that are missing, for a server that no database image prepared. */
  readonly installRoles: boolean
  /** DB_SUPER_USER: may do everything with buckets and objects, and pass it on. */
  readonly superUser: string
  readonly anonRole: string
  readonly authenticatedRole: string
  readonly serviceRole: string
  /** DB_ALLOW_MIGRATION_REFRESH: mend records whose names or hashes are others, as a restored dump has them. */
  readonly allowRefresh: boolean
}

const standard: StorageNames = {
  installRoles: false,
  superUser: 'postgres',
  anonRole: 'anon',
  authenticatedRole: 'authenticated',
  serviceRole: 'service_role',
  allowRefresh: true,
}

const sql = (name: string): string => sqlFile(`./${name}.sql`, import.meta.url)

export function storageMigrationsWith(given: Partial<StorageNames>): SchemaMigrations {
  const names = { ...standard, ...given }
  return {
    service: 'storage',
    role: 'supabase_storage_admin',
    async migrate(client) {
      if (isCurrent(await state(client))) return
      await underLock(client, { lock: LOCK, searchPath: ['storage'] }, async () => {
        const before = await state(client)
        if (isCurrent(before)) return
        if (!names.allowRefresh && before.records.some((row) => storageIds[row.id] !== undefined && !matches(row)))
          throw new Error('storage.migrations holds names or hashes of other migrations, and DB_ALLOW_MIGRATION_REFRESH is false')
        if (!before.schema) await client.query('create schema storage')
        if (names.installRoles) await installRoles(client, names)
        await client.query(await script(client, before, names))
      })
    },
  }
}

export const storageMigrations: SchemaMigrations = storageMigrationsWith({})

interface RecordedRow {
  readonly id: number
  readonly name: string
  readonly hash: string
}

interface State {
  readonly schema: boolean
  readonly tables: ReadonlySet<string>
  readonly records: readonly RecordedRow[]
}

async function state(client: ClientBase): Promise<State> {
  const found = await client.query<{ schema: boolean; tables: string[] }>(
    `select exists (select from pg_catalog.pg_namespace where nspname = 'storage') as schema,
            array(select tablename::text from pg_catalog.pg_tables where schemaname = 'storage') as tables`,
  )
  const tables = new Set(found.rows[0]?.tables)
  const records = tables.has('migrations') ? (await client.query<RecordedRow>('select id, name, hash from storage.migrations')).rows : []
  return { schema: found.rows[0]?.schema === true, tables, records }
}

const matches = (row: RecordedRow): boolean => row.name === storageIds[row.id]?.[0] && row.hash === storageIds[row.id]?.[1]
const isCurrent = ({ records }: State): boolean => records.filter(matches).length === storageIds.length

/** One text for one round trip: a fresh database needs only what is there now, an older one is brought forward before. */
async function script(client: ClientBase, before: State, names: StorageNames): Promise<string> {
  const roles = await existingRoles(client, [names.superUser, names.anonRole, names.authenticatedRole, names.serviceRole])
  // Records that only have another hash stand for the same schema.
  const recordedNames = new Set(before.records.map((row) => row.name))
  const complete = storageIds.every(([name]) => recordedNames.has(name))
  const older = before.tables.has('objects')
  return [
    ...(complete
      ? []
      : [...(older ? [sql('forward')] : []), sql('schema'), sql('functions'), sql('lists'), ...access(before, names, roles)]),
    records(),
  ].join('\n')
}

const ALL = 'all'
const READ = 'select'

/** Row level security and rights, for the tables that are made now; what an administrator changed on older ones stays. */
function access(before: State, names: StorageNames, roles: ReadonlySet<string>): string[] {
  const recordedNames = new Set(before.records.map((row) => row.name))
  const isNew = (table: string) => !before.tables.has(table)
  const grant = (right: string, table: string, to: readonly string[], option = '') => {
    const there = to.filter((role) => roles.has(role))
    return there.length === 0 ? [] : [`grant ${right} on storage.${table} to ${there.map(ident).join(', ')}${option};`]
  }
  const secure = (table: string) => [`alter table storage.${table} enable row level security;`]
  const { anonRole: anon, authenticatedRole: authenticated, serviceRole: service, superUser } = names
  return [
    ...['objects', 'buckets', 'migrations'].flatMap((table) =>
      isNew(table) || !recordedNames.has('add-rls-to-buckets') ? secure(table) : [],
    ),
    ...['objects', 'buckets'].flatMap((table) => [
      ...(isNew(table) || !recordedNames.has('buckets-objects-grants') ? grant(ALL, table, [service, authenticated, anon]) : []),
      ...(isNew(table) || !recordedNames.has('buckets-objects-grants-postgres')
        ? grant(ALL, table, [superUser], ' with grant option')
        : []),
    ]),
    ...(isNew('buckets_analytics')
      ? [...secure('buckets_analytics'), ...grant(ALL, 'buckets_analytics', [service, authenticated, anon])]
      : []),
    ...['s3_multipart_uploads', 's3_multipart_uploads_parts', 'iceberg_namespaces', 'iceberg_tables']
      .filter(isNew)
      .flatMap((table) => [...secure(table), ...grant(ALL, table, [service]), ...grant(READ, table, [authenticated, anon])]),
    ...['buckets_vectors', 'vector_indexes']
      .filter(isNew)
      .flatMap((table) => [...secure(table), ...grant(READ, table, [service, authenticated, anon])]),
  ]
}

/** Rows that stand at the place of another go; the time of those that were right stays. */
function records(): string {
  const rows = storageIds.map(([name, hash], id) => `(${id}, ${literal(name)}, ${literal(hash)})`).join(', ')
  return `
    delete from storage.migrations m using (values ${rows}) as w (id, name, hash)
     where (m.id = w.id and m.name <> w.name) or (m.name = w.name and m.id <> w.id);
    insert into storage.migrations (id, name, hash) select * from (values ${rows}) as w (id, name, hash)
      on conflict (id) do update set hash = excluded.hash where storage.migrations.hash <> excluded.hash;`
}

/** As upstream does it on a bare server. Needs the right to create roles. */
async function installRoles(client: ClientBase, names: StorageNames): Promise<void> {
  const api = [names.anonRole, names.authenticatedRole, names.serviceRole]
  const there = await existingRoles(client, [...api, 'authenticator', names.superUser])
  const attributes = (role: string) => (role === names.serviceRole ? 'nologin noinherit bypassrls' : 'nologin noinherit')
  const made = [
    ...api.filter((role) => !there.has(role)).map((role) => `create role ${ident(role)} ${attributes(role)};`),
    ...(there.has('authenticator') ? [] : ['create role authenticator login noinherit;']),
    ...(there.has(names.superUser) ? [] : [`create role ${ident(names.superUser)} login noinherit createrole;`]),
  ]
  await client.query(
    [
      ...made,
      ...(made.length === 0 ? [] : [`grant ${api.map(ident).join(', ')} to authenticator;`]),
      `grant usage on schema storage to ${[...api, names.superUser].map(ident).join(', ')};`,
    ].join('\n'),
  )
}
