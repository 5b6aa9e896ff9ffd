// The string methods that an expression may call. Positions count from one, negative ones from the end, as in Lua.
import { matchPattern, type PatternMatch } from './lua-pattern.ts'
import { EvaluationError, luaType, textOf, type Value } from './value.ts'

type Method = (text: string, args: readonly Value[]) => Value

/** Longest text that `rep` and `gsub` may make: a header line has no use for more. */
const MAX_TEXT = 64 * 1024

export const stringMethods: Readonly<Record<string, Method>> = {
  sub: (text, args) => slice(text, integer(args[0], 1), integer(args[1], -1)),
  lower: (text) => text.replace(/[A-Z]+/g, (part) => part.toLowerCase()),
  upper: (text) => text.replace(/[a-z]+/g, (part) => part.toUpperCase()),
  len: (text) => text.length,
  reverse: (text) => [...text].reverse().join(''),
  rep: (text, args) => {
    const times = Math.max(0, integer(args[0], 0))
    if (text.length * times > MAX_TEXT) throw new EvaluationError('resulting string too large')
    return text.repeat(times)
  },
  byte: (text, args) => {
    const code = text.charCodeAt(position(text, integer(args[0], 1)) - 1)
    return Number.isNaN(code) ? undefined : code
  },
  find: (text, args) => {
    const pattern = textOf(args[0], 'search with')
    const from = Math.max(0, position(text, integer(args[1], 1)) - 1)
    if (from > text.length) return undefined
    if (args[2] !== undefined && args[2] !== false) {
      const found = text.indexOf(pattern, from)
      return found < 0 ? undefined : found + 1
    }
    const match = matchPattern(text, pattern, from)
    return match && match.start + 1
  },
  match: (text, args) => {
    const from = Math.max(0, position(text, integer(args[1], 1)) - 1)
    const match = from > text.length ? undefined : matchPattern(text, textOf(args[0], 'match with'), from)
    return match && (match.captures[0] ?? text.slice(match.start, match.end))
  },
  gsub: (text, args) => {
    const pattern = textOf(args[0], 'replace with')
    const replacement = textOf(args[1], 'replace by')
    let left = args[2] === undefined ? Number.POSITIVE_INFINITY : integer(args[2], 0)
    let result = ''
    let at = 0
    while (at <= text.length && left > 0) {
      const match = matchPattern(text, pattern, at)
      if (!match) break
      left--
      result += text.slice(at, match.start) + expand(replacement, match, text)
      if (match.end === match.start) result += text[match.end] ?? ''
      at = match.end === match.start ? match.end + 1 : match.end
      if (result.length > MAX_TEXT) throw new EvaluationError('resulting string too large')
      if (pattern.startsWith('^')) break
    }
    return result + text.slice(at)
  },
}

function expand(replacement: string, match: PatternMatch, text: string): string {
  const whole = text.slice(match.start, match.end)
  return replacement.replace(/%(.?)/g, (_, code: string) => {
    if (code === '0') return whole
    if (code >= '1' && code <= '9') {
      const capture = match.captures[Number(code) - 1] ?? (code === '1' ? whole : undefined)
      if (capture === undefined) throw new EvaluationError('invalid capture index in a replacement')
      return String(capture)
    }
    return code
  })
}

function integer(value: Value, whenNil: number): number {
  if (value === undefined) return whenNil
  const number = typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
  if (Number.isNaN(number)) throw new EvaluationError(`number expected, got ${luaType(value)}`)
  return Math.trunc(number)
}

function position(text: string, at: number): number {
  return at >= 0 ? at : Math.max(text.length + at + 1, 0)
}

function slice(text: string, from: number, to: number): string {
  const start = Math.max(position(text, from), 1)
  const end = to < 0 ? text.length + to + 1 : Math.min(to, text.length)
  return start > end ? '' : text.slice(start - 1, end)
}
