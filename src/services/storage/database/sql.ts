// Statements and their parameters in the shape that the executor sends; rows come back as one JSON value each.
import type { Statement, Value } from '../../../pg/executor.ts'

export type Param = string | number | boolean | null | undefined | Date | readonly string[] | { readonly json: unknown }

export interface Query {
  readonly text: string
  readonly values?: readonly Param[]
  /** Its rows are read; otherwise they are dropped unread. */
  readonly reads?: boolean
}

/** A statement whose rows nobody reads. */
export const run = (text: string, values: readonly Param[] = []): Query => ({ text, values })

/** A statement with rows (SELECT, or anything with RETURNING): each comes back as an object. Times are ISO texts as Postgres writes them. */
export const rows = (text: string, values: readonly Param[] = []): Query => ({
  text: `with t as (${text}) select to_json(t)::text from t`,
  values,
  reads: true,
})

/** A statement that makes its one column of JSON itself: where WITH changes something it cannot be wrapped. */
export const json = (text: string, values: readonly Param[] = []): Query => ({ text, values, reads: true })

export function statementOf({ text, values = [], reads = false }: Query, prepare: boolean): Statement {
  return { text, values: values.map(wireValue), prepare, discard: !reads }
}

function wireValue(value: Param): Value {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value instanceof Date) return value.toISOString()
  if (isList(value)) return arrayLiteral(value)
  return value.json === undefined || value.json === null ? null : JSON.stringify(value.json)
}

const isList = (value: object): value is readonly string[] => Array.isArray(value)

/** A text[] in Postgres' own form. */
export const arrayLiteral = (items: readonly string[]): string =>
  `{${items.map((item) => `"${item.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`

/** `100%_a` so that LIKE finds it literally. */
export const likeLiteral = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('%', '\\%').replaceAll('_', '\\_')
