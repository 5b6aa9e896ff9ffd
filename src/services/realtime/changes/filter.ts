// The grammar of `filter` in a subscription: `col=op.value`, `col=not.op.value`, joined by commas. Messages are upstream's.

export const FILTER_OPERATORS = [
  'eq',
  'neq',
  'lt',
  'lte',
  'gt',
  'gte',
  'in',
  'like',
  'ilike',
  'is',
  'match',
  'imatch',
  'isdistinct',
] as const
export type FilterOperator = (typeof FILTER_OPERATORS)[number]

export interface Filter {
  readonly column: string
  readonly op: FilterOperator
  /** For `in` the literal of an array. */
  readonly value: string
  readonly negate: boolean
}

/** What follows "Error parsing `filter` params: ". */
export class FilterError extends Error {}

const isOperator = (text: string): text is FilterOperator => (FILTER_OPERATORS as readonly string[]).includes(text)

/** Throws FilterError. A blank text is no filter. */
export function parseFilters(text: string): Filter[] {
  const trimmed = trim(text)
  return trimmed === '' ? [] : splitTopLevel(trimmed).map(parseSegment)
}

/** At commas outside of parentheses and quotes. A quote opens only where a value can begin. */
function splitTopLevel(text: string): string[] {
  const parts: string[] = []
  let from = 0
  let depth = 0
  let quoted = false
  let before = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (quoted) {
      if (char === '\\') at++
      else if (char === '"') quoted = false
    } else if (char === '"' && (before === '.' || before === '(' || before === ',')) quoted = true
    else if (char === '(') depth++
    else if (char === ')') depth = Math.max(0, depth - 1)
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(from, at))
      from = at + 1
      before = ''
      continue
    }
    before = char
  }
  parts.push(text.slice(from))
  return parts
}

function parseSegment(segment: string): Filter {
  const text = trim(segment)
  if (text === '') throw new FilterError('filter must not contain empty segments (check for extra commas)')
  const equals = text.indexOf('=')
  if (equals < 0) throw new FilterError(inspectList([text]))
  const rest = text.slice(equals + 1)
  const negate = rest.startsWith('not.')
  const condition = negate ? rest.slice(4) : rest
  const dot = condition.indexOf('.')
  if (dot < 0) throw new FilterError(inspectList([condition]))
  const [op, value] = [condition.slice(0, dot), condition.slice(dot + 1)]
  if (!isOperator(op)) throw new FilterError(inspectList([op, value]))
  return { column: text.slice(0, equals), op, value: op === 'in' ? listLiteral(value) : unquote(value), negate }
}

function listLiteral(value: string): string {
  if (!/^\(.*\)$/s.test(value)) throw new FilterError('`in` filter value must be wrapped by parentheses')
  return `{${value.slice(1, -1)}}`
}

/** A value in double quotes loses them and its backslashes; one that is not quoted to its end stays as it is. */
function unquote(value: string): string {
  const inside = /^"((?:[^"\\]|\\.)*)"$/s.exec(value)?.[1]
  return inside === undefined ? value : inside.replace(/\\(.)/gs, '$1')
}

/** Unicode white space, as upstream's language trims it. */
const trim = (text: string): string => text.replace(/^[\p{White_Space}]+|[\p{White_Space}]+$/gu, '')

const inspectList = (items: readonly string[]): string => `[${items.map(inspectText).join(', ')}]`

const ESCAPES = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\x07', '\\a'],
  ['\x1b', '\\e'],
  ['\x7f', '\\d'],
  ['\0', '\\0'],
])

/** A text as Elixir's `inspect` writes it. */
export const inspectText = (text: string): string =>
  `"${text
    .replace(/["\\\x00-\x1f\x7f]/g, (char) => ESCAPES.get(char) ?? `\\x${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
    .replaceAll('#{', '\\#{')}"`
