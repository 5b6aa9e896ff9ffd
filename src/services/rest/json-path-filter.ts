// The filters of a JSONPath (RFC 9535, 2.3.5): logic, comparisons, tests of existence and the five functions.
import { follow, quoted, type Segment } from './json-path.ts'

/** What a filter needs of the scanner that found it. */
export interface FilterScanner {
  at: number
  fail(): never
  peek(text: string): boolean
  take(text: string): boolean
  /** After blanks. */
  takeSpaced(text: string): boolean
  need(text: string): void
  match(pattern: RegExp): string | undefined
  blank(): void
  quoted(): string | undefined
  segments(): readonly Segment[]
}

export interface Filter {
  test(value: unknown, root: unknown): boolean
  readonly text: string
}

/** What a comparison or a function may be given: one value, or nothing. */
interface Operand {
  value(current: unknown, root: unknown): unknown
  /** All values, for `count` and for tests of existence. */
  nodes?(current: unknown, root: unknown): readonly unknown[]
  readonly singular: boolean
  readonly logical: boolean
  readonly literal: boolean
  readonly text: string
}

const NOTHING = Symbol('nothing')

export function parseFilter(scanner: FilterScanner): Filter {
  const parts = [conjunction(scanner)]
  while (scanner.takeSpaced('||')) {
    scanner.blank()
    parts.push(conjunction(scanner))
  }
  if (parts.length === 1) return parts[0]!
  return { test: (value, root) => parts.some((part) => part.test(value, root)), text: parts.map(({ text }) => text).join(' || ') }
}

function conjunction(scanner: FilterScanner): Filter {
  const parts = [basic(scanner)]
  while (scanner.takeSpaced('&&')) {
    scanner.blank()
    parts.push(basic(scanner))
  }
  if (parts.length === 1) return parts[0]!
  return { test: (value, root) => parts.every((part) => part.test(value, root)), text: parts.map(({ text }) => text).join(' && ') }
}

function basic(scanner: FilterScanner): Filter {
  const negated = !scanner.peek('!=') && scanner.take('!')
  scanner.blank()
  const inner = scanner.take('(') ? parenthesised(scanner) : comparison(scanner, negated)
  return negated ? { test: (value, root) => !inner.test(value, root), text: `!${inner.text}` } : inner
}

function parenthesised(scanner: FilterScanner): Filter {
  scanner.blank()
  const inner = parseFilter(scanner)
  scanner.blank()
  scanner.need(')')
  return { test: inner.test, text: `(${inner.text})` }
}

function comparison(scanner: FilterScanner, negated: boolean): Filter {
  const left = operand(scanner)
  const before = scanner.at
  scanner.blank()
  const operator = negated ? undefined : scanner.match(/==|!=|<=|>=|<|>/y)
  if (operator === undefined) {
    scanner.at = before
    return existence(scanner, left)
  }
  scanner.blank()
  const right = operand(scanner)
  for (const side of [left, right]) if (side.logical || !(side.singular || side.literal)) scanner.fail()
  const compare = COMPARISONS.get(operator)!
  return {
    test: (value, root) => compare(left.value(value, root), right.value(value, root)),
    text: `${left.text} ${operator} ${right.text}`,
  }
}

function existence(scanner: FilterScanner, { nodes, value, logical, text }: Operand): Filter {
  if (logical) return { test: (current, root) => value(current, root) === true, text }
  if (nodes === undefined) return scanner.fail()
  return { test: (current, root) => nodes(current, root).length > 0, text }
}

function operand(scanner: FilterScanner): Operand {
  const word = scanner.quoted()
  if (word !== undefined) return literal(word, quoted(word))
  const number = scanner.match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y)
  if (number !== undefined) return literal(Number(number), number)
  const from = scanner.take('@') ? '@' : scanner.take('$') ? '$' : undefined
  if (from !== undefined) return query(from, scanner.segments())
  const name = scanner.match(/[a-z][a-z_0-9]*/y)
  if (name === undefined) return scanner.fail()
  const constant = CONSTANTS.get(name)
  if (constant !== undefined) return literal(constant.value, name)
  return call(scanner, name)
}

