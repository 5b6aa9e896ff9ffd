// Identifiers, JSON paths and casts: the words that select, filter and order share.
import type { Scanner } from './scanner.ts'

export type JsonStep = { readonly arrow: '->' | '->>'; readonly key: string } | { readonly arrow: '->' | '->>'; readonly index: number }

/** A column with an optional path into its JSON. */
export interface Field {
  readonly name: string
  readonly path: readonly JsonStep[]
}

const FIELD_NAME = 'field name (* or [a..z0..9_$])'

/** Letters of any script, digits, `_`, space and `$`. Gives the number of code units, 0 for anything else. */
export function identifierUnits(text: string, at: number): number {
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

/** `"anything \" or \\"`; the opening quote is under the cursor. */
export function quotedText(scanner: Scanner): string {
  const { text } = scanner
  let value = ''
  scanner.at++
  for (;;) {
    const code = scanner.code
    if (Number.isNaN(code)) scanner.fail('"\\""')
    if (code === 34) {
      scanner.at++
      return value
    }
    if (code === 92) {
      scanner.at++
      if (scanner.atEnd) scanner.fail()
    }
    const point = text.codePointAt(scanner.at)!
    value += String.fromCodePoint(point)
    scanner.at += point > 0xffff ? 2 : 1
  }
}

/** An identifier: plain parts joined by dashes (a dash before `>` ends it), or quoted. */
export function fieldName(scanner: Scanner, label = FIELD_NAME): string {
  if (scanner.code === 34) return quotedText(scanner)
  const { text } = scanner
  const start = scanner.at
  for (;;) {
    const from = scanner.at
    for (let units = identifierUnits(text, scanner.at); units > 0; units = identifierUnits(text, scanner.at)) scanner.at += units
    if (scanner.at === from) scanner.fail(label)
    if (scanner.code !== 45 || text.charCodeAt(scanner.at + 1) === 62) return text.slice(start, scanner.at).trim()
    scanner.at++
  }
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
    return { arrow, index: Number(text.slice(start, end)) }
  }
  if (scanner.code === 34) return { arrow, key: quotedText(scanner) }
  for (;;) {
    const from = scanner.at
    while (!scanner.atEnd && !'(-:.,>)'.includes(text[scanner.at]!)) scanner.at++
    if (scanner.at === from) {
      if (from === start) {
        scanner.expect('"-"')
        scanner.expect('digit')
      }
      scanner.fail('any non reserved character different from: .,>()')
    }
    if (scanner.code !== 45 || text.charCodeAt(scanner.at + 1) === 62) return { arrow, key: text.slice(start, scanner.at) }
    scanner.at++
  }
}

export function field(scanner: Scanner): Field {
  return { name: fieldName(scanner), path: jsonPath(scanner) }
}

/** `::type`, a type name without parentheses. */
export function cast(scanner: Scanner): string | undefined {
  if (!scanner.sees('::')) return undefined
  scanner.at += 2
  const start = scanner.at
  for (let units = identifierUnits(scanner.text, scanner.at); units > 0; units = identifierUnits(scanner.text, scanner.at))
    scanner.at += units
  if (scanner.at === start) scanner.fail('letter, digit, "_", "$" or " "')
  return scanner.text.slice(start, scanner.at).trim()
}
