// Columns and conditions as SQL.
import type { FtsOperator, Operation, QuantifiedOperator, SimpleOperator } from '../parse/filter.ts'
import type { Condition, PlannedField, PlannedOrder, ReadNode } from '../plan/read.ts'
import { arrayText, ident, literal, type Parameters } from './text.ts'

const SIMPLE: Readonly<Record<SimpleOperator, string>> = {
  neq: '<>',
  cs: '@>',
  cd: '<@',
  ov: '&&',
  sl: '<<',
  sr: '>>',
  nxr: '&<',
  nxl: '&>',
  adj: '-|-',
}
const QUANTIFIED: Readonly<Record<QuantifiedOperator, string>> = {
  eq: '=',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  like: 'like',
  ilike: 'ilike',
  match: '~',
  imatch: '~*',
}
const FTS: Readonly<Record<FtsOperator, string>> = {
  fts: 'to_tsquery',
  plfts: 'plainto_tsquery',
  phfts: 'phraseto_tsquery',
  wfts: 'websearch_to_tsquery',
}
const IS = { null: 'IS NULL', not_null: 'IS NOT NULL', true: 'IS TRUE', false: 'IS FALSE', unknown: 'IS UNKNOWN' } as const

/** The column, or what a JSON path finds in it. */
export function fieldText(ref: string, { name, path, toJson }: PlannedField): string {
  const column = name === '*' ? `${ident(ref)}.*` : `${ident(ref)}.${ident(name)}`
  if (path.length === 0) return column
  const steps = path.map((step) => `${step.arrow}${'index' in step ? indexText(step.index) : literal(step.key)}`)
  return `${toJson ? `to_jsonb(${column})` : column}${steps.join('')}`
}

/** A number that is none of Postgres' integers is left to it to refuse. */
const indexText = (index: string): string => (index.length < 10 ? String(Number(index)) : `${literal(index)}::int`)

/** How an embed with and without rows is told apart in `WHERE`. */
export type NullEmbed = (node: ReadNode, negated: boolean) => string

export function conditionText(ref: string, condition: Condition, parameters: Parameters, nullEmbed: NullEmbed): string {
  switch (condition.kind) {
    case 'null-embed':
      return nullEmbed(condition.node, condition.negated)
    case 'logic': {
      const inner = condition.children
        .map((child) => conditionText(ref, child, parameters, nullEmbed))
        .join(condition.operator === 'and' ? ' AND ' : ' OR ')
      return `${condition.negated ? 'NOT ' : ''}(${inner})`
    }
    default:
      return `${condition.negated ? 'NOT ' : ''}${filterText(ref, condition.field, condition.operation, parameters)}`
  }
}

function filterText(ref: string, field: PlannedField, operation: Operation, parameters: Parameters): string {
  const column = fieldText(ref, field)
  const value = (text: string): string =>
    field.transform === undefined ? parameters.add(text) : `${field.transform}(${parameters.add(text)})`
  switch (operation.kind) {
    case 'simple':
      return `${column} ${SIMPLE[operation.operator]} ${value(operation.value)}`
    case 'quantified': {
      const { operator, quantifier } = operation
      const text = operator === 'like' || operator === 'ilike' ? patternText(operation.value) : operation.value
      if (quantifier === undefined) return `${column} ${QUANTIFIED[operator]} ${value(text)}`
      return `${column} ${QUANTIFIED[operator]} ${quantifier === 'any' ? 'ANY' : 'ALL'} (${value(text)})`
    }
    case 'in': {
      const list = parameters.add(listText(operation.values))
      return `${column} = ANY (${field.transform === undefined ? list : `(SELECT ${field.transform}(item) FROM unnest(${list}::text[]) item)`})`
    }
    case 'is':
      return `${column} ${IS[operation.value]}`
    case 'distinct':
      return `${column} IS DISTINCT FROM ${parameters.add(operation.value)}`
    case 'fts': {
      const config = operation.config === undefined ? '' : `${literal(operation.config)}, `
      return `${field.toTsVector ? `to_tsvector(${config}${column})` : column} @@ ${FTS[operation.operator]}(${config}${parameters.add(operation.value)})`
    }
  }
}

/** The parameter of `like`: stars are wildcards. */
export const patternText = (value: string): string => value.replaceAll('*', '%')

/** The parameter of `in`: an array; one empty element is none. */
export const listText = (values: readonly string[]): string => (values.length === 1 && values[0] === '' ? '{}' : arrayText(values))

export function orderText(ref: string, terms: readonly PlannedOrder[]): string {
  if (terms.length === 0) return ''
  const texts = terms.map(({ of, field, direction, nulls }) => {
    const column = fieldText(of ?? ref, field)
    return `${column}${direction === undefined ? '' : direction === 'asc' ? ' ASC' : ' DESC'}${nulls === undefined ? '' : nulls === 'first' ? ' NULLS FIRST' : ' NULLS LAST'}`
  })
  return ` ORDER BY ${texts.join(', ')}`
}
