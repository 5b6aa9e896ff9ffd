// The meaning of a write: which columns are set from the body, what decides conflicts, which rows are meant, what has to come back.
import { RestError } from '../errors.ts'
import type { Payload } from '../parse/payload.ts'
import type { Preferences } from '../parse/prefer.ts'
import type { Query } from '../parse/query.ts'
import type { Column, SchemaCache, Table } from '../schema-cache/types.ts'
import { type Condition, filterOf, logicOf, type ReadNode } from './read.ts'

/** A column that the body sets. */
export interface WrittenColumn {
  readonly name: string
  /** The type in which the value is read from the JSON. */
  readonly type: string
  /** Function that turns the JSON value into the column's domain. */
  readonly transform: string | undefined
  readonly default: string | undefined
}

/** Where the values come from: the body's text, as one object or as an array of them. */
export interface Source {
  readonly bytes: Buffer
  readonly isArray: boolean
  readonly columns: readonly WrittenColumn[]
  /** Keys that an object lacks get the column's default instead of null. */
  readonly useDefaults: boolean
}

export type WritePlan = { readonly table: Table; readonly returning: readonly string[] } & (
  | {
      readonly kind: 'insert'
      readonly source: Source
      readonly conflict: { readonly columns: readonly string[]; readonly resolution: 'merge' | 'ignore' } | undefined
      /** PUT: only a row that carries these values. */
      readonly where: readonly Condition[]
    }
  | { readonly kind: 'update'; readonly source: Source; readonly where: readonly Condition[] }
  | { readonly kind: 'delete'; readonly where: readonly Condition[] }
)

export function planInsert(
  table: Table,
  query: Query,
  payload: Payload,
  preferences: Preferences,
  returning: readonly string[],
  cache: SchemaCache,
): WritePlan {
  const source = sourceOf(table, query, payload, preferences, cache)
  const columns = query.onConflict ?? table.primaryKey
  const conflict =
    preferences.resolution === undefined || columns.length === 0
      ? undefined
      : { columns, resolution: preferences.resolution === 'merge-duplicates' ? ('merge' as const) : ('ignore' as const) }
  return { kind: 'insert', table, source, conflict, where: [], returning }
}

/** Throws PGRST105 and PGRST114 where the address is not that of one row. */
export function planPut(
  table: Table,
  query: Query,
  payload: Payload,
  preferences: Preferences,
  returning: readonly string[],
  cache: SchemaCache,
): WritePlan {
  if (query.limits.some(({ path }) => path.length === 0)) throw new RestError('PGRST114')
  const filters = query.filters.filter(({ path }) => path.length === 0).map(({ filter }) => filter)
  const named = new Set(filters.map(({ field }) => field.name))
  // Whatever else narrows the answer, in an embed or inside a JSON column, makes the address another one.
  const exact =
    table.primaryKey.length > 0 &&
    filters.length === query.filters.length &&
    query.logic.length === 0 &&
    named.size === table.primaryKey.length &&
    table.primaryKey.every((column) => named.has(column)) &&
    filters.every(
      ({ field, operation, negated }) =>
        field.path.length === 0 &&
        operation.kind === 'quantified' &&
        operation.operator === 'eq' &&
        operation.quantifier === undefined &&
        !negated,
    )
  if (!exact) throw new RestError('PGRST105')
  const source = sourceOf(table, query, payload, preferences, cache)
  return {
    kind: 'insert',
    table,
    source,
    conflict: { columns: table.primaryKey, resolution: 'merge' },
    where: filters.map((filter) => filterOf(filter, table, cache)),
    returning,
  }
}

export function planUpdate(
  table: Table,
  query: Query,
  payload: Payload,
  preferences: Preferences,
  returning: readonly string[],
  cache: SchemaCache,
): WritePlan {
  return {
    kind: 'update',
    table,
    source: sourceOf(table, query, payload, preferences, cache),
    where: rootConditions(query, table, cache),
    returning,
  }
}

export function planDelete(table: Table, query: Query, returning: readonly string[], cache: SchemaCache): WritePlan {
  return { kind: 'delete', table, where: rootConditions(query, table, cache), returning }
}

function rootConditions(query: Query, table: Table, cache: SchemaCache): Condition[] {
  return [
    ...query.filters.filter(({ path }) => path.length === 0).map(({ filter }) => filterOf(filter, table, cache)),
    ...query.logic.filter(({ path }) => path.length === 0).map(({ tree }) => logicOf(tree, table, cache)),
  ]
}

function sourceOf(table: Table, query: Query, payload: Payload, preferences: Preferences, cache: SchemaCache): Source {
  if (payload.kind !== 'json') throw new RestError('PGRST102', { words: 'Empty or invalid json' })
  const names = payload.keys ?? query.columns ?? []
  const columns = [...new Set(names)].map((name) => writtenColumn(table.columns.get(name) ?? unknownColumn(name, table), cache))
  return {
    bytes: payload.bytes,
    isArray: payload.isArray ?? firstByte(payload.bytes) !== 0x7b,
    columns,
    useDefaults: preferences.missing === 'default',
  }
}

function writtenColumn(column: Column, cache: SchemaCache): WrittenColumn {
  const transform = cache.representations.get(`json\0${column.nominalType}`)
  return { name: column.name, type: transform === undefined ? column.nominalType : 'json', transform, default: column.default }
}

function unknownColumn(name: string, table: Table): never {
  throw new RestError('PGRST204', { words: `Could not find the '${name}' column of '${table.name}' in the schema cache` })
}

function firstByte(bytes: Buffer): number | undefined {
  return bytes.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)
}

/** The columns that a representation reads: selected ones, those that order it, and those that embeds join by. `*` when all could be. */
export function returnedColumns(root: ReadNode): readonly string[] {
  const names = new Set<string>()
  for (const { field } of root.select) names.add(field.name)
  for (const { of, field } of root.order) if (of === undefined) names.add(field.name)
  for (const { relationship } of root.children) {
    if (relationship!.kind === 'computed') return ['*']
    const pairs = relationship!.junction?.originColumns.map(([, column]) => column) ?? relationship!.columns.map(([column]) => column)
    for (const column of pairs) names.add(column)
  }
  return names.has('*') ? ['*', ...[...names].filter((name) => name !== '*' && !root.table?.columns.has(name))] : [...names]
}

/** Names that a plan selects and that are no columns of its relation, as far as that is known. */
export function computedColumns({ select, table }: ReadNode): readonly string[] {
  if (table === undefined) return []
  return [...new Set(select.map(({ field }) => field.name).filter((name) => name !== '*' && !table.columns.has(name)))]
}
