// Recognisers that remember what would have been accepted where, with the rules by which the library Parsec merges such memories: upstream shows
// its words to clients. They give no values: the scanner reads, and only what it refuses is looked at again here.

type Kind = 'found' | 'unexpected' | 'expected'

interface Trace {
  readonly at: number
  readonly notes: readonly (readonly [kind: Kind, words: string])[]
}

export interface Reply {
  readonly ok: boolean
  /** Whether characters were taken: an alternative is tried only when none were. */
  readonly took: boolean
  readonly at: number
  readonly trace: Trace
}

/** The input as characters (code points), and where to read. */
export type Recogniser = (input: readonly string[], at: number) => Reply

const silent = (at: number): Trace => ({ at, notes: [] })
const passed = (took: boolean, at: number, trace: Trace): Reply => ({ ok: true, took, at, trace })
const failed = (took: boolean, trace: Trace): Reply => ({ ok: false, took, at: trace.at, trace })

/** The later place counts; at the same place both do. */
function merged(a: Trace, b: Trace): Trace {
  if (b.notes.length === 0 && a.notes.length > 0) return a
  if (a.notes.length === 0 && b.notes.length > 0) return b
  if (a.at === b.at) return { at: a.at, notes: [...a.notes, ...b.notes] }
  return a.at > b.at ? a : b
}

const relabelled = (trace: Trace, words: string): Trace => ({
  at: trace.at,
  notes: [['expected', words], ...trace.notes.filter(([kind]) => kind !== 'expected')],
})

export const nothing: Recogniser = (_, at) => passed(false, at, silent(at))

export const character =
  (fits: (char: string) => boolean): Recogniser =>
  (input, at) => {
    const char = input[at]
    if (char === undefined) return failed(false, { at, notes: [['found', '']] })
    return fits(char) ? passed(true, at + 1, silent(at + 1)) : failed(false, { at, notes: [['found', shown(char)]] })
  }

export const sequence = (...parts: readonly Recogniser[]): Recogniser =>
  parts.reduce((first, second) => (input, at) => {
    const reply = first(input, at)
    if (!reply.ok) return reply
    const next = second(input, reply.at)
    if (next.took) return next
    const trace = merged(reply.trace, next.trace)
    return next.ok ? passed(reply.took, next.at, trace) : failed(reply.took, trace)
  })

export const either = (...parts: readonly Recogniser[]): Recogniser =>
  parts.reduceRight((rest, first) => (input, at) => {
    const reply = first(input, at)
    if (reply.ok || reply.took) return reply
    const other = rest(input, at)
    if (other.took) return other
    const trace = merged(reply.trace, other.trace)
    return other.ok ? passed(false, other.at, trace) : failed(false, trace)
  })

/** A refusal leaves the input untouched, so that alternatives are tried. */
export const attempt =
  (part: Recogniser): Recogniser =>
  (input, at) => {
    const reply = part(input, at)
    return reply.ok ? reply : failed(false, reply.trace)
  }

export const ahead =
  (part: Recogniser): Recogniser =>
  (input, at) => {
    const reply = part(input, at)
    return reply.ok ? passed(false, at, silent(at)) : reply
  }

export const labelled =
  (part: Recogniser, words: string): Recogniser =>
  (input, at) => {
    const reply = part(input, at)
    if (reply.took) return reply
    if (!reply.ok) return failed(false, relabelled(reply.trace, words))
    return reply.trace.notes.length === 0 ? reply : passed(false, reply.at, relabelled(reply.trace, words))
  }

export const literal = (text: string): Recogniser => {
  const chars = [...text]
  return (input, at) => {
    for (const [index, char] of chars.entries()) {
      const found = input[at + index]
      if (found !== char) {
        const note = ['found', found === undefined ? '' : shown(found)] as const
        return failed(index > 0, { at, notes: [['expected', shown(text)], note] })
      }
    }
    return passed(true, at + chars.length, silent(at + chars.length))
  }
}

