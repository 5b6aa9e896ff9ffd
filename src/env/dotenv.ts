// Reads `.env` text as compose does, and writes a value so that reading gives it back. Errors name file and line, never a value.
import type { Environment } from '../service/definition.ts'
import { InterpolationError, interpolate } from './interpolate.ts'

export interface DotenvOptions {
  /** How errors call the file: `.env`. */
  readonly file: string
  /** The process environment: what it sets wins over earlier lines of the file when a value refers to it. */
  readonly env?: Environment
  /** References such as `${X:-d}` are resolved unless false. */
  readonly interpolate?: boolean
}

export interface DotenvEntry {
  readonly name: string
  readonly value: string
  /** 1-based. */
  readonly line: number
  /** Where the statement stands in the text: from its first character to the end of its value (a comment after it not included). */
  readonly start: number
  readonly end: number
}

export interface Dotenv {
  /** The last value of each name; without a prototype. */
  readonly values: Readonly<Record<string, string>>
  readonly entries: readonly DotenvEntry[]
  /** Variables that were referred to and not set: each became empty. */
  readonly unset: readonly { readonly name: string; readonly line: number }[]
}

export class DotenvError extends Error {
  readonly file: string
  readonly line: number
  /** What is wrong, as upstream's CLI says it: `unterminated quoted value`. */
  readonly problem: string
  constructor(file: string, line: number, problem: string) {
    super(`Cannot read ${file}, line ${line}: ${problem}`)
    this.name = 'DotenvError'
    this.file = file
    this.line = line
    this.problem = problem
  }
}

/** An environment file is written by hand: far above any. */
const MAX_LENGTH = 4 * 1024 * 1024

/** Parses the text of an environment file. Throws DotenvError at the first thing that cannot be read. */
export function parseDotenv(text: string, options: DotenvOptions): Dotenv {
  if (text.length > MAX_LENGTH) throw new DotenvError(options.file, 1, 'the file is too large')
  return new Parser(text, options).parse()
}

const BLANK = /[ \t\v\f\r\u00a0\u0085]/
const NAME_CHAR = /[\p{L}\p{N}_.-]/u

class Parser {
  readonly #text: string
  readonly #options: DotenvOptions
  readonly #values: Record<string, string> = Object.create(null)
  readonly #entries: DotenvEntry[] = []
  readonly #unset: { name: string; line: number }[] = []
  #at = 0
  #line = 1

  constructor(text: string, options: DotenvOptions) {
    this.#text = text
    this.#options = options
    if (text.startsWith('\uFEFF')) this.#at = 1
  }

  parse(): Dotenv {
    while (this.#skipToStatement()) this.#statement()
    return { values: this.#values, entries: this.#entries, unset: this.#unset }
  }

  /** Past blank lines and comments; false at the end. */
  #skipToStatement(): boolean {
    for (;;) {
      this.#skipBlanks()
      const char = this.#text[this.#at]
      if (char === undefined) return false
      if (char === '\n') this.#newline()
      else if (char === '#') this.#skipLine()
      else return true
    }
  }

  #statement(): void {
    const start = this.#at
    const line = this.#line
    if (/^export[ \t]/.test(this.#text.slice(this.#at, this.#at + 7))) {
      this.#at += 6
      this.#skipBlanks()
    }
    const name = this.#name()
    if (name === undefined) return
    this.#skipBlanks()
    const value = this.#value(line)
    const end = this.#at
    this.#values[name] = value
    this.#entries.push({ name, value, line, start, end })
    this.#endOfLine()
  }

  /** Undefined for a name without `=`: it says that the process environment is meant, which wins anyway. */
  #name(): string | undefined {
    const from = this.#at
    let char = this.#char()
    while (char !== '' && NAME_CHAR.test(char)) {
      this.#at += char.length
      char = this.#char()
    }
    const name = this.#text.slice(from, this.#at)
    this.#skipBlanks()
    char = this.#char()
    if ((char === '=' || char === ':') && name !== '') {
      this.#at += 1
      return name
    }
    if (name !== '' && (char === '' || char === '\n')) return undefined
    // A character that is not part of a name may be part of a value that lost its quotes: it alone is shown.
    return this.#fail(`unexpected character '${char === '"' ? char : JSON.stringify(char).slice(1, -1)}' in variable name`)
  }

