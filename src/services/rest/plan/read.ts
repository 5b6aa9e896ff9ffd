// The meaning of a read: a tree of relations with their columns, conditions, order and window, every name resolved against the schema cache.
// Writes and calls use the same tree for what they give back.
import { RestError } from '../errors.ts'
import type { Filter, LogicTree, Operation } from '../parse/filter.ts'
import type { Field, JsonStep } from '../parse/names.ts'
import type { OrderTerm } from '../parse/order.ts'
import type { EmbedPath, Query } from '../parse/query.ts'
import { ALL_ROWS, type Window, windowOf } from '../parse/range.ts'
import type { Aggregate, SelectField, SelectItem, SelectRelation } from '../parse/select.ts'
import { type Column, keyOf, type Name, type Relationship, type SchemaCache, type Table } from '../schema-cache/types.ts'
import { findRelationship } from './relationship.ts'

export interface PlannedField {
  readonly name: string
  readonly path: readonly JsonStep[]
  /** The column is no JSON, but a path into it was asked for. */
  readonly toJson: boolean
  /** Full text search needs the column as a tsvector, and it is none. */
  readonly toTsVector: boolean
  /** Function that shapes the column's value (reading) or the literal (filtering). */
  readonly transform: string | undefined
}

export interface PlannedSelect {
  readonly field: PlannedField
  readonly cast: string | undefined
  readonly aggregate: Aggregate | undefined
  readonly aggregateCast: string | undefined
  /** The name in the result; undefined only for `*`. */
  readonly as: string | undefined
}

export type Condition =
  | { readonly kind: 'filter'; readonly field: PlannedField; readonly negated: boolean; readonly operation: Operation }
  | { readonly kind: 'logic'; readonly negated: boolean; readonly operator: 'and' | 'or'; readonly children: readonly Condition[] }
  /** The embed has (no) rows. */
  | { readonly kind: 'null-embed'; readonly negated: boolean; readonly node: ReadNode }

export interface PlannedOrder {
  /** The alias of the to-one embed whose column it is. */
  readonly of: string | undefined
  readonly field: PlannedField
  readonly direction: 'asc' | 'desc' | undefined
  readonly nulls: 'first' | 'last' | undefined
}

export interface SpreadItem {
  /** Name in the embed's rows. */
  readonly name: string
  readonly as: string
  readonly aggregate: Aggregate | undefined
  readonly aggregateCast: string | undefined
  /** `count()`: counts rows, not values. */
  readonly rows: boolean
}

export interface ReadNode {
  readonly from: Name
  /** How SQL refers to the relation. */
  readonly ref: string
  readonly table: Table | undefined
  /** Names by which parameters may address it. */
  readonly name: string
  readonly alias: string | undefined
  select: PlannedSelect[]
  where: Condition[]
  order: PlannedOrder[]
  window: Window
  readonly join: 'inner' | 'left' | undefined
  readonly relationship: Relationship | undefined
  /** Reference name of the junction table. */
  readonly junctionRef: string | undefined
  readonly spread: 'to-one' | 'to-many' | undefined
  /** The name of the lateral subquery. */
  readonly lateral: string
  /** Nothing is selected: it only joins and filters. */
  empty: boolean
  spreadItems: SpreadItem[]
  readonly children: ReadNode[]
  readonly parent: ReadNode | undefined
}

export interface ReadContext {
  readonly cache: SchemaCache
  readonly schema: string
  readonly maxRows: number | undefined
  readonly aggregates: boolean
  readonly legacyNames: boolean
}

export interface ReadPlan {
  readonly root: ReadNode
  /** `select` was left at its default and nothing is embedded: a handler bound to the table may format it. */
  readonly defaultSelect: boolean
  /** Tables that were addressed by their name although they have an alias. */
  readonly legacyWarnings: readonly { readonly table: string; readonly alias: string }[]
}

export interface ReadRoot {
  readonly table: Name
  /** The name in SQL: the table itself, or the CTE that a write or a call makes. */
  readonly ref: string
  /** Root filters, order and windows of a write belong elsewhere. */
  readonly filters: boolean
  readonly window: Window | undefined
}

interface Planning extends ReadContext {
  readonly warnings: { table: string; alias: string }[]
  counter: number
}