const CONSTANTS: ReadonlyMap<string, { readonly value: unknown }> = new Map([
  ['true', { value: true }],
  ['false', { value: false }],
  ['null', { value: null }],
])

const literal = (value: unknown, text: string): Operand => ({ value: () => value, singular: false, logical: false, literal: true, text })

function query(from: '@' | '$', segments: readonly Segment[]): Operand {
  const nodes = (current: unknown, root: unknown) => follow(segments, from === '@' ? current : root, root)
  return {
    nodes,
    value: (current, root) => {
      const found = nodes(current, root)
      return found.length === 1 ? found[0] : NOTHING
    },
    singular: segments.every(({ singular }) => singular),
    logical: false,
    literal: false,
    text: `${from}${segments.map(({ text }) => text).join('')}`,
  }
}

/** A comparable result counts as a literal: it is one value or nothing. */
function call(scanner: FilterScanner, name: string): Operand {
  scanner.need('(')
  const args: Operand[] = []
  do {
    scanner.blank()
    args.push(operand(scanner))
    scanner.blank()
  } while (scanner.take(','))
  scanner.need(')')
  const [first, second] = args
  const text = `${name}(${args.map((arg) => arg.text).join(', ')})`
  const made = (value: Operand['value'], logical: boolean): Operand => ({ value, singular: false, literal: !logical, logical, text })
  const one = (arg: Operand | undefined): arg is Operand => arg !== undefined && !arg.logical && (arg.singular || arg.literal)
  if (name === 'length' && args.length === 1 && one(first)) return made((current, root) => lengthOf(first.value(current, root)), false)
  if (name === 'count' && args.length === 1 && first?.nodes) return made((current, root) => first.nodes!(current, root).length, false)
  if (name === 'value' && args.length === 1 && first?.nodes) return made((current, root) => first.value(current, root), false)
  if ((name === 'match' || name === 'search') && args.length === 2 && one(first) && one(second)) {
    const fixed = second.literal ? regularExpression(second.value(undefined, undefined), name) : undefined
    return made((current, root) => {
      const subject = first.value(current, root)
      const pattern = fixed ?? regularExpression(second.value(current, root), name)
      return typeof subject === 'string' && pattern !== undefined && pattern.test(subject)
    }, true)
  }
  return scanner.fail()
}

/** I-Regexp (RFC 9485): a subset of what Node knows, but that `.` stops at line ends alone. Undefined when it is none. */
function regularExpression(source: unknown, name: 'match' | 'search'): RegExp | undefined {
  if (typeof source !== 'string') return undefined
  try {
    return new RegExp(name === 'match' ? `^(?:${source})$` : source, 'u')
  } catch {
    return undefined // RFC 9535, 2.4.6: a text that is no expression matches nothing
  }
}

function lengthOf(value: unknown): unknown {
  if (typeof value === 'string') return [...value].length
  if (Array.isArray(value)) return value.length
  return isObject(value) ? Object.keys(value).length : NOTHING
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const less = (a: unknown, b: unknown): boolean =>
  (typeof a === 'number' && typeof b === 'number' && a < b) || (typeof a === 'string' && typeof b === 'string' && a < b)

function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => equal(item, b[index]))
  if (!isObject(a) || !isObject(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]))
}

const COMPARISONS: ReadonlyMap<string, (a: unknown, b: unknown) => boolean> = new Map([
  ['==', equal],
  ['!=', (a, b) => !equal(a, b)],
  ['<', less],
  ['>', (a, b) => less(b, a)],
  ['<=', (a, b) => less(a, b) || equal(a, b)],
  ['>=', (a, b) => less(b, a) || equal(a, b)],
])
