// Which tables and functions a role sees in the OpenAPI document: those that it may touch, or all.
import type { Cancellation } from '../../../../pg/executor.ts'
import type { Session } from '../../auth.ts'
import type { RestConfig } from '../../config.ts'
import type { Transactions } from '../../run/transaction.ts'
import type { Relationship, Routine, SchemaCache, Table } from '../../schema-cache/types.ts'
import type { Setting } from '../../sql/settings.ts'

export interface Visible {
  readonly description: string | undefined
  readonly tables: readonly Table[]
  readonly routines: readonly Routine[]
  readonly relationships: ReadonlyMap<string, readonly Relationship[]>
}

const QUERY = `select json_build_object(
  'description', obj_description(n.oid, 'pg_namespace'),
  'tables', (
    select coalesce(json_agg(c.relname), '[]') from pg_catalog.pg_class c
    where c.relnamespace = n.oid and c.relkind in ('r', 'v', 'm', 'f', 'p')
      and (pg_catalog.pg_has_role(c.relowner, 'USAGE') or pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') or pg_catalog.has_table_privilege(c.oid, 'DELETE, TRUNCATE, TRIGGER'))
  ),
  'routines', (
    select coalesce(json_agg(distinct p.proname), '[]') from pg_catalog.pg_proc p
    where p.pronamespace = n.oid and pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
  )
) from pg_catalog.pg_namespace n where n.nspname = $1`

export async function visibleTo(
  session: Session,
  schema: string,
  config: RestConfig,
  cache: SchemaCache,
  transactions: Transactions,
  cancellation: Cancellation,
): Promise<Visible> {
  const settings: Setting[] = [
    ['role', session.role],
    ['request.jwt.claims', session.claims],
  ]
  const { main } = await transactions.run(
    {
      readOnly: true,
      isolation: undefined,
      settings,
      preRequest: undefined,
      main: { text: QUERY, values: [schema] },
      estimate: undefined,
      end: 'commit',
      check: undefined,
      role: session.role,
      prepare: config.prepared,
    },
    cancellation,
  )
  const found = JSON.parse(main.rows[0]?.[0]?.toString('utf8') ?? 'null') as {
    description: string | null
    tables: string[]
    routines: string[]
  } | null
  const all = config.openapiMode === 'ignore-privileges'
  const tables = new Set(found?.tables)
  const routines = new Set(found?.routines)
  return {
    description: found?.description ?? undefined,
    tables: [...cache.tables.values()].filter((table) => table.schema === schema && (all || tables.has(table.name))),
    routines: [...cache.routines.values()].flat().filter((routine) => routine.schema === schema && (all || routines.has(routine.name))),
    relationships: cache.relationships,
  }
}
