// The schemas of Realtime: `realtime` in the database that it listens to, `_realtime` where it keeps whom it serves.
// Both are brought to upstream's current version, with upstream's versions in upstream's own tables.
import type { ClientBase } from 'pg'
import { recorded, sqlFile, underLock } from '../../../service/migrate.ts'
import type { SchemaMigrations } from '../../../service/migrations.ts'
import { createMessagePartitions } from './partitions.ts'
import { serviceVersions, tenantVersions } from './versions.ts'

const SERVICE_LOCK = 7_310_210_031_448n
const TENANT_LOCK = 7_310_210_031_449n

const sql = (name: string): string => sqlFile(`./${name}.sql`, import.meta.url)

interface Part {
  readonly schema: string
  readonly lock: bigint
  readonly versions: readonly string[]
  /** A table that an older version has. */
  readonly landmark: string
  readonly script: (older: boolean) => readonly string[]
}

const service: Part = {
  schema: '_realtime',
  lock: SERVICE_LOCK,
  versions: serviceVersions,
  landmark: '_realtime.tenants',
  script: (older) => [...(older ? [sql('service-forward')] : []), sql('service')],
}

const tenant: Part = {
  schema: 'realtime',
  lock: TENANT_LOCK,
  versions: tenantVersions,
  landmark: 'realtime.subscription',
  script: (older) => [sql('role'), ...(older ? [sql('tenant-forward')] : []), sql('tenant'), sql('functions'), sql('access')],
}

/** What the service keeps about its tenants, in its own database. */
export const migrateService = (client: ClientBase): Promise<void> => bring(client, service)

/** What a tenant's database holds, with the partitions of today. */
export async function migrateTenant(client: ClientBase, now?: Date): Promise<void> {
  await bring(client, tenant)
  await createMessagePartitions(client, now)
}

/** Both at once, for the one database of a stack. */
export const realtimeMigrations: SchemaMigrations = {
  service: 'realtime',
  role: 'supabase_admin',
  async migrate(client) {
    await migrateService(client)
    await migrateTenant(client)
  },
}

async function bring(client: ClientBase, part: Part): Promise<void> {
  const isCurrent = (have: ReadonlySet<string> | undefined) => have !== undefined && part.versions.every((version) => have.has(version))
  if (isCurrent(await recorded(client, part.schema, 'schema_migrations', 'version'))) return
  // Every name in the files is qualified; a search path without the schema keeps what Postgres prints of them so, too.
  await underLock(client, { lock: part.lock, searchPath: ['pg_catalog'] }, async () => {
    if (isCurrent(await recorded(client, part.schema, 'schema_migrations', 'version'))) return
    const found = await client.query<{ schema: boolean; older: boolean }>(
      'select exists (select from pg_catalog.pg_namespace where nspname = $1) as schema, pg_catalog.to_regclass($2) is not null as older',
      [part.schema, part.landmark],
    )
    await client.query(
      [
        ...(found.rows[0]?.schema === true ? [] : [`create schema ${part.schema};`]),
        ...part.script(found.rows[0]?.older === true),
        `insert into ${part.schema}.schema_migrations (version, inserted_at)
           select version, now() at time zone 'utc' from unnest(array[${part.versions.join(', ')}]::bigint[]) as version on conflict do nothing;`,
      ].join('\n'),
    )
  })
}
