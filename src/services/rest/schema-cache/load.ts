// Reads the schema cache: all catalogue queries in one read-only transaction with an empty search path, one round trip.
import { readFileSync } from 'node:fs'
import type { Executor, Result, Statement } from '../../../pg/executor.ts'
import { columnOrigins } from './node-tree.ts'
import { primaryKeysOfViews, relationshipsOf } from './relationships.ts'
import { computedOf, constraintsOf, handlerOf, routineOf, tableOf, type ViewColumns } from './rows.ts'
import { keyOf, type RoleSettings, type Routine, type SchemaCache, type Table } from './types.ts'

const query = (name: string): string => readFileSync(new URL(`./${name}.sql`, import.meta.url), 'utf8')

export interface LoadOptions {
  readonly schemas: readonly string[]
  readonly extraSearchPath: readonly string[]
  /** Regular expressions over `name=value`. */
  readonly hoistedSettings: readonly string[]
}

/** `text[]` as a literal. */
export const arrayLiteral = (items: readonly string[]): string =>
  `{${items.map((item) => `"${item.replace(/["\\]/g, '\\$&')}"`).join(',')}}`

export async function loadSchemaCache(executor: Executor, options: LoadOptions): Promise<SchemaCache> {
  const startedAt = performance.now()
  const schemas = arrayLiteral(options.schemas)
  const extra = arrayLiteral(options.extraSearchPath)
  const statements: Statement[] = [
    { text: "set local search_path to ''" },
    { text: 'show server_version' },
    { text: query('tables'), values: [schemas, extra, 'true'] },
    { text: query('constraints') },
    { text: query('views'), values: [schemas, extra] },
    { text: query('functions'), values: [schemas, arrayLiteral(options.hoistedSettings)] },
    { text: query('computed-relationships'), values: [arrayLiteral([...options.schemas, ...options.extraSearchPath])] },
    { text: query('representations') },
    { text: query('media-handlers'), values: [schemas, extra] },
  ]
  const results = await executor.run({
    statements: statements.map((statement) => ({ ...statement, prepare: false })),
    transaction: { begin: 'begin isolation level repeatable read read only', end: 'commit' },
  })
  const [, version, tableRows, constraintRow, viewRows, functionRows, computedRows, representationRows, handlerRows] = results
  const constraints = constraintsOf(jsonOf(constraintRow))
  const views = (viewRows?.rows ?? []).map(viewOf)
  const viewKeys = primaryKeysOfViews(constraints, views)
  const all = new Map<string, Table>()
  for (const row of rowsOf(tableRows)) {
    const table = tableOf(row)
    const key = keyOf(table.schema, table.name)
    const viewKey = table.isView ? viewKeys.get(key) : undefined
    all.set(key, viewKey === undefined ? table : { ...table, primaryKey: viewKey })
  }
  const exposed = new Set(options.schemas)
  const tables = new Map([...all].filter(([, { schema }]) => exposed.has(schema)))
  const routines = new Map<string, Routine[]>()
  for (const row of rowsOf(functionRows)) {
    const routine = routineOf(row)
    const key = keyOf(routine.schema, routine.name)
    const list = routines.get(key)
    if (list) list.push(routine)
    else routines.set(key, [routine])
  }
  return {
    tables,
    relationships: relationshipsOf(constraints, views, tables, rowsOf(computedRows).map(computedOf)),
    routines,
    representations: new Map(rowsOf(representationRows).map(([from, to, fn]) => [`${String(from)}\0${String(to)}`, String(fn)])),
    handlers: rowsOf(handlerRows).map(handlerOf),
    loadedAt: Date.now(),
    loadMs: performance.now() - startedAt,
    serverVersion: textOf(version),
  }
}

/** Settings and isolation of the roles that can be switched to. */
export async function loadRoleSettings(executor: Executor, serverVersion: string): Promise<ReadonlyMap<string, RoleSettings>> {
  const file = Number.parseInt(serverVersion, 10) >= 15 ? 'role-settings' : 'role-settings-before-15'
  const [, result] = await executor.run({
    statements: [
      { text: "set local search_path to ''", prepare: false },
      { text: query(file), prepare: false },
    ],
    transaction: READ_ONLY,
  })
  const roles = new Map<string, { isolation: string | undefined; settings: [string, string][] }>()
  for (const [role, name, value] of rowsOf(result)) {
    const entry = roles.get(String(role)) ?? { isolation: undefined, settings: [] }
    roles.set(String(role), entry)
    if (name === 'default_transaction_isolation') entry.isolation = String(value).toLowerCase()
    else entry.settings.push([String(name), String(value)])
  }
  return roles
}

const READ_ONLY = { begin: 'begin read only', end: 'commit' } as const

/** `pgrst.*` settings: those of the login role, beneath them what the pre-config function has set. Names without the prefix. */
export async function loadDatabaseSettings(executor: Executor, preConfig: string | undefined): Promise<ReadonlyMap<string, string>> {
  const statements: Statement[] = [{ text: query('database-settings'), prepare: false }]
  if (preConfig !== undefined) {
    statements.push(
      { text: `select ${preConfig}()`, prepare: false },
      {
        text: `select json_agg(json_build_array('pgrst.' || name, value)) from (select name, nullif(current_setting('pgrst.' || name, true), '') as value from unnest($1::text[]) name) s where value is not null`,
        values: [arrayLiteral(DATABASE_SETTINGS)],
        prepare: false,
      },
    )
  }
  const results = await executor.run({ statements, transaction: READ_ONLY })
  const settings = new Map<string, string>()
  for (const result of [results[2], results[0]])
    for (const [name, value] of rowsOf(result)) {
      const short = String(name).slice('pgrst.'.length)
      if (DATABASE_SETTINGS.includes(short)) settings.set(short, String(value))
    }
  return settings
}

/** What may be set in the database. */
export const DATABASE_SETTINGS: readonly string[] = [
  'db_aggregates_enabled',
  'client_error_verbosity',
  'db_anon_role',
  'db_pre_config',
  'db_extra_search_path',
  'db_max_rows',
  'db_plan_enabled',
  'db_pre_request',
  'db_prepared_statements',
  'db_root_spec',
  'db_schemas',
  'db_tx_end',
  'db_hoisted_tx_settings',
  'jwt_aud',
  'jwt_role_claim_key',
  'jwt_secret',
  'jwt_secret_is_base64',
  'jwt_cache_max_entries',
  'openapi_mode',
  'openapi_security_active',
  'openapi_server_proxy_uri',
  'server_cors_allowed_origins',
  'server_trace_header',
  'server_timing_enabled',
  'url_use_legacy_target_names',
]

function viewOf([oid, schema, name, columns, tree]: readonly (Buffer | null)[]): ViewColumns {
  return {
    oid: Number(oid),
    schema: String(schema),
    name: String(name),
    names: new Map(
      (JSON.parse(columns === null || columns === undefined ? '[]' : columns.toString()) as [number, string][]).map(([number, column]) => [
        number,
        column,
      ]),
    ),
    origins: columnOrigins(String(tree)),
  }
}

const textOf = (result: Result | undefined): string => String(result?.rows[0]?.[0] ?? '')

function jsonOf(result: Result | undefined): unknown {
  const bytes = result?.rows[0]?.[0]
  return bytes ? JSON.parse(bytes.toString('utf8')) : undefined
}

function rowsOf(result: Result | undefined): readonly (readonly unknown[])[] {
  const json = jsonOf(result)
  return Array.isArray(json) ? json : []
}
