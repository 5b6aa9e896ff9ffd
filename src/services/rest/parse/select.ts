// The `select` parameter: columns, JSON paths, aggregates, embeds and spreads as a tree of what was written.
import { beginsField, cast, type Field, field, fieldName } from './names.ts'
import { type Scanner, Unparsable } from './scanner.ts'

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

/** Reads a whole select list, which may be empty. What follows a complete list is left where it is. */
export function selectList(scanner: Scanner, depth = 0): SelectItem[] {
  if (depth > MAX_DEPTH) throw new Unparsable('embeds are nested too deep')
  const items: SelectItem[] = []
  for (;;) {
    const item = selectItem(scanner, depth)
    if (item === undefined) {
      if (items.length > 0) throw new Unparsable()
      return items
    }
    items.push(item)
    if (!scanner.separated(',')) return items
  }
}

/** Undefined where nothing begins that could be an item. */
function selectItem(scanner: Scanner, depth: number): SelectItem | undefined {
  const start = scanner.at
  scanner.spaces()
  if (scanner.sees('...')) {
    const head = scanner.attempt(() => {
      scanner.need('...')
      return relationHead(scanner, fieldName(scanner))
    })
    return head === undefined ? none(scanner, start) : relation(scanner, true, undefined, head, depth)
  }
  if (scanner.sees('*')) {
    const star = scanner.attempt(() => {
      scanner.need('*')
      return ended(scanner, plain({ name: '*', path: [] }))
    })
    return star ?? none(scanner, start)
  }
  const alias = scanner.attempt(() => {
    const name = fieldName(scanner)
    scanner.need(':')
    if (scanner.sees(':')) throw new Unparsable()
    return name
  })
  const count = scanner.attempt(() => {
    scanner.need('count()')
    return ended(scanner, { ...plain({ name: '*', path: [] }), alias, aggregate: 'count', aggregateCast: cast(scanner) })
  })
  if (count !== undefined) return count
  const head = scanner.attempt(() => {
    const name = fieldName(scanner)
    // It opens the aggregate, never an embed.
    if (name === 'count') throw new Unparsable()
    return relationHead(scanner, name)
  })
  if (head !== undefined) return relation(scanner, false, alias, head, depth)
  if (alias === undefined && !beginsField(scanner)) return none(scanner, start)
  return column(scanner, alias)
}

/** Spaces alone are no empty list. */
function none(scanner: Scanner, start: number): undefined {
  if (scanner.at !== start) throw new Unparsable()
}

const plain = (of: Field): SelectField => ({
  kind: 'field',
  field: of,
  alias: undefined,
  cast: undefined,
  aggregate: undefined,
  aggregateCast: undefined,
})

function column(scanner: Scanner, alias: string | undefined): SelectField {
  const of = field(scanner)
  const type = cast(scanner)
  const aggregate = AGGREGATES.find((name) => scanner.take(`.${name}()`))
  return ended(scanner, { kind: 'field', field: of, alias, cast: type, aggregate, aggregateCast: cast(scanner) })
}

function ended(scanner: Scanner, item: SelectField): SelectField {
  if (!scanner.atEnd && !scanner.sees(',') && !scanner.sees(')')) throw new Unparsable()
  scanner.spaces()
  return item
}

interface RelationHead {
  readonly name: string
  readonly hint: string | undefined
  readonly join: 'inner' | 'left' | undefined
}

/** Hint and kind of join in either order, up to the parenthesis. */
function relationHead(scanner: Scanner, name: string): RelationHead {
  let hint: string | undefined
  let join: 'inner' | 'left' | undefined
  for (let words = 0; words < 2 && scanner.take('!'); words++) {
    if (scanner.take('left')) join ??= 'left'
    else if (scanner.take('inner')) join ??= 'inner'
    else {
      const word = fieldName(scanner)
      hint ??= word
    }
  }
  if (!scanner.sees('(')) throw new Unparsable()
  return { name, hint, join }
}

function relation(scanner: Scanner, spread: boolean, alias: string | undefined, head: RelationHead, depth: number): SelectRelation {
  scanner.need('(')
  const select = selectList(scanner, depth + 1)
  scanner.need(')')
  return { kind: 'relation', spread, alias, ...head, select }
}