/** Any number of times; a part that takes nothing ends it. */
export const many =
  (part: Recogniser): Recogniser =>
  (input, start) => {
    let at = start
    for (;;) {
      const reply = part(input, at)
      if (reply.took && !reply.ok) return reply
      if (!reply.ok || !reply.took) return passed(at > start, at, reply.trace)
      at = reply.at
    }
  }

export const not =
  (part: Recogniser): Recogniser =>
  (input, at) => {
    const reply = part(input, at)
    if (reply.ok) return failed(false, { at: reply.at, notes: [['unexpected', shownChar(input[at]!)]] })
    return passed(false, at, merged(reply.trace, silent(at)))
  }

/** Refuses without words when what was taken is not wanted. */
export const unless =
  (part: Recogniser, refused: (taken: string) => boolean): Recogniser =>
  (input, at) => {
    const reply = part(input, at)
    if (!reply.ok || !refused(input.slice(at, reply.at).join(''))) return reply
    return failed(reply.took, merged(reply.trace, silent(reply.at)))
  }

export const later =
  (part: () => Recogniser): Recogniser =>
  (input, at) =>
    part()(input, at)

export const some = (part: Recogniser): Recogniser => sequence(part, many(part))
export const perhaps = (part: Recogniser): Recogniser => either(part, nothing)
export const separated = (part: Recogniser, separator: Recogniser): Recogniser => sequence(part, many(sequence(separator, part)))
export const char = (wanted: string): Recogniser =>
  labelled(
    character((found) => found === wanted),
    shown(wanted),
  )
export const oneOf = (chars: string): Recogniser => character((found) => chars.includes(found))
export const noneOf = (chars: string): Recogniser => character((found) => !chars.includes(found))

export const end: Recogniser = (input, at) => {
  const found = input[at]
  return found === undefined
    ? passed(false, at, { at, notes: [['expected', 'end of input']] })
    : failed(false, {
        at,
        notes: [
          ['expected', 'end of input'],
          ['unexpected', shownChar(found)],
        ],
      })
}

export interface Explained {
  readonly line: number
  readonly column: number
  readonly details: string
}

/** Where and why the recogniser refuses the text; undefined when it accepts it. */
export function explain(rule: Recogniser, text: string): Explained | undefined {
  const input = [...text]
  const { ok, trace } = rule(input, 0)
  if (ok) return undefined
  let line = 1
  let column = 1
  for (const char of input.slice(0, trace.at)) {
    if (char === '\n') {
      line++
      column = 1
    } else column += char === '\t' ? 8 - ((column - 1) % 8) : 1
  }
  return { line, column, details: inWords(trace) }
}

function inWords({ notes }: Trace): string {
  if (notes.length === 0) return 'unknown parse error'
  const of = (kind: Kind): string[] => [...new Set(notes.flatMap((note) => (note[0] === kind && note[1] !== '' ? [note[1]] : [])))]
  const found = notes.find(([kind]) => kind === 'found')
  const unexpected = of('unexpected')
  const expected = of('expected')
  const parts: string[] = []
  if (unexpected.length > 0) parts.push(`unexpected ${alternatives(unexpected)}`)
  else if (found !== undefined) parts.push(`unexpected ${found[1] === '' ? 'end of input' : found[1]}`)
  if (expected.length > 0) parts.push(`expecting ${alternatives(expected)}`)
  return parts.join(' ')
}

const alternatives = (words: readonly string[]): string =>
  words.length === 1 ? words[0]! : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`

const CONTROL = 'NUL SOH STX ETX EOT ENQ ACK a b t n v f r SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(' ')

/** A character as Haskell writes it between `quote`s. */
function escaped(char: string, quote: string): string {
  const code = char.codePointAt(0)!
  if (char === quote || char === '\\') return `\\${char}`
  if (code < 32) return `\\${CONTROL[code]}`
  if (code === 127) return '\\DEL'
  return code > 127 ? `\\${code}` : char
}

const shown = (text: string): string => `"${[...text].map((char) => escaped(char, '"')).join('')}"`
const shownChar = (char: string): string => `'${escaped(char, "'")}'`
