// What two requests have in common that differ only in the values they compare with or pass on: the key under which their plan is kept,
// and the values themselves. Looks at the URL by hand; what it does not recognise stays part of the key as it was written.
import { operation } from './filter.ts'
import { decodeComponent } from './query.ts'
import { headerText, type RequestHead } from './request.ts'
import { Scanner, Unparsable } from './scanner.ts'

/** How the statement is given a value. */
export type SlotKind =
  | 'text'
  /** Of `like`: stars are wildcards. */
  | 'pattern'
  /** Of `in`: the elements as one array. */
  | 'list'

export interface Slot {
  readonly kind: SlotKind
  /** The value as it was written behind its operator, decoded. */
  readonly value: string
}

export interface Shape {
  readonly key: string
  readonly slots: readonly Slot[]
  /** The request with other values in the slots. */
  urlWith(values: readonly string[]): string
}

const KINDS: ReadonlyMap<string, SlotKind> = new Map<string, SlotKind>([
  ...['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'match', 'imatch', 'cs', 'cd', 'ov', 'sl', 'sr', 'nxr', 'nxl', 'adj', 'isdistinct'].map(
    (operator) => [operator, 'text'] as const,
  ),
  ...['fts', 'plfts', 'phfts', 'wfts'].map((operator) => [operator, 'text'] as const),
  ['like', 'pattern'],
  ['ilike', 'pattern'],
  ['in', 'list'],
])

/** Parameters whose text is part of the statement's. */
const RESERVED: ReadonlySet<string> = new Set(['order', 'limit', 'offset', 'and', 'or'])
const WHOLE: ReadonlySet<string> = new Set(['select', 'columns', 'on_conflict'])

/** Stand in the key for a value. Text that is kept as written never ends like this: with a value there it would have been recognised. */
const VALUE = '\x01'
const ARGUMENT = '\x02'

const NO_SLOTS: readonly Slot[] = []

export function shapeOf(head: RequestHead): Shape {
  const { method = 'GET', headers } = head
  const url = headerText(head.url) ?? '/'
  const reads = method === 'GET' || method === 'HEAD'
  const about = reads
    ? `${method}\n${headers.accept ?? ''}\n${headers['prefer'] ?? ''}\n${headers['accept-profile'] ?? ''}\n${headers.range ?? ''}\n`
    : `${method}\n${headers.accept ?? ''}\n${headers['prefer'] ?? ''}\n${headers['content-profile'] ?? ''}\n${headers['content-type'] ?? ''}\n`
  const mark = url.indexOf('?')
  if (mark < 0) return { key: about + url, slots: NO_SLOTS, urlWith: () => url }
  const call = reads && url.startsWith('/rpc/')
  const pieces: string[] = []
  const slots: Slot[] = []
  let key = about + url.slice(0, mark + 1)
  let from = mark + 1
  let constant = 0
  for (;;) {
    let end = from
    while (end < url.length && !isSeparator(url.charCodeAt(end))) end++
    const equals = url.indexOf('=', from)
    if (equals >= 0 && equals < end) {
      const name = decodeComponent(url.slice(from, equals))
      if (!isReserved(name)) {
        const value = decodeComponent(url.slice(equals + 1, end))
        const operator = operatorOf(value)
        if (operator !== undefined) {
          slots.push({ kind: operator.kind, value: value.slice(operator.length) })
          const head = `${url.slice(constant, equals + 1)}${value.slice(0, operator.length)}`
          pieces.push(head)
          key += `${url.slice(from, equals + 1)}${value.slice(0, operator.length)}${VALUE}`
          constant = end
        } else if (call && !couldBeFilter(value)) {
          slots.push({ kind: 'text', value })
          pieces.push(url.slice(constant, equals + 1))
          key += `${url.slice(from, equals + 1)}${ARGUMENT}`
          constant = end
        } else key += url.slice(from, end)
      } else key += url.slice(from, end)
    } else key += url.slice(from, end)
    if (end === url.length) break
    key += url[end]
    from = end + 1
  }
  const rest = url.slice(constant)
  return {
    key,
    slots,
    urlWith: (values) => pieces.map((piece, index) => piece + encodeURIComponent(values[index]!)).join('') + rest,
  }
}

/** `order`, `and`, ... at the root or of an embed, and the parameters that are no filter at all. */
function isReserved(name: string): boolean {
  if (WHOLE.has(name)) return true
  const dot = name.lastIndexOf('.')
  return RESERVED.has(dot < 0 ? name : name.slice(dot + 1))
}

/** The operator with all that stands before the value: `not.`, the quantifier or configuration, the last dot. */
function operatorOf(value: string): { kind: SlotKind; length: number } | undefined {
  let at = value.startsWith('not.') ? 4 : 0
  const start = at
  while (isLower(value.charCodeAt(at))) at++
  if (at === start) return undefined
  const kind = KINDS.get(value.slice(start, at))
  if (kind === undefined) return undefined
  if (value.charCodeAt(at) === 40 && kind !== 'list') {
    at++
    while (isWord(value.charCodeAt(at))) at++
    if (value.charCodeAt(at) !== 41) return undefined
    at++
  }
  return value.charCodeAt(at) === 46 ? { kind, length: at + 1 } : undefined
}

const isSeparator = (code: number): boolean => code === 38 || code === 59
const isLower = (code: number): boolean => code >= 97 && code <= 122
const isWord = (code: number): boolean => isLower(code) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95

/** Whether the text begins with the word of a filter; whether it is one is not decided here. */
function couldBeFilter(value: string): boolean {
  let at = 0
  while (isLower(value.charCodeAt(at))) at++
  const word = value.slice(0, at)
  return word === 'not' || word === 'is' || KINDS.has(word)
}

/** The elements of an `in` list by the grammar's own rules; undefined when it is none. */
export function listOf(value: string): readonly string[] | undefined {
  try {
    const { operation: found } = operation(new Scanner(`in.${value}`))
    return found.kind === 'in' ? found.values : undefined
  } catch (error) {
    if (error instanceof Unparsable) return undefined
    throw error
  }
}
