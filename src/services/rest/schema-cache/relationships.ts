// From foreign keys and views to everything that can be embedded: both directions, through junctions, and computed ones.
import type { Constraints, ViewColumns } from './rows.ts'
import {
  type ColumnPair,
  type ComputedRelationship,
  type ForeignKeyRelationship,
  keyOf,
  type Name,
  type Relationship,
  type Table,
} from './types.ts'

interface Side extends Name {
  readonly isView: boolean
}

/** One foreign key as seen from tables or views: the columns of origin and target by the names they have there. */
interface Link {
  readonly constraint: string
  readonly origin: Side
  readonly target: Side
  readonly columns: readonly ColumnPair[]
  readonly unique: boolean
}

/** A view that shows all columns of a key, under one choice of names. */
interface Shown {
  readonly view: Side
  /** By number of the column in the table. */
  readonly names: ReadonlyMap<number, string>
}

/** Combinations of names for one key in one view; a view that repeats columns endlessly stops being followed here. */
const MAX_COMBINATIONS = 64

/**
 * Relationships by origin, of relations in `tables` only. A table whose only relationships go through a junction that is not among them has an
 * empty list: it is known, and so no other name is proposed for it.
 */
export function relationshipsOf(
  constraints: Constraints,
  views: readonly ViewColumns[],
  tables: ReadonlyMap<string, Table>,
  computed: readonly ComputedRelationship[],
): Map<string, Relationship[]> {
  const byRelation = viewsByRelation(views)
  const links = constraints.foreign.flatMap((key): Link[] => {
    const origin = { schema: key.schema, name: key.table, isView: false }
    const target = { schema: key.targetSchema, name: key.targetTable, isView: false }
    const link = (
      from: Side,
      to: Side,
      names: ReadonlyMap<number, string> | undefined,
      targetNames: ReadonlyMap<number, string> | undefined,
    ): Link => ({
      constraint: key.name,
      origin: from,
      target: to,
      columns: key.columns.map((pair) => [
        names?.get(pair.column) ?? pair.columnName,
        targetNames?.get(pair.targetColumn) ?? pair.targetColumnName,
      ]),
      unique: key.unique,
    })
    const origins = shown(
      byRelation.get(key.relation),
      key.columns.map(({ column }) => column),
    )
    const targets = shown(
      byRelation.get(key.target),
      key.columns.map(({ targetColumn }) => targetColumn),
    )
    return [
      link(origin, target, undefined, undefined),
      ...origins.map(({ view, names }) => link(view, target, names, undefined)),
      ...targets.map(({ view, names }) => link(origin, view, undefined, names)),
      ...origins.flatMap((from) => targets.map((to) => link(from.view, to.view, from.names, to.names))),
    ]
  })
  const exposed = ({ schema, name }: Name): boolean => tables.has(keyOf(schema, name))
  const found: Relationship[] = links
    .flatMap(bothDirections)
    .concat(throughJunctions(links, tables))
    .filter(({ origin, target }) => exposed(origin) && exposed(target))
  const overridden = new Set(computed.map(({ origin, function: { name } }) => `${keyOf(origin.schema, origin.name)}\0${name}`))
  const all = [
    ...found.filter(({ origin, target }) => !overridden.has(`${keyOf(origin.schema, origin.name)}\0${target.name}`)),
    ...computed.filter(({ origin, target }) => exposed(origin) && exposed(target)),
  ]
  const byOrigin = new Map<string, Relationship[]>()
  for (const relationship of all) {
    const key = keyOf(relationship.origin.schema, relationship.origin.name)
    const list = byOrigin.get(key)
    if (list) list.push(relationship)
    else byOrigin.set(key, [relationship])
  }
  for (const name of joinedOutOfSight(constraints, exposed)) {
    const key = keyOf(name.schema, name.name)
    if (!byOrigin.has(key)) byOrigin.set(key, [])
  }
  return byOrigin
}

/** Exposed tables that junctions join which are not exposed. */
function joinedOutOfSight({ foreign, primary }: Constraints, exposed: (name: Name) => boolean): Name[] {
  const primaryKeys = new Map(primary.map(({ relation, columns }) => [relation, columns]))
  const joined = new Map<number, Name[]>()
  for (const { relation, schema, table, targetSchema, targetTable, columns } of foreign) {
    const target = { schema: targetSchema, name: targetTable }
    if (exposed({ schema, name: table }) || !exposed(target)) continue
    if (columns.every(({ column }) => primaryKeys.get(relation)?.includes(column)))
      joined.set(relation, [...(joined.get(relation) ?? []), target])
  }
  return [...joined.values()].filter((targets) => targets.length > 1).flat()
}

