// A read plan as one SELECT: embeds are lateral subqueries, to-one as a row, to-many as a JSON array.
import type { Window } from '../parse/range.ts'
import { embedName, isToOne, type PlannedSelect, type ReadNode } from '../plan/read.ts'
import type { ColumnPair } from '../schema-cache/types.ts'
import { conditionText, fieldText, type NullEmbed, orderText } from './condition.ts'
import { ident, type Parameters, qualified, typeText } from './text.ts'

/** The CTE that a write or a call makes and that its representation is read from. */
export const SOURCE = 'pgrst_source'

const isArray = (node: ReadNode): boolean => node.relationship !== undefined && !isToOne(node.relationship)

const byJoin: NullEmbed = (node, negated) => {
  const marker = node.spread === 'to-many' ? `${ident(node.lateral)}."pgrst_rows"` : ident(node.lateral)
  return `${marker} IS ${negated ? '' : 'NOT '}DISTINCT FROM NULL`
}

export function readText(node: ReadNode, parameters: Parameters): string {
  const columns = node.select.map((item) => selectText(node.ref, item))
  for (const child of node.children) columns.push(...embedTexts(child))
  // An embed that selects nothing still needs a row to be found by.
  const list = columns.length === 0 ? `${ident(node.ref)}.*` : columns.join(', ')
  const joins = node.children.map((child) => joinText(child, parameters)).join('')
  const where = whereText(node, parameters, byJoin)
  return `SELECT ${list} FROM ${fromText(node)}${joins}${where}${groupText(node)}${orderText(node.ref, node.order)}${windowText(node.window, parameters)}`
}

/** One row for each row of the filtered relation, without window, order or columns. */
export function countText(node: ReadNode, parameters: Parameters): string {
  const exists = (child: ReadNode): string => `EXISTS (${countText(child, parameters)})`
  const where = whereText(node, parameters, (child, negated) => `${negated ? '' : 'NOT '}${exists(child)}`)
  const inner = node.children.filter((child) => child.join === 'inner').map(exists)
  const conditions = inner.length === 0 ? where : `${where === '' ? ' WHERE ' : `${where} AND `}${inner.join(' AND ')}`
  return `SELECT 1 FROM ${fromText(node)}${conditions}`
}

function selectText(ref: string, { field, cast, aggregate, aggregateCast, as }: PlannedSelect): string {
  let text = fieldText(ref, field)
  if (field.transform !== undefined) text = `${field.transform}(${text})`
  if (cast !== undefined) text = `CAST(${text} AS ${typeText(cast)})`
  text = aggregated(text, field.name === '*', aggregate, aggregateCast)
  return as === undefined || (as === field.name && field.path.length === 0 && text.endsWith(ident(as))) ? text : `${text} AS ${ident(as)}`
}

function aggregated(text: string, rows: boolean, aggregate: string | undefined, cast: string | undefined): string {
  if (aggregate === undefined) return text
  const call = rows ? 'count(*)' : `${aggregate}(${text})`
  return cast === undefined ? call : `CAST(${call} AS ${typeText(cast)})`
}

function embedTexts(node: ReadNode): string[] {
  const lateral = ident(node.lateral)
  if (node.spread !== undefined) {
    return node.spreadItems.flatMap(({ name, as, aggregate, aggregateCast, rows }) => {
      if (name === '*') return [`${lateral}.*`]
      // Rows are counted by the outermost parent that is no spread.
      if (rows && aggregate === undefined) return []
      return [`${aggregated(`${lateral}.${ident(name)}`, rows, aggregate, aggregateCast)} AS ${ident(as)}`]
    })
  }
  if (node.empty) return []
  const name = ident(embedName(node))
  return [isArray(node) ? `COALESCE(${lateral}.${lateral}, '[]') AS ${name}` : `row_to_json(${lateral}.*)::jsonb AS ${name}`]
}