/** Throws RestError for what the schema cache does not have. */
export function planRead(query: Query, root: ReadRoot, context: ReadContext): ReadPlan {
  const planning: Planning = { ...context, warnings: [], counter: 0 }
  const table = context.cache.tables.get(keyOf(root.table.schema, root.table.name))
  const node: ReadNode = {
    from: root.table,
    ref: root.ref,
    table,
    name: root.table.name,
    alias: undefined,
    select: [],
    where: [],
    order: [],
    window: root.window ?? ALL_ROWS,
    join: undefined,
    relationship: undefined,
    junctionRef: undefined,
    spread: undefined,
    lateral: '',
    empty: false,
    spreadItems: [],
    children: [],
    parent: undefined,
  }
  addSelect(node, query.select, planning)
  for (const { path, filter } of query.filters) {
    if (path.length === 0 && !root.filters) continue
    const target = resolve(node, path, planning)
    target.where.push(conditionOf({ kind: 'filter', filter }, target, planning))
  }
  for (const { path, tree } of query.logic) {
    if (path.length === 0 && !root.filters) continue
    const target = resolve(node, path, planning)
    target.where.push(conditionOf(tree, target, planning))
  }
  for (const { path, terms } of query.order) {
    const target = resolve(node, path, planning)
    target.order = terms.map((term) => orderOf(term, target, planning))
  }
  for (const { path, limits } of query.limits) {
    if (path.length === 0) continue
    const target = resolve(node, path, planning)
    target.window = windowOf(limits, undefined)
  }
  checkAggregates(node, context.aggregates)
  if (root.window !== undefined) restrict(node, context.maxRows)
  else for (const child of node.children) restrict(child, context.maxRows)
  hoistSpreads(node)
  const [only] = query.select
  const defaultSelect = query.select.length === 1 && only!.kind === 'field' && only!.field.name === '*' && only!.aggregate === undefined
  return { root: node, defaultSelect, legacyWarnings: planning.warnings }
}

function addSelect(node: ReadNode, items: readonly SelectItem[], planning: Planning): void {
  const grouped = aggregates(items)
  for (const item of items) {
    if (item.kind === 'field') node.select.push(...selected(item, node, grouped, planning))
    else addEmbed(node, item, planning)
  }
}

/** Whether the rows are grouped: by an aggregate of their own or by one of what is spread into them. */
const aggregates = (items: readonly SelectItem[]): boolean =>
  items.some((item) => (item.kind === 'field' ? item.aggregate !== undefined : item.spread && aggregates(item.select)))

/** `*` stays as it is where nothing has to be known of its columns. */
function selected(item: SelectField, node: ReadNode, grouped: boolean, planning: Planning): PlannedSelect[] {
  const { field, cast, aggregate, aggregateCast } = item
  if (field.name === '*' && aggregate === undefined) {
    const { table } = node
    const shaped =
      table !== undefined &&
      planning.cache.representations.size > 0 &&
      [...table.columns.values()].some((column) => outputOf(column, planning))
    if (!shaped && !grouped && node.spread === undefined)
      return [{ field: plainField('*'), cast: undefined, aggregate, aggregateCast, as: undefined }]
    if (table === undefined) return [{ field: plainField('*'), cast: undefined, aggregate, aggregateCast, as: undefined }]
    return [...table.columns.keys()].map((name) => selectOf({ ...item, field: { name, path: [] }, alias: undefined }, node, planning))
  }
  return [selectOf({ ...item, cast, aggregateCast }, node, planning)]
}

function selectOf(item: SelectField, node: ReadNode, planning: Planning): PlannedSelect {
  const { field, alias, cast, aggregate, aggregateCast } = item
  const column = node.table?.columns.get(field.name)
  const planned = { ...fieldOf(field, column), transform: field.path.length === 0 && column ? outputOf(column, planning) : undefined }
  return { field: planned, cast, aggregate, aggregateCast, as: alias ?? (aggregate !== undefined ? aggregate : nameOf(field)) }
}

/** A column's name in the result: the last key of a JSON path. */
function nameOf({ name, path }: Field): string {
  for (let index = path.length - 1; index >= 0; index--) {
    const step = path[index]!
    if ('key' in step) return step.key
  }
  return name
}

function outputOf(column: Column, { cache }: Planning): string | undefined {
  return cache.representations.size === 0 ? undefined : cache.representations.get(`${column.nominalType}\0json`)
}

