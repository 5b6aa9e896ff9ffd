// Identifiers, JSON paths and casts: the words that select, filter and order share.
import { type Scanner, Unparsable } from './scanner.ts'

export type JsonStep = { readonly arrow: '->' | '->>'; readonly key: string } | { readonly arrow: '->' | '->>'; readonly index: string }

/** A column with an optional path into its JSON. */
export interface Field {
  readonly name: string
  readonly path: readonly JsonStep[]
}

/** Letters of any script, digits, `_`, space and `$`. Gives the number of code units, 0 for anything else. */
function identifierUnits(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code < 128) {
    const fits =
      (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95 || code === 32 || code === 36
    return fits ? 1 : 0
  }
  const point = text.codePointAt(at)
  if (point === undefined) return 0
  return /\p{L}/u.test(String.fromCodePoint(point)) ? (point > 0xffff ? 2 : 1) : 0
}

/** One run of identifier characters without the spaces around it. */
export function identifier(scanner: Scanner): string {
  const { text } = scanner
  const start = scanner.at
  for (let units = identifierUnits(text, scanner.at); units > 0; units = identifierUnits(text, scanner.at)) scanner.at += units
  if (scanner.at === start) throw new Unparsable()
  return text.slice(start, scanner.at).trim()
}

/** `"anything \" or \\"`; the opening quote is under the cursor. */
export function quotedText(scanner: Scanner): string {
  const { text } = scanner
  let value = ''
  scanner.at++
  for (;;) {
    const code = scanner.code
    if (Number.isNaN(code)) throw new Unparsable()
    if (code === 34) {
      scanner.at++
      return value
    }
    if (code === 92) {
      scanner.at++
      if (scanner.atEnd) throw new Unparsable()
    }
    const point = text.codePointAt(scanner.at)!
    value += String.fromCodePoint(point)
    scanner.at += point > 0xffff ? 2 : 1
  }
}

/** Parts joined by dashes; a dash before `>` begins an arrow. */
function dashed(scanner: Scanner, part: (scanner: Scanner) => string): string {
  let name = part(scanner)
  while (scanner.code === 45 && scanner.text.charCodeAt(scanner.at + 1) !== 62) {
    scanner.at++
    name += `-${part(scanner)}`
  }
  return name
}

export const beginsField = (scanner: Scanner): boolean => scanner.code === 34 || identifierUnits(scanner.text, scanner.at) > 0

/** An identifier: plain parts joined by dashes, or quoted. */
export function fieldName(scanner: Scanner): string {
  return scanner.code === 34 ? quotedText(scanner) : dashed(scanner, identifier)
}

/** `->key`, `->>key`, `->0`, any number of them. */
export function jsonPath(scanner: Scanner): JsonStep[] {
  const path: JsonStep[] = []
  while (scanner.sees('->')) {
    const arrow = scanner.sees('->>') ? '->>' : '->'
    scanner.at += arrow.length
    path.push(jsonStep(scanner, arrow))
  }
  return path
}

function jsonStep(scanner: Scanner, arrow: '->' | '->>'): JsonStep {
  const { text } = scanner
  const start = scanner.at
  let end = text.charCodeAt(start) === 45 ? start + 1 : start
  const digits = end
  while (text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++
  if (end > digits && (end === text.length || text.startsWith('->', end) || text.startsWith('::', end) || '.,'.includes(text[end]!))) {
    scanner.at = end
    return { arrow, index: text.slice(start, end) }
  }
  return { arrow, key: scanner.code === 34 ? quotedText(scanner) : dashed(scanner, jsonKey) }
}

function jsonKey(scanner: Scanner): string {
  const key = scanner.upTo('(-:.,>)')
  if (key === '') throw new Unparsable()
  return key.trim()
}

/** A name with its path, spaces around them ignored. */
export function field(scanner: Scanner): Field {
  scanner.spaces()
  const name = fieldName(scanner)
  const path = jsonPath(scanner)
  scanner.spaces()
  return { name, path }
}

/** `::type`, a type name without parentheses. */
export function cast(scanner: Scanner): string | undefined {
  return scanner.take('::') ? identifier(scanner) : undefined
}
