// Where a value stands in a JSON text that JSON.parse has accepted: payloads pass on as they were written, with every digit of their
// numbers. Only for valid JSON; what it says about other texts means nothing.

export interface Span {
  readonly start: number
  readonly end: number
}

const QUOTE = 34
const BACKSLASH = 92
const COMMA = 44
const OPEN = new Set([91, 123])
const CLOSE = new Set([93, 125])

const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9

function skipSpace(text: string, from: number): number {
  let at = from
  while (isSpace(text.charCodeAt(at))) at++
  return at
}

/** Behind the string whose opening quote stands at `from`. */
function stringEnd(text: string, from: number): number {
  let at = from + 1
  for (;;) {
    at = text.indexOf('"', at)
    if (at < 0) return text.length
    let slashes = 0
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++
    at++
    if (slashes % 2 === 0) return at
  }
}

/** Behind the value that begins at `from`. */
function valueEnd(text: string, from: number): number {
  let depth = 0
  let at = from
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = stringEnd(text, at)
      if (depth === 0) return at
      continue
    }
    if (OPEN.has(code)) depth++
    else if (CLOSE.has(code)) {
      if (depth === 0) return at
      depth--
      if (depth === 0) return at + 1
    } else if (depth === 0 && (code === COMMA || isSpace(code))) return at
    at++
  }
  return at
}

/** The elements of the array that is the text, found in one walk over it. */
export function* elementSpans(text: string): Generator<Span, undefined> {
  let at = skipSpace(text, skipSpace(text, 0) + 1)
  while (at < text.length && !CLOSE.has(text.charCodeAt(at))) {
    const end = valueEnd(text, at)
    yield { start: at, end }
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
  }
}

/** The element at `index` of the array that is the text. */
export function elementSpan(text: string, index: number): Span | undefined {
  let position = 0
  for (const span of elementSpans(text)) if (position++ === index) return span
  return undefined
}

/** The last element of the array that is the text, known to be that at `index`: found without a walk over it. */
export function lastElementSpan(text: string, index: number): Span | undefined {
  let at = skipSpace(text, skipSpace(text, 0) + 1)
  for (let position = 0; position < index; position++) {
    at = skipSpace(text, valueEnd(text, at))
    if (text.charCodeAt(at) !== COMMA) return undefined
    at = skipSpace(text, at + 1)
  }
  let end = text.lastIndexOf(']')
  while (end > at && isSpace(text.charCodeAt(end - 1))) end--
  return { start: at, end }
}

/** The value of a member of the object that is the text; the last one where a name comes twice, as JSON.parse takes it. */
export function memberSpan(text: string, name: string): Span | undefined {
  let found: Span | undefined
  let at = skipSpace(text, skipSpace(text, 0) + 1)
  while (at < text.length && text.charCodeAt(at) === QUOTE) {
    const keyEnd = stringEnd(text, at)
    const key = text.slice(at + 1, keyEnd - 1)
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1)
    const end = valueEnd(text, start)
    if (key === name || (key.includes('\\') && JSON.parse(`"${key}"`) === name)) found = { start, end }
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
  }
  return found
}

export const cut = (text: string, span: Span | undefined): string | undefined => span && text.slice(span.start, span.end)