/** Which columns of which views show a relation's columns, by the relation's oid. View over view is followed to the bottom. */
function viewsByRelation(views: readonly ViewColumns[]): Map<number, { view: Side; columns: Map<number, string[]> }[]> {
  const byOid = new Map(views.map((view) => [view.oid, view]))
  const result = new Map<number, { view: Side; columns: Map<number, string[]> }[]>()
  for (const view of views) {
    const found = new Map<number, Map<number, string[]>>()
    for (const origin of view.origins) {
      const name = view.names.get(origin.column)
      if (name === undefined) continue
      let { relation, relationColumn } = origin
      for (let hops = 0; hops < 32; hops++) {
        const below = byOid.get(relation)?.origins.find(({ column }) => column === relationColumn)
        if (below === undefined) break
        relation = below.relation
        relationColumn = below.relationColumn
      }
      const columns = found.get(relation) ?? new Map<number, string[]>()
      found.set(relation, columns)
      columns.set(relationColumn, [...(columns.get(relationColumn) ?? []), name])
    }
    for (const [relation, columns] of found) {
      const list = result.get(relation) ?? []
      result.set(relation, list)
      list.push({ view: { schema: view.schema, name: view.name, isView: true }, columns })
    }
  }
  return result
}

function shown(views: readonly { view: Side; columns: Map<number, string[]> }[] | undefined, key: readonly number[]): Shown[] {
  return (views ?? []).flatMap(({ view, columns }) => {
    let choices: Map<number, string>[] = [new Map()]
    for (const column of key) {
      const names = columns.get(column)
      if (names === undefined) return []
      choices = choices.flatMap((choice) => names.map((name) => new Map(choice).set(column, name))).slice(0, MAX_COMBINATIONS)
    }
    return choices.map((names) => ({ view, names }))
  })
}

function bothDirections({ constraint, origin, target, columns, unique }: Link): ForeignKeyRelationship[] {
  const isSelf = origin.schema === target.schema && origin.name === target.name
  const forth: ForeignKeyRelationship = {
    kind: 'foreign-key',
    origin: plain(origin),
    target: plain(target),
    cardinality: unique ? 'one-to-one' : 'many-to-one',
    constraint,
    columns,
    junction: undefined,
    isSelf,
    keyAtTarget: false,
    originIsView: origin.isView,
    targetIsView: target.isView,
  }
  const back: ForeignKeyRelationship = {
    ...forth,
    origin: forth.target,
    target: forth.origin,
    cardinality: unique ? 'one-to-one' : 'one-to-many',
    columns: columns.map(([a, b]) => [b, a]),
    keyAtTarget: true,
    originIsView: target.isView,
    targetIsView: origin.isView,
  }
  return [forth, back]
}

const plain = ({ schema, name }: Name): Name => ({ schema, name })

function throughJunctions(links: readonly Link[], tables: ReadonlyMap<string, Table>): ForeignKeyRelationship[] {
  const byJunction = new Map<string, Link[]>()
  for (const link of links) {
    const key = keyOf(link.origin.schema, link.origin.name)
    const junction = tables.get(key)
    // Both keys must lie in the junction's primary key.
    if (!junction || !link.columns.every(([column]) => junction.primaryKey.includes(column))) continue
    const list = byJunction.get(key)
    if (list) list.push(link)
    else byJunction.set(key, [link])
  }
  return [...byJunction.values()].flatMap((list) =>
    list.flatMap((one) =>
      list.flatMap((other): ForeignKeyRelationship[] => {
        if (one === other || one.constraint === other.constraint) return []
        return [
          {
            kind: 'foreign-key',
            origin: plain(one.target),
            target: plain(other.target),
            cardinality: 'many-to-many',
            constraint: '',
            columns: [],
            junction: {
              ...plain(one.origin),
              originConstraint: one.constraint,
              targetConstraint: other.constraint,
              originColumns: one.columns,
              targetColumns: other.columns,
            },
            isSelf: one.target.schema === other.target.schema && one.target.name === other.target.name,
            keyAtTarget: false,
            originIsView: one.target.isView,
            targetIsView: other.target.isView,
          },
        ]
      }),
    ),
  )
}

/** The primary key of a view is that of the tables beneath it, where it shows all of its columns. */
export function primaryKeysOfViews(constraints: Constraints, views: readonly ViewColumns[]): Map<string, string[]> {
  const byRelation = viewsByRelation(views)
  const keys = new Map<string, string[]>()
  for (const { relation, columns } of constraints.primary) {
    const seen = new Set<string>()
    for (const { view, names } of shown(byRelation.get(relation), columns)) {
      const key = keyOf(view.schema, view.name)
      if (seen.has(key)) continue
      seen.add(key)
      keys.set(key, [...(keys.get(key) ?? []), ...columns.map((column) => names.get(column)!)])
    }
  }
  return keys
}
