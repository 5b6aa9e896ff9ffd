// Compose's interpolation: `$X`, `${X}`, `${X:-d}`, `${X-d}`, `${X:?m}`, `${X?m}`, `${X:+a}`, `${X+a}`, nested words, and `$$` for a dollar.

export type Lookup = (name: string) => string | undefined

/** What a reference cannot be resolved to. Names variables, never shows a value. */
export class InterpolationError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InterpolationError'
  }
}

/** Deeper nesting than a person writes. */
const MAX_DEPTH = 32
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const OPERATOR = /:?[-?+]/y

/**
 * Replaces the references of `text`. A variable that is not set becomes empty and is told to `onUnset`. A dollar that begins no
 * reference stays: passwords hold them.
 */
export function interpolate(text: string, lookup: Lookup, onUnset: (name: string) => void = () => {}): string {
  if (!text.includes('$')) return text
  const reader = new Reader(text, lookup, onUnset)
  return reader.words(0)
}

class Reader {
  readonly #text: string
  readonly #lookup: Lookup
  readonly #onUnset: (name: string) => void
  #at = 0

  constructor(text: string, lookup: Lookup, onUnset: (name: string) => void) {
    this.#text = text
    this.#lookup = lookup
    this.#onUnset = onUnset
  }

  /** Text up to the end, or (inside braces) up to the brace that closes them, which stays unread. */
  words(depth: number, live = true): string {
    let out = ''
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at]!
      if (char === '}' && depth > 0) return out
      if (char !== '$') {
        out += char
        this.#at += 1
      } else out += this.#reference(depth, live)
    }
    return out
  }

  #reference(depth: number, live: boolean): string {
    const next = this.#text[this.#at + 1]
    if (next === '$') {
      this.#at += 2
      return '$'
    }
    if (next === '{') return this.#braced(depth + 1, live)
    this.#at += 1
    const name = this.#take(NAME)
    return name === undefined ? '$' : this.#value(name, live)
  }

  #braced(depth: number, live: boolean): string {
    if (depth > MAX_DEPTH) throw new InterpolationError(`references are nested deeper than ${MAX_DEPTH}`)
    this.#at += 2
    const name = this.#take(NAME)
    if (name === undefined) throw new InterpolationError('"${" is not followed by a variable name')
    const operator = this.#take(OPERATOR)
    const value = this.#lookup(name)
    const given = operator?.startsWith(':') ? value !== undefined && value !== '' : value !== undefined
    const kind = operator?.at(-1)
    // A word that is not used is read all the same, so that the closing brace is found, but nothing in it counts.
    const used = live && (kind === '+' ? given : !given)
    const from = this.#at
    const word = operator === undefined ? '' : this.words(depth, used && kind !== '?')
    const raw = this.#text.slice(from, this.#at)
    if (this.#text[this.#at] !== '}') throw new InterpolationError(`"\${${name}" is not closed as a reference has to be`)
    this.#at += 1
    if (!live) return ''
    if (kind === '?' && !given) throw new InterpolationError(`required variable ${name} is missing a value${raw === '' ? '' : `: ${raw}`}`)
    if (kind === '+') return given ? word : ''
    if (kind === '-' && !given) return word
    return this.#value(name, live)
  }

  #value(name: string, live: boolean): string {
    if (!live) return ''
    const value = this.#lookup(name)
    if (value === undefined) this.#onUnset(name)
    return value ?? ''
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }
}
