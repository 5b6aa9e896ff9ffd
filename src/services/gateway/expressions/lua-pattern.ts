// Lua's patterns (find, match, gsub): classes, sets, `* + - ?`, captures, anchors, `%b()` and `%f[]`. Bounded: a pattern that
// backtracks without end stops with an error instead of holding up the process.
import { EvaluationError } from './value.ts'

const MAX_STEPS = 100_000
const MAX_DEPTH = 200

export interface PatternMatch {
  readonly start: number
  /** Exclusive. */
  readonly end: number
  /** A text, or a position (1-based) for `()`. */
  readonly captures: readonly (string | number)[]
}

interface Capture {
  start: number
  /** -1 while open, -2 for a position capture. */
  length: number
}

/** The first match at or after `from` (0-based). Throws EvaluationError for a malformed pattern or one that costs too much. */
export function matchPattern(text: string, pattern: string, from: number): PatternMatch | undefined {
  const anchored = pattern.startsWith('^')
  const matcher = new Matcher(text, pattern)
  for (let start = from; start <= text.length; start++) {
    const end = matcher.run(start, anchored ? 1 : 0)
    if (end >= 0) return { start, end, captures: matcher.captures() }
    if (anchored) break
  }
  return undefined
}

class Matcher {
  readonly #text: string
  readonly #pattern: string
  #open: Capture[] = []
  #steps = 0
  #depth = 0

  constructor(text: string, pattern: string) {
    this.#text = text
    this.#pattern = pattern
  }

  run(start: number, p: number): number {
    this.#open = []
    this.#depth = 0
    return this.#match(start, p)
  }

