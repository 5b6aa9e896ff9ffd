// Filters and logic trees: `column=[not.]operator.value`, `or=(a.eq.1,and(b.gt.2,not.c.is.null))`.
import { type Field, field, quotedText } from './names.ts'
import type { Scanner } from './scanner.ts'

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

const QUANTIFIED: ReadonlySet<string> = new Set(['eq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'match', 'imatch'])
const SIMPLE: ReadonlySet<string> = new Set(['neq', 'cs', 'cd', 'ov', 'sl', 'sr', 'nxr', 'nxl', 'adj'])
const FTS: ReadonlySet<string> = new Set(['fts', 'plfts', 'phfts', 'wfts'])
const IS_VALUES: readonly IsValue[] = ['null', 'not_null', 'true', 'false', 'unknown']
const MAX_DEPTH = 64

/** The value of a filter parameter: `not.eq.5`. `nested` when it stands in a logic tree, where a value ends at a comma or a parenthesis. */
export function operation(scanner: Scanner, nested = false): { negated: boolean; operation: Operation } {
  const negated = scanner.sees('not.')
  if (negated) scanner.at += 4
  return { negated, operation: operator(scanner, nested, negated) }
}

function operator(scanner: Scanner, nested: boolean, negated: boolean): Operation {
  const { text } = scanner
  const start = scanner.at
  let end = start
  while (text.charCodeAt(end) >= 97 && text.charCodeAt(end) <= 122) end++
  const word = text.slice(start, end)
  const unknown = (): never => {
    scanner.at = start
    if (!negated) scanner.expect('"not"')
    return scanner.fail('operator (eq, gt, ...)')
  }
  scanner.at = end
  if (word === 'in') {
    delimiter(scanner)
    return { kind: 'in', values: list(scanner) }
  }
  if (word === 'is') {
    delimiter(scanner)
    return { kind: 'is', value: isValue(scanner) }
  }
  if (word === 'isdistinct') {
    delimiter(scanner)
    return { kind: 'distinct', value: value(scanner, nested) }
  }
  if (FTS.has(word)) {
    let config: string | undefined
    if (scanner.sees('(')) {
      scanner.at++
      const from = scanner.at
      while (/[\p{L}\p{N}_]/u.test(text[scanner.at] ?? '')) scanner.at++
      if (scanner.at === from || !scanner.sees(')')) return unknown()
      config = text.slice(from, scanner.at++)
    }
    if (!scanner.sees('.')) return unknown()
    scanner.at++
    return { kind: 'fts', operator: word as FtsOperator, config, value: value(scanner, nested) }
  }
  if (SIMPLE.has(word)) {
    if (!scanner.sees('.')) return unknown()
    scanner.at++
    return { kind: 'simple', operator: word as SimpleOperator, value: value(scanner, nested) }
  }
  if (!QUANTIFIED.has(word)) return unknown()
  let quantifier: 'any' | 'all' | undefined
  if (scanner.sees('(any)') || scanner.sees('(all)')) {
    quantifier = text.slice(end + 1, end + 4) as 'any' | 'all'
    scanner.at += 5
  }
  if (!scanner.sees('.')) return unknown()
  scanner.at++
  return { kind: 'quantified', operator: word as QuantifiedOperator, quantifier, value: value(scanner, nested) }
}

function delimiter(scanner: Scanner): void {
  if (!scanner.take('.', 'delimiter (.)')) scanner.fail()
}

function isValue(scanner: Scanner): IsValue {
  const rest = scanner.text.slice(scanner.at, scanner.at + 8).toLowerCase()
  const found = IS_VALUES.find((name) => rest.startsWith(name))
  if (found === undefined) return scanner.fail('isVal: (null, not_null, true, false, unknown)')
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
  if (scanner.code === 34) {
    const whole = scanner.attempt(() => {
      const inner = quotedText(scanner)
      if (!scanner.atEnd && !scanner.sees(',') && !scanner.sees(')')) scanner.fail()
      return inner
    })
    if (whole !== undefined) return whole
  }
  if (scanner.code === 123) {
    const end = text.indexOf('}', start)
    if (end > 0) {
      scanner.at = end + 1
      return text.slice(start, scanner.at)
    }
  }
  while (!scanner.atEnd && !scanner.sees(',') && !scanner.sees(')')) scanner.at++
  return text.slice(start, scanner.at)
}

/** `(a,b,"c,d")`: elements that are not quoted keep every character but `,` and `)`. */
function list(scanner: Scanner): string[] {
  const { text } = scanner
  scanner.spaces()
  if (!scanner.take('(')) scanner.fail()
  scanner.spaces()
  const values: string[] = []
  for (;;) {
    let element: string | undefined
    if (scanner.code === 34) {
      element = scanner.attempt(() => {
        const inner = quotedText(scanner)
        if (!scanner.atEnd && !scanner.sees(',') && !scanner.sees(')')) scanner.fail()
        return inner
      })
    }
    if (element === undefined) {
      const start = scanner.at
      while (!scanner.atEnd && !scanner.sees(',') && !scanner.sees(')')) scanner.at++
      element = text.slice(start, scanner.at)
    }
    values.push(element)
    if (scanner.take(',')) continue
    if (!scanner.take(')')) scanner.fail()
    scanner.spaces()
    return values
  }
}

/** What stands behind `and=` or `or=`: a list of conditions in parentheses. */
export function conditions(scanner: Scanner, depth = 0): LogicTree[] {
  if (depth > MAX_DEPTH) scanner.fail('fewer nested conditions')
  scanner.spaces()
  if (!scanner.take('(')) scanner.fail()
  const children: LogicTree[] = []
  for (;;) {
    scanner.spaces()
    children.push(condition(scanner, depth))
    scanner.spaces()
    if (scanner.take(',')) continue
    if (!scanner.take(')')) scanner.fail()
    scanner.spaces()
    return children
  }
}

const LOGIC = /(not\.)?(and|or)(?= *\()/y

function condition(scanner: Scanner, depth: number): LogicTree {
  LOGIC.lastIndex = scanner.at
  const found = LOGIC.exec(scanner.text)
  if (found) {
    scanner.at = LOGIC.lastIndex
    return { kind: 'logic', negated: found[1] !== undefined, operator: found[2] as 'and' | 'or', children: conditions(scanner, depth + 1) }
  }
  // In a tree the negation may stand before the column as well as before the operator.
  const of = scanner.attempt(() => {
    const name = field(scanner)
    if (!scanner.take('.', 'delimiter (.)')) scanner.fail()
    return name
  })
  if (of === undefined) return scanner.fail('logic operator (and, or)')
  if (of.name === 'not' && of.path.length === 0) {
    const start = scanner.at
    const inner = scanner.attempt(() => {
      const name = field(scanner)
      if (!scanner.take('.', 'delimiter (.)')) scanner.fail()
      const { negated, operation: what } = operation(scanner, true)
      return { kind: 'filter', filter: { field: name, negated: !negated, operation: what } } as const
    })
    if (inner !== undefined) return inner
    scanner.at = start
  }
  const { negated, operation: what } = operation(scanner, true)
  return { kind: 'filter', filter: { field: of, negated, operation: what } }
}
