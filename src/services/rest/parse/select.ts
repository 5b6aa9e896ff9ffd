// The `select` parameter: columns, JSON paths, aggregates, embeds and spreads as a tree of what was written.
import { cast, type Field, field, fieldName } from './names.ts'
import type { Scanner } from './scanner.ts'

export type Aggregate = 'sum' | 'avg' | 'count' | 'max' | 'min'

export interface SelectField {
  readonly kind: 'field'
  readonly field: Field
  readonly alias: string | undefined
  readonly cast: string | undefined
  readonly aggregate: Aggregate | undefined
  /** The cast of the aggregate's result. */
  readonly aggregateCast: string | undefined
}

export interface SelectRelation {
  readonly kind: 'relation'
  /** `...rel(...)`: its columns become the parent's. */
  readonly spread: boolean
  readonly name: string
  readonly alias: string | undefined
  readonly hint: string | undefined
  readonly join: 'inner' | 'left' | undefined
  readonly select: readonly SelectItem[]
}

export type SelectItem = SelectField | SelectRelation

const AGGREGATES: readonly Aggregate[] = ['sum', 'avg', 'count', 'max', 'min']
/** Embeds within embeds; deeper ones are refused instead of exhausting the stack. */
const MAX_DEPTH = 64

/** Reads a whole select list. What follows a complete list is left where it is. */
export function selectList(scanner: Scanner, depth = 0): SelectItem[] {
  const items: SelectItem[] = []
  if (depth > MAX_DEPTH) scanner.fail('fewer nested embeds')
  scanner.spaces()
  if (scanner.atEnd || scanner.sees(')')) return items
  for (;;) {
    scanner.spaces()
    items.push(selectItem(scanner, depth))
    scanner.spaces()
    if (!scanner.take(',')) return items
  }
}

function selectItem(scanner: Scanner, depth: number): SelectItem {
  if (scanner.sees('...')) {
    scanner.at += 3
    return relation(scanner, true, undefined, fieldName(scanner), depth)
  }
  if (scanner.sees('*')) {
    scanner.at++
    ending(scanner)
    return plain({ name: '*', path: [] })
  }
  if (scanner.sees('count()')) return aggregated(scanner, undefined)
  const start = scanner.at
  const first = fieldName(scanner)
  let alias: string | undefined
  if (scanner.sees(':') && !scanner.sees('::')) {
    scanner.at++
    alias = first
    if (scanner.sees('*')) {
      scanner.at++
      ending(scanner)
      return { ...plain({ name: '*', path: [] }), alias }
    }
    if (scanner.sees('count()')) return aggregated(scanner, alias)
    const at = scanner.at
    const name = fieldName(scanner)
    if (scanner.sees('(') || scanner.sees('!')) return relation(scanner, false, alias, name, depth)
    scanner.at = at
  } else if (scanner.sees('(') || scanner.sees('!')) return relation(scanner, false, undefined, first, depth)
  else scanner.at = start
  return column(scanner, alias)
}

const plain = (of: Field): SelectField => ({
  kind: 'field',
  field: of,
  alias: undefined,
  cast: undefined,
  aggregate: undefined,
  aggregateCast: undefined,
})

/** `count()`, the rows of a group. */
function aggregated(scanner: Scanner, alias: string | undefined): SelectField {
  scanner.at += 'count()'.length
  const aggregateCast = cast(scanner)
  ending(scanner)
  return { ...plain({ name: '*', path: [] }), alias, aggregate: 'count', aggregateCast }
}

function column(scanner: Scanner, alias: string | undefined): SelectField {
  const of = field(scanner)
  const type = cast(scanner)
  let aggregate: Aggregate | undefined
  let aggregateCast: string | undefined
  if (scanner.sees('.')) {
    const found = AGGREGATES.find((name) => scanner.sees(`.${name}()`))
    if (found === undefined) {
      scanner.at++
      scanner.fail('aggregate function (sum, avg, count, max, min)')
    }
    scanner.at += found.length + 3
    aggregate = found
    aggregateCast = cast(scanner)
  }
  ending(scanner)
  return { kind: 'field', field: of, alias, cast: type, aggregate, aggregateCast }
}

function ending(scanner: Scanner): void {
  scanner.spaces()
  if (scanner.atEnd || scanner.sees(',') || scanner.sees(')')) return
  for (const label of ['"::"', '"."', '")"', '","', 'end of input']) scanner.expect(label)
  scanner.fail()
}

function relation(scanner: Scanner, spread: boolean, givenAlias: string | undefined, firstName: string, depth: number): SelectRelation {
  let alias = givenAlias
  let name = firstName
  if (spread && scanner.sees(':') && !scanner.sees('::')) {
    scanner.at++
    alias = name
    name = fieldName(scanner)
  }
  let hint: string | undefined
  let join: 'inner' | 'left' | undefined
  while (scanner.sees('!')) {
    scanner.at++
    const word = fieldName(scanner)
    if (word === 'inner' || word === 'left') join = word
    else hint = word
  }
  if (!scanner.take('(')) scanner.fail()
  const select = selectList(scanner, depth + 1)
  if (!scanner.take(')')) scanner.fail()
  return { kind: 'relation', spread, name, alias, hint, join, select }
}