  #value(line: number): string {
    const char = this.#text[this.#at]
    if (char === "'") return this.#quoted("'")
    if (char === '"') return this.#resolve(unescapeQuoted(this.#quoted('"')), line)
    if (char === '#' && BLANK.test(this.#text[this.#at - 1] ?? '')) return ''
    const from = this.#at
    while (this.#at < this.#text.length && this.#text[this.#at] !== '\n') {
      if (this.#text[this.#at] === '#' && BLANK.test(this.#text[this.#at - 1]!)) break
      this.#at += 1
    }
    const value = this.#text.slice(from, this.#at).replace(/[\s\u0085]+$/u, '')
    this.#at = from + value.length
    return this.#resolve(value, line)
  }

  /** What stands between quotes; a backslash before a quote of the same kind keeps it from closing. */
  #quoted(quote: '"' | "'"): string {
    const line = this.#line
    let out = ''
    for (this.#at += 1; this.#at < this.#text.length; this.#at += 1) {
      const char = this.#text[this.#at]!
      if (char === quote) {
        this.#at += 1
        return out
      }
      const next = this.#text[this.#at + 1]
      if (char === '\\' && next !== undefined) {
        out += quote === "'" && next === quote ? next : `\\${next}`
        this.#at += 1
        if (next === '\n') this.#line += 1
        continue
      }
      if (char === '\n') this.#line += 1
      if (char === '\r' && next === '\n') continue
      out += char
    }
    this.#line = line
    return this.#fail('unterminated quoted value')
  }

  #resolve(value: string, line: number): string {
    if (this.#options.interpolate === false) return value.includes('$$') ? value.replaceAll('$$', '$') : value
    const env = this.#options.env ?? {}
    try {
      return interpolate(
        value,
        (name) => (Object.hasOwn(env, name) ? env[name] : undefined) ?? this.#values[name],
        (name) => this.#unset.push({ name, line }),
      )
    } catch (error) {
      if (error instanceof InterpolationError) throw new DotenvError(this.#options.file, line, error.message)
      throw error
    }
  }

  #endOfLine(): void {
    this.#skipBlanks()
    const char = this.#text[this.#at]
    if (char === undefined) return
    if (char === '#') this.#skipLine()
    else if (char === '\n') this.#newline()
    else this.#fail('unexpected text after a quoted value')
  }

  #char(): string {
    const point = this.#text.codePointAt(this.#at)
    return point === undefined ? '' : String.fromCodePoint(point)
  }

  #skipBlanks(): void {
    while (this.#at < this.#text.length && BLANK.test(this.#text[this.#at]!)) this.#at += 1
  }

  #skipLine(): void {
    const end = this.#text.indexOf('\n', this.#at)
    this.#at = end === -1 ? this.#text.length : end
  }

  #newline(): void {
    this.#at += 1
    this.#line += 1
  }

  #fail(problem: string): never {
    throw new DotenvError(this.#options.file, this.#line, problem)
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  '\\': '\\',
  $: '$$',
}

/** Escapes of double quotes. `\$` becomes `$$`, which the interpolation turns into a dollar; an unknown escape stays as it is. */
const unescapeQuoted = (text: string): string => text.replace(/\\([abfnrtv"\\$])/g, (_, char: string) => ESCAPES[char]!)

/** A value as it has to be written in an environment file to be read back, by compose and by a shell too: bare where it can be, else quoted. */
export function formatDotenvValue(value: string): string {
  if (/^[\w.,:/@%+=-]*$/.test(value)) return value
  // Single quotes take everything literally but themselves, and a backslash before a quote.
  if (!/['\\\r]/.test(value)) return `'${value}'`
  return `"${value
    .replace(/[\\"$]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')}"`
}
