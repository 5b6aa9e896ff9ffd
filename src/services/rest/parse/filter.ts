// Filters and logic trees: `column=[not.]operator.value`, `or=(a.eq.1,and(b.gt.2,not.c.is.null))`.
import { type Field, field, identifier, quotedText } from './names.ts'
import { type Scanner, Unparsable } from './scanner.ts'

export type FtsOperator = 'fts' | 'plfts' | 'phfts' | 'wfts'
export type SimpleOperator = 'neq' | 'cs' | 'cd' | 'ov' | 'sl' | 'sr' | 'nxr' | 'nxl' | 'adj'
export type QuantifiedOperator = 'eq' | 'gt' | 'gte' | 'lt' | 'lte' | 'like' | 'ilike' | 'match' | 'imatch'
export type IsValue = 'null' | 'not_null' | 'true' | 'false' | 'unknown'

export type Operation =
  | {
      readonly kind: 'quantified'
      readonly operator: QuantifiedOperator
      readonly quantifier: 'any' | 'all' | undefined
      readonly value: string
    }
  | { readonly kind: 'simple'; readonly operator: SimpleOperator; readonly value: string }
  | { readonly kind: 'in'; readonly values: readonly string[] }
  | { readonly kind: 'is'; readonly value: IsValue }
  | { readonly kind: 'distinct'; readonly value: string }
  | { readonly kind: 'fts'; readonly operator: FtsOperator; readonly config: string | undefined; readonly value: string }

export interface Filter {
  readonly field: Field
  readonly negated: boolean
  readonly operation: Operation
}

export type LogicTree =
  | { readonly kind: 'filter'; readonly filter: Filter }
  | { readonly kind: 'logic'; readonly negated: boolean; readonly operator: 'and' | 'or'; readonly children: readonly LogicTree[] }

const QUANTIFIED: readonly QuantifiedOperator[] = ['eq', 'gte', 'gt', 'lte', 'lt', 'like', 'ilike', 'match', 'imatch']
const SIMPLE: readonly SimpleOperator[] = ['neq', 'cs', 'cd', 'ov', 'sl', 'sr', 'nxr', 'nxl', 'adj']
const FTS: readonly FtsOperator[] = ['fts', 'plfts', 'phfts', 'wfts']
const IS_VALUES: readonly IsValue[] = ['null', 'not_null', 'true', 'false', 'unknown']
const MAX_DEPTH = 64

/** The value of a filter parameter: `not.eq.5`. `nested` when it stands in a logic tree, where a value ends at a comma or a parenthesis. */
export function operation(scanner: Scanner, nested = false): { negated: boolean; operation: Operation } {
  const negated = scanner.take('not.')
  return { negated, operation: operator(scanner, nested) }
}

/** A value that begins like an operation and is none: it cannot be the argument of a function either. */
export function looksLikeOperation(value: string): boolean {
  return value.startsWith('not.') || value.startsWith('in.') || value.startsWith('is.')
}

function operator(scanner: Scanner, nested: boolean): Operation {
  if (scanner.take('in.')) return { kind: 'in', values: list(scanner) }
  if (scanner.take('is.')) return { kind: 'is', value: isValue(scanner) }
  if (scanner.take('isdistinct.')) return { kind: 'distinct', value: value(scanner, nested) }
  const fts = FTS.find((word) => scanner.take(word))
  if (fts !== undefined) {
    const config = scanner.attempt(() => {
      scanner.need('(')
      const name = identifier(scanner)
      scanner.need(')')
      return name
    })
    scanner.need('.')
    return { kind: 'fts', operator: fts, config, value: value(scanner, nested) }
  }
  const simple = SIMPLE.find((word) => scanner.take(word))
  if (simple !== undefined) {
    scanner.need('.')
    return { kind: 'simple', operator: simple, value: value(scanner, nested) }
  }
  const quantified = QUANTIFIED.find((word) => scanner.take(word))
  if (quantified === undefined) throw new Unparsable()
  const quantifier = scanner.take('(any)') ? 'any' : scanner.take('(all)') ? 'all' : undefined
  scanner.need('.')
  return { kind: 'quantified', operator: quantified, quantifier, value: value(scanner, nested) }
}

function isValue(scanner: Scanner): IsValue {
  const rest = scanner.text.slice(scanner.at, scanner.at + 8).toLowerCase()
  const found = IS_VALUES.find((name) => rest.startsWith(name))
  if (found === undefined) throw new Unparsable()
  scanner.at += found.length
  return found
}

function value(scanner: Scanner, nested: boolean): string {
  const { text } = scanner
  const start = scanner.at
  if (!nested) {
    scanner.at = text.length
    return text.slice(start)
  }
  const whole = wholeQuoted(scanner)
  if (whole !== undefined) return whole
  const array = /\{[^{}]*\}/y
  array.lastIndex = start
  const found = scanner.code === 123 ? array.exec(text) : null
  if (found !== null) {
    scanner.at = array.lastIndex
    return found[0]
  }
  return scanner.upTo(',)')
}

/** A quoted value with nothing between its end and the next comma or parenthesis. */
function wholeQuoted(scanner: Scanner): string | undefined {
  if (scanner.code !== 34) return undefined
  return scanner.attempt(() => {
    const inner = quotedText(scanner)
    if (!scanner.atEnd && !scanner.sees(',') && !scanner.sees(')')) throw new Unparsable()
    return inner
  })
}

/** `(a,b,"c,d")`: elements that are not quoted keep every character but `,` and `)`. */
function list(scanner: Scanner): string[] {
  scanner.spaces()
  scanner.need('(')
  scanner.spaces()
  const values: string[] = []
  do values.push(wholeQuoted(scanner) ?? scanner.upTo(',)'))
  while (scanner.take(','))
  scanner.need(')')
  return values
}

/** A tree with its operator in front, `or(a.eq.1,not.and(...))`, or a single condition. What follows it is left where it is. */
export function logicTree(scanner: Scanner, depth = 0): LogicTree {
  if (depth > MAX_DEPTH) throw new Unparsable('conditions are nested too deep')
  const filter = scanner.attempt((): LogicTree => {
    const of = field(scanner)
    scanner.need('.')
    const { negated, operation: what } = operation(scanner, true)
    return { kind: 'filter', filter: { field: of, negated, operation: what } }
  })
  if (filter !== undefined) return filter
  const negated = scanner.take('not.')
  const word = scanner.take('and') ? 'and' : scanner.take('or') ? 'or' : undefined
  if (word === undefined) throw new Unparsable()
  scanner.spaces()
  scanner.need('(')
  scanner.spaces()
  const children: LogicTree[] = []
  do children.push(logicTree(scanner, depth + 1))
  while (scanner.separated(','))
  scanner.need(')')
  scanner.spaces()
  return { kind: 'logic', negated, operator: word, children }
}