function joinText(node: ReadNode, parameters: Parameters): string {
  const lateral = ident(node.lateral)
  const join = node.join === 'inner' ? 'INNER' : 'LEFT'
  const rows = readText(node, parameters)
  if (node.spread === 'to-many') {
    const columns = node.spreadItems.map(({ name }) => `COALESCE(json_agg("pgrst_row".${ident(name)}), '[]') AS ${ident(name)}`)
    return ` ${join} JOIN LATERAL (SELECT ${[...columns, 'nullif(count(*), 0) AS "pgrst_rows"'].join(', ')} FROM (${rows}) AS "pgrst_row") AS ${lateral} ON ${node.join === 'inner' ? `${lateral}."pgrst_rows" IS NOT NULL` : 'TRUE'}`
  }
  if (isArray(node)) {
    return ` ${join} JOIN LATERAL (SELECT json_agg(${lateral}.*)::jsonb AS ${lateral} FROM (${rows}) AS ${lateral}) AS ${lateral} ON ${node.join === 'inner' ? `${lateral}.${lateral} IS NOT NULL` : 'TRUE'}`
  }
  return ` ${join} JOIN LATERAL (${rows}) AS ${lateral} ON TRUE`
}

function fromText(node: ReadNode): string {
  const { relationship } = node
  if (relationship === undefined) return node.ref === SOURCE ? SOURCE : named(qualified(node.from), node.from.name, node.ref)
  if (relationship.kind === 'computed') {
    const parent = node.parent!
    // The row of a write's or a call's result is an anonymous record until it is told its type.
    const row = parent.ref === SOURCE ? `${SOURCE}::${qualified(relationship.origin)}` : ident(parent.ref)
    return `${qualified(relationship.function)}(${row}) AS ${ident(node.ref)}`
  }
  const target = named(qualified(node.from), node.from.name, node.ref)
  const { junction } = relationship
  return junction === undefined ? target : `${target}, ${named(qualified(junction), junction.name, node.junctionRef!)}`
}

const named = (text: string, name: string, ref: string): string => (name === ref ? text : `${text} AS ${ident(ref)}`)

function whereText(node: ReadNode, parameters: Parameters, nullEmbed: NullEmbed): string {
  const conditions = joinConditions(node)
  for (const condition of node.where) conditions.push(conditionText(node.ref, condition, parameters, nullEmbed))
  return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
}

function joinConditions(node: ReadNode): string[] {
  const { relationship, parent } = node
  if (relationship === undefined || relationship.kind === 'computed') return []
  const { columns, junction } = relationship
  const equal = (left: string, right: string, pairs: readonly ColumnPair[]): string[] =>
    pairs.map(([a, b]) => `${ident(left)}.${ident(a)} = ${ident(right)}.${ident(b)}`)
  if (junction === undefined) return equal(parent!.ref, node.ref, columns)
  return [...equal(node.junctionRef!, parent!.ref, junction.originColumns), ...equal(node.junctionRef!, node.ref, junction.targetColumns)]
}

function groupText(node: ReadNode): string {
  const hoisted = node.children.some(
    ({ spreadItems, spread }) => spread !== undefined && spreadItems.some(({ aggregate }) => aggregate !== undefined),
  )
  if (!hoisted && !node.select.some(({ aggregate }) => aggregate !== undefined)) return ''
  const terms = node.select.flatMap((item) => {
    if (item.aggregate !== undefined) return []
    const text = fieldText(node.ref, item.field)
    return [item.cast === undefined ? text : `CAST(${text} AS ${typeText(item.cast)})`]
  })
  for (const child of node.children) {
    const lateral = ident(child.lateral)
    if (child.spread !== undefined) {
      for (const { name, aggregate } of child.spreadItems) if (aggregate === undefined) terms.push(`${lateral}.${ident(name)}`)
    } else if (!child.empty) terms.push(isArray(child) ? `${lateral}.${lateral}` : `${lateral}.*`)
  }
  return terms.length === 0 ? '' : ` GROUP BY ${terms.join(', ')}`
}

/**
 * The limit stands in the text: as a parameter it would hide from the planner how few rows are wanted, and the statement would be
 * planned anew at each run. It is a number that was checked to be one.
 */
export function windowText({ offset, limit }: Window, parameters: Parameters): string {
  const limited = limit === undefined ? '' : ` LIMIT ${wholeNumber(limit)}`
  return offset === 0 ? limited : `${limited} OFFSET ${parameters.add(wholeNumber(offset))}`
}

const wholeNumber = (value: number): string => BigInt(Math.trunc(value)).toString()