export const plainField = (name: string): PlannedField => ({ name, path: [], toJson: false, toTsVector: false, transform: undefined })

function fieldOf({ name, path }: Field, column: Column | undefined): PlannedField {
  const toJson = path.length > 0 && (column === undefined || (column.type !== 'json' && column.type !== 'jsonb'))
  return { name, path, toJson, toTsVector: false, transform: undefined }
}

function addEmbed(parent: ReadNode, item: SelectRelation, planning: Planning): void {
  const relationship = findRelationship(planning.cache, planning.schema, parent.from, item.name, item.hint)
  const from = relationship.target
  const taken = new Set<string>()
  for (let ancestor: ReadNode | undefined = parent; ancestor !== undefined; ancestor = ancestor.parent) {
    taken.add(ancestor.ref)
    if (ancestor.junctionRef !== undefined) taken.add(ancestor.junctionRef)
  }
  const number = ++planning.counter
  const unique = (name: string): string => {
    const ref = taken.has(name) ? `${name}_${number}` : name
    taken.add(ref)
    return ref
  }
  const ref = unique(relationship.kind === 'computed' ? relationship.function.name : from.name)
  const junction = relationship.kind === 'foreign-key' ? relationship.junction : undefined
  const node: ReadNode = {
    from,
    ref,
    table: planning.cache.tables.get(keyOf(from.schema, from.name)),
    name: item.name,
    alias: item.alias,
    select: [],
    where: [],
    order: [],
    window: ALL_ROWS,
    join: item.join,
    relationship,
    junctionRef: junction === undefined ? undefined : unique(junction.name),
    spread: item.spread ? (isToOne(relationship) ? 'to-one' : 'to-many') : undefined,
    // The same table may be embedded twice under different hints: the number keeps the two apart.
    lateral: `${parent.ref}_${item.alias ?? item.name}_${number}`.slice(-63),
    empty: false,
    spreadItems: [],
    children: [],
    parent,
  }
  parent.children.push(node)
  addSelect(node, item.select, planning)
  node.empty = node.select.length === 0 && node.children.every(({ empty }) => empty)
  if (node.spread === 'to-many' && usesAggregates(node)) {
    throw new RestError('PGRST127', { details: 'Aggregates are not implemented for one-to-many or many-to-many spreads.' })
  }
}

export function isToOne(relationship: Relationship): boolean {
  return relationship.kind === 'computed'
    ? relationship.toOne
    : relationship.cardinality === 'many-to-one' || relationship.cardinality === 'one-to-one'
}

/** The name under which an embed appears and is addressed. */
export const embedName = (node: ReadNode): string => node.alias ?? node.name

/** The node that a path of embed names leads to. Throws PGRST108. */
function resolve(root: ReadNode, path: EmbedPath, planning: Planning): ReadNode {
  let node = root
  for (const name of path) node = childNamed(node, name, planning) ?? notEmbedded(name)
  return node
}

function childNamed(node: ReadNode, name: string, planning: Planning): ReadNode | undefined {
  const child =
    node.children.find((candidate) => embedName(candidate) === name) ?? node.children.find((candidate) => candidate.name === name)
  if (child === undefined || embedName(child) === name) return child
  const alias = child.alias!
  if (!planning.legacyNames) {
    throw new RestError('PGRST108', {
      words: name,
      details: 'Target names are not allowed in filters if they have an alias',
      hint: `Change '${name}' to '${alias}' in filters, orders or limits.`,
    })
  }
  planning.warnings.push({ table: name, alias })
  return child
}

function notEmbedded(name: string): never {
  throw new RestError('PGRST108', { words: name, hint: `Verify that '${name}' is included in the 'select' query parameter.` })
}

function conditionOf(tree: LogicTree, node: ReadNode, planning: Planning): Condition {
  if (tree.kind === 'logic') {
    return {
      kind: 'logic',
      negated: tree.negated,
      operator: tree.operator,
      children: tree.children.map((child) => conditionOf(child, node, planning)),
    }
  }
  const { field, negated, operation } = tree.filter
  if (operation.kind === 'is' && operation.value === 'null' && field.path.length === 0) {
    const child = node.children.length > 0 ? childNamed(node, field.name, planning) : undefined
    if (child !== undefined) return { kind: 'null-embed', negated, node: child }
  }
  return filterOf(tree.filter, node.table, planning.cache)
}