  captures(): (string | number)[] {
    return this.#open.map(({ start, length }) => {
      if (length === -1) throw new EvaluationError('unfinished capture in a pattern')
      return length === -2 ? start + 1 : this.#text.slice(start, start + length)
    })
  }

  #match(s: number, p: number): number {
    if (++this.#depth > MAX_DEPTH) throw new EvaluationError('pattern too complex')
    try {
      return this.#step(s, p)
    } finally {
      this.#depth--
    }
  }

  #step(start: number, from: number): number {
    let s = start
    let p = from
    for (;;) {
      if (++this.#steps > MAX_STEPS) throw new EvaluationError('pattern too complex')
      if (p >= this.#pattern.length) return s
      const c = this.#pattern[p]!
      if (c === '(') return this.#pattern[p + 1] === ')' ? this.#openCapture(s, p + 2, -2) : this.#openCapture(s, p + 1, -1)
      if (c === ')') return this.#closeCapture(s, p + 1)
      if (c === '$' && p + 1 === this.#pattern.length) return s === this.#text.length ? s : -1
      if (c === '%') {
        const next = this.#pattern[p + 1]
        if (next === 'b') {
          const end = this.#balance(s, p + 2)
          if (end < 0) return -1
          s = end
          p += 4
          continue
        }
        if (next === 'f') {
          p += 2
          if (this.#pattern[p] !== '[') throw new EvaluationError("missing '[' after '%f' in a pattern")
          const end = this.#classEnd(p)
          const before = s === 0 ? '\0' : this.#text[s - 1]!
          const here = s < this.#text.length ? this.#text[s]! : '\0'
          if (this.#inSet(before, p, end - 1) || !this.#inSet(here, p, end - 1)) return -1
          p = end
          continue
        }
        if (next !== undefined && next >= '1' && next <= '9') {
          const capture = this.#open[Number(next) - 1]
          if (!capture || capture.length < 0) throw new EvaluationError('invalid capture index in a pattern')
          const same = this.#text.slice(capture.start, capture.start + capture.length)
          if (!this.#text.startsWith(same, s)) return -1
          s += same.length
          p += 2
          continue
        }
      }
      const end = this.#classEnd(p)
      const suffix = this.#pattern[end]
      if (suffix === '?') {
        if (this.#single(s, p, end)) {
          const result = this.#match(s + 1, end + 1)
          if (result >= 0) return result
        }
        p = end + 1
        continue
      }
      if (suffix === '+') return this.#single(s, p, end) ? this.#greedy(s + 1, p, end) : -1
      if (suffix === '*') return this.#greedy(s, p, end)
      if (suffix === '-') return this.#lazy(s, p, end)
      if (!this.#single(s, p, end)) return -1
      s++
      p = end
    }
  }

  #greedy(s: number, p: number, end: number): number {
    let count = 0
    while (this.#single(s + count, p, end)) count++
    for (; count >= 0; count--) {
      const result = this.#match(s + count, end + 1)
      if (result >= 0) return result
    }
    return -1
  }

  #lazy(start: number, p: number, end: number): number {
    for (let s = start; ; s++) {
      const result = this.#match(s, end + 1)
      if (result >= 0) return result
      if (!this.#single(s, p, end)) return -1
    }
  }

  #openCapture(s: number, p: number, length: number): number {
    this.#open.push({ start: s, length })
    const result = this.#match(s, p)
    if (result < 0) this.#open.pop()
    return result
  }

  #closeCapture(s: number, p: number): number {
    const capture = this.#open.findLast(({ length }) => length === -1)
    if (!capture) throw new EvaluationError('invalid pattern capture')
    capture.length = s - capture.start
    const result = this.#match(s, p)
    if (result < 0) capture.length = -1
    return result
  }

  #balance(s: number, p: number): number {
    const [open, close] = [this.#pattern[p], this.#pattern[p + 1]]
    if (open === undefined || close === undefined) throw new EvaluationError("missing arguments to '%b' in a pattern")
    if (this.#text[s] !== open) return -1
    let depth = 1
    for (let i = s + 1; i < this.#text.length; i++) {
      if (this.#text[i] === close) {
        if (--depth === 0) return i + 1
      } else if (this.#text[i] === open) depth++
    }
    return -1
  }

  #classEnd(p: number): number {
    if (this.#pattern[p] === '%') {
      if (p + 1 >= this.#pattern.length) throw new EvaluationError("malformed pattern (ends with '%')")
      return p + 2
    }
    if (this.#pattern[p] !== '[') return p + 1
    let i = p + 1
    if (this.#pattern[i] === '^') i++
    do {
      if (i >= this.#pattern.length) throw new EvaluationError("malformed pattern (missing ']')")
      i += this.#pattern[i] === '%' ? 2 : 1
    } while (this.#pattern[i] !== ']')
    return i + 1
  }

  #single(s: number, p: number, end: number): boolean {
    if (++this.#steps > MAX_STEPS) throw new EvaluationError('pattern too complex')
    const char = this.#text[s]
    if (char === undefined) return false
    const c = this.#pattern[p]!
    if (c === '.') return true
    if (c === '%') return inClass(char, this.#pattern[p + 1]!)
    if (c === '[') return this.#inSet(char, p, end - 1)
    return c === char
  }

  #inSet(char: string, p: number, last: number): boolean {
    let i = p + 1
    const negated = this.#pattern[i] === '^'
    if (negated) i++
    for (; i < last; i++) {
      const c = this.#pattern[i]!
      if (c === '%') {
        i++
        if (inClass(char, this.#pattern[i]!)) return !negated
      } else if (this.#pattern[i + 1] === '-' && i + 2 < last) {
        if (char >= c && char <= this.#pattern[i + 2]!) return !negated
        i += 2
      } else if (c === char) return !negated
    }
    return negated
  }
}

const CLASSES: Readonly<Record<string, RegExp>> = {
  a: /[A-Za-z]/,
  c: /[\x00-\x1f\x7f]/,
  d: /[0-9]/,
  l: /[a-z]/,
  p: /[!-/:-@[-`{-~]/,
  s: /[\t-\r ]/,
  u: /[A-Z]/,
  w: /[A-Za-z0-9]/,
  x: /[0-9A-Fa-f]/,
  z: /\x00/,
}

function inClass(char: string, name: string): boolean {
  const members = CLASSES[name.toLowerCase()]
  if (!members) return name === char
  return members.test(char) === (name === name.toLowerCase())
}
