// JSONPath of RFC 9535: text to a query over parsed JSON, and back to text. Filters are in json-path-filter.ts.
import { type FilterScanner, parseFilter } from './json-path-filter.ts'

export interface JsonPath {
  /** All values that the path leads to, in its order. */
  find(root: unknown): readonly unknown[]
  /** The path again, as PostgREST writes it: names in brackets in single quotes. */
  readonly text: string
}

interface Selector {
  select(value: unknown, root: unknown): readonly unknown[]
  readonly text: string
}

export interface Segment {
  readonly descendant: boolean
  readonly selectors: readonly Selector[]
  readonly text: string
  /** It leads to one value at most. */
  readonly singular: boolean
}

/** Reads one path from its first character on; throws SyntaxError. */
export class PathScanner implements FilterScanner {
  readonly source: string
  at = 0
  constructor(source: string) {
    this.source = source
  }

  fail(): never {
    throw new SyntaxError(`no JSONPath from character ${this.at + 1} on`)
  }

  peek(text: string): boolean {
    return this.source.startsWith(text, this.at)
  }

  take(text: string): boolean {
    if (!this.peek(text)) return false
    this.at += text.length
    return true
  }

  takeSpaced(text: string): boolean {
    this.blank()
    return this.take(text)
  }

  need(text: string): void {
    if (!this.take(text)) this.fail()
  }

  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.source)?.[0]
    if (found !== undefined) this.at += found.length
    return found
  }

  blank(): void {
    this.match(/[ \t\n\r]*/y)
  }

  /** A text in single or double quotes; undefined when none begins here. */
  quoted(): string | undefined {
    const quote = this.source[this.at]
    if (quote !== "'" && quote !== '"') return undefined
    const raw = this.match(quote === "'" ? /'(?:[^'\\\x00-\x1f]|\\.)*'/y : /"(?:[^"\\\x00-\x1f]|\\.)*"/y)
    if (raw === undefined) this.fail()
    const inner = raw
      .slice(1, -1)
      .replace(/\\'/g, "'")
      .replace(/(\\\\)|(\\?)"/g, (_, escaped) => escaped ?? '\\"')
    try {
      return JSON.parse(`"${inner}"`) as string
    } catch {
      return this.fail()
    }
  }

  /** What follows `$` or `@`. */
  segments(): readonly Segment[] {
    const segments: Segment[] = []
    for (;;) {
      const before = this.at
      this.blank()
      const segment = this.#segment()
      if (segment === undefined) {
        this.at = before
        return segments
      }
      segments.push(segment)
    }
  }

  #segment(): Segment | undefined {
    if (this.peek('[')) {
      const selectors = this.#brackets()
      const singular = selectors.length === 1 && selectors[0]!.singular
      return { descendant: false, selectors, text: bracketText(selectors), singular }
    }
    const descendant = this.take('..')
    if (descendant && this.peek('[')) {
      const selectors = this.#brackets()
      return { descendant, selectors, text: `..${bracketText(selectors)}`, singular: false }
    }
    if (!descendant && !this.take('.')) return undefined
    const dots = descendant ? '..' : '.'
    if (this.take('*')) return { descendant, selectors: [wildcard], text: `${dots}*`, singular: false }
    const name = this.match(/[A-Za-z_\u0080-\u{10ffff}][A-Za-z0-9_\u0080-\u{10ffff}]*/uy)
    if (name === undefined) this.fail()
    return { descendant, selectors: [member(name)], text: `${dots}${name}`, singular: !descendant }
  }

  #brackets(): readonly (Selector & { singular: boolean })[] {
    this.need('[')
    const selectors: (Selector & { singular: boolean })[] = []
    do {
      this.blank()
      selectors.push(this.#selector())
      this.blank()
    } while (this.take(','))
    this.need(']')
    return selectors
  }

  #selector(): Selector & { singular: boolean } {
    const name = this.quoted()
    if (name !== undefined) return { ...member(name), singular: true }
    if (this.take('*')) return { ...wildcard, singular: false }
    if (this.take('?')) {
      this.blank()
      const { test, text } = parseFilter(this)
      return { select: (value, root) => childrenOf(value).filter((child) => test(child, root)), text: `?${text}`, singular: false }
    }
    const from = this.#integer()
    this.blank()
    if (!this.take(':')) {
      if (from === undefined) this.fail()
      return {
        select: (value) => (Array.isArray(value) && value.at(from) !== undefined ? [value.at(from)] : []),
        text: `${from}`,
        singular: true,
      }
    }
    this.blank()
    const to = this.#integer()
    this.blank()
    if (!this.take(':')) return { ...slice(from, to, undefined), singular: false }
    this.blank()
    return { ...slice(from, to, this.#integer()), singular: false }
  }

  #integer(): number | undefined {
    const digits = this.match(/0|-?[1-9]\d{0,15}/y)
    return digits === undefined ? undefined : Number(digits)
  }
}

const bracketText = (selectors: readonly Selector[]): string => `[${selectors.map(({ text }) => text).join(',')}]`

/** Undefined when the text is no path. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const scanner = new PathScanner(text)
  try {
    scanner.need('$')
    const segments = scanner.segments()
    if (scanner.at < text.length) return undefined
    return { find: (root) => follow(segments, root, root), text: `$${segments.map((segment) => segment.text).join('')}` }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

export function follow(segments: readonly Segment[], from: unknown, root: unknown): readonly unknown[] {
  let values: readonly unknown[] = [from]
  for (const { descendant, selectors } of segments) {
    const origins = descendant ? values.flatMap(withDescendants) : values
    values = origins.flatMap((value) => selectors.flatMap((selector) => selector.select(value, root)))
  }
  return values
}

const member = (name: string): Selector => ({
  select: (value) => (isObject(value) && Object.hasOwn(value, name) ? [value[name]] : []),
  text: quoted(name),
})

const wildcard: Selector = { select: (value) => childrenOf(value), text: '*' }

/** RFC 9535, 2.3.4.2. */
function slice(from: number | undefined, to: number | undefined, step = 1): Selector {
  return {
    text: `${from ?? ''}:${to ?? ''}${step === 1 ? '' : `:${step}`}`,
    select(value) {
      if (!Array.isArray(value) || step === 0) return []
      const { length } = value
      const within = (index: number, lower: number, upper: number) => Math.min(Math.max(index < 0 ? length + index : index, lower), upper)
      const found: unknown[] = []
      if (step > 0) {
        const end = within(to ?? length, 0, length)
        for (let index = within(from ?? 0, 0, length); index < end; index += step) found.push(value[index])
      } else {
        const end = to === undefined ? -1 : within(to, -1, length - 1)
        for (let index = within(from ?? length - 1, -1, length - 1); index > end; index += step) found.push(value[index])
      }
      return found
    },
  }
}

function childrenOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return isObject(value) ? Object.values(value) : []
}

const withDescendants = (value: unknown): readonly unknown[] => [value, ...childrenOf(value).flatMap(withDescendants)]

/** A name or text in single quotes. */
export const quoted = (text: string): string => `'${JSON.stringify(text).slice(1, -1).replace(/\\"/g, '"').replace(/'/g, "\\'")}'`

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