/** A condition on a column of a table (unknown columns are left to Postgres). */
export function filterOf({ field, negated, operation }: Filter, table: Table | undefined, cache: SchemaCache): Condition {
  const column = table?.columns.get(field.name)
  const planned = fieldOf(field, column)
  const transform =
    column !== undefined && field.path.length === 0 && cache.representations.size > 0 && comparesValues(operation)
      ? cache.representations.get(`text\0${column.nominalType}`)
      : undefined
  const toTsVector = operation.kind === 'fts' && column !== undefined && column.type !== 'tsvector'
  return { kind: 'filter', field: { ...planned, transform, toTsVector }, negated, operation }
}

/** Patterns and the like are no values of the column's type. */
function comparesValues(operation: Operation): boolean {
  if (operation.kind === 'quantified') return !PATTERNS.has(operation.operator)
  return operation.kind === 'in' || operation.kind === 'simple'
}

const PATTERNS: ReadonlySet<string> = new Set(['like', 'ilike'])

export function logicOf(tree: LogicTree, table: Table | undefined, cache: SchemaCache): Condition {
  if (tree.kind === 'filter') return filterOf(tree.filter, table, cache)
  return {
    kind: 'logic',
    negated: tree.negated,
    operator: tree.operator,
    children: tree.children.map((child) => logicOf(child, table, cache)),
  }
}

function orderOf({ relation, field, direction, nulls }: OrderTerm, node: ReadNode, planning: Planning): PlannedOrder {
  if (relation === undefined) return { of: undefined, field: fieldOf(field, node.table?.columns.get(field.name)), direction, nulls }
  const child = childNamed(node, relation, planning) ?? notEmbedded(relation)
  if (!isToOne(child.relationship!)) {
    throw new RestError('PGRST118', {
      words: relation,
      details: `'${embedName(node)}' and '${relation}' do not form a many-to-one or one-to-one relationship`,
    })
  }
  return { of: child.lateral, field: fieldOf(field, child.table?.columns.get(field.name)), direction, nulls }
}

const usesAggregates = (node: ReadNode): boolean => node.select.some(({ aggregate }) => aggregate !== undefined)

function checkAggregates(node: ReadNode, enabled: boolean): void {
  if (!enabled && usesAggregates(node)) throw new RestError('PGRST123')
  for (const child of node.children) checkAggregates(child, enabled)
}

function restrict(node: ReadNode, maxRows: number | undefined): void {
  if (maxRows === undefined) return
  if (node.relationship === undefined || !isToOne(node.relationship)) {
    const { offset, limit } = node.window
    node.window = { offset, limit: Math.min(limit ?? maxRows, maxRows) }
  }
  for (const child of node.children) restrict(child, maxRows)
}

/** From the leaves up: what each spread gives to its parent. Aggregates of to-one spreads are computed by the parent. */
function hoistSpreads(node: ReadNode): void {
  for (const child of node.children) hoistSpreads(child)
  if (node.spread === undefined) return
  const items: SpreadItem[] = []
  const select: PlannedSelect[] = []
  for (const item of node.select) {
    const as = item.as ?? item.field.name
    const hoisted = node.spread === 'to-one' && item.aggregate !== undefined
    const rows = hoisted && item.field.name === '*'
    items.push({
      name: as,
      as,
      aggregate: hoisted ? item.aggregate : undefined,
      aggregateCast: hoisted ? item.aggregateCast : undefined,
      rows,
    })
    if (rows) continue
    select.push(hoisted ? { ...item, aggregate: undefined, aggregateCast: undefined } : item)
  }
  node.select = select
  for (const child of node.children) {
    if (child.spread !== undefined) {
      // Still unaggregated where both are to-one: the outermost parent that is no spread computes them.
      for (const { name, as, aggregate, aggregateCast, rows } of child.spreadItems) {
        items.push({ name: as === name ? name : as, as, aggregate, aggregateCast, rows })
      }
      child.spreadItems = child.spreadItems.map((item) => ({ ...item, aggregate: undefined, aggregateCast: undefined }))
    } else if (!child.empty) {
      const name = embedName(child)
      items.push({ name, as: name, aggregate: undefined, aggregateCast: undefined, rows: false })
    }
  }
  node.spreadItems = items
}
