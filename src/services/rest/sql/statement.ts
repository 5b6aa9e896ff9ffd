// The one statement of a request: rows, their number, the body made of them, and what the database set for the answer.
import type { Statement, Value } from '../../../pg/executor.ts'
import type { PlanOptions } from '../parse/media-type.ts'
import type { ReadNode } from '../plan/read.ts'
import { type BodyShape, bodyText } from './body.ts'
import { countText, readText } from './read.ts'
import { literal, Parameters } from './text.ts'

export interface SqlStatement extends Statement {
  readonly text: string
  readonly values: readonly Value[]
}

/** Columns of the statement's single row. */
export const COLUMN = { total: 0, page: 1, body: 2, headers: 3, status: 4, location: 5, inserted: 6 } as const

const ANSWER_SETTINGS = `nullif(current_setting('response.headers', true), ''), nullif(current_setting('response.status', true), '')`

/** `exact`: counted whatever the window; `capped`: at most `cap + 1` are counted. */
export type Total = { readonly kind: 'none' } | { readonly kind: 'exact' } | { readonly kind: 'capped'; readonly cap: number }

function totalText(root: ReadNode, total: Total, parameters: Parameters): string {
  if (total.kind === 'none') return 'null::bigint'
  const rows = countText(root, parameters)
  return `(SELECT count(*) FROM (${rows}${total.kind === 'capped' ? ` LIMIT ${total.cap + 1}` : ''}) pgrst_count)`
}

export function readStatement(root: ReadNode, shape: BodyShape, total: Total): SqlStatement {
  const parameters = new Parameters()
  const rows = readText(root, parameters)
  return { text: overRows(rows, shape, totalText(root, total, parameters)), values: parameters.values }
}

function overRows(rows: string, shape: BodyShape, total: string): string {
  const columns = `${total}, count(*), ${bodyText(shape)}, ${ANSWER_SETTINGS}`
  // CSV looks at the rows twice.
  if (shape.form.kind === 'csv') return `WITH pgrst_rows AS (${rows}) SELECT ${columns} FROM (SELECT * FROM pgrst_rows) _t`
  return `SELECT ${columns} FROM (${rows}) _t`
}

/** A statement whose rows come from a write. `location`: the columns of the key that the Location header names. */
export function writeStatement(
  write: (parameters: Parameters) => string,
  root: ReadNode,
  shape: BodyShape,
  location: readonly string[],
  upsert: boolean,
): SqlStatement {
  const parameters = new Parameters()
  const source = write(parameters)
  const rows = shape.form.kind === 'none' ? 'SELECT * FROM pgrst_source' : readText(root, parameters)
  const key =
    location.length === 0
      ? 'null'
      : `(SELECT json_agg(json_build_array(key, value)) FROM (SELECT * FROM json_each_text((SELECT row_to_json(s) FROM pgrst_source s LIMIT 1)) ORDER BY key) k WHERE key = ANY (ARRAY[${location.map((name) => literal(name)).join(', ')}]::text[]))`
  const inserted = upsert ? `nullif(current_setting('pgrst.inserted', true), '')` : 'null'
  const columns = `null::bigint, count(*), ${bodyText(shape)}, ${ANSWER_SETTINGS}, ${key}, ${inserted}`
  const csv = shape.form.kind === 'csv'
  return {
    text: `WITH pgrst_source AS (${source})${csv ? `, pgrst_rows AS (${rows})` : ''} SELECT ${columns} FROM (${csv ? 'SELECT * FROM pgrst_rows' : rows}) _t`,
    values: parameters.values,
  }
}

/** A statement whose rows come from a function call. */
export function callStatement(call: (parameters: Parameters) => string, root: ReadNode, shape: BodyShape, total: Total): SqlStatement {
  const parameters = new Parameters()
  const source = call(parameters)
  const rows = readText(root, parameters)
  const counted = totalText(root, total, parameters)
  const columns = `${counted}, count(*), ${bodyText(shape)}, ${ANSWER_SETTINGS}`
  const csv = shape.form.kind === 'csv'
  return {
    text: `WITH pgrst_source AS (${source})${csv ? `, pgrst_rows AS (${rows})` : ''} SELECT ${columns} FROM (${csv ? 'SELECT * FROM pgrst_rows' : rows}) _t`,
    values: parameters.values,
  }
}

/** The planner's guess of how many rows there are: the plan as JSON in one column. */
export function estimateStatement(root: ReadNode): SqlStatement {
  const parameters = new Parameters()
  const text = `EXPLAIN (FORMAT JSON) ${countText(root, parameters)}`
  return { text, values: parameters.values }
}

export function explainStatement(statement: SqlStatement, format: 'text' | 'json', options: PlanOptions): SqlStatement {
  const words = Object.entries(options).flatMap(([name, on]) => (on ? [name.toUpperCase()] : []))
  return { text: `EXPLAIN (${[`FORMAT ${format.toUpperCase()}`, ...words].join(', ')}) ${statement.text}`, values: statement.values }
}
