// The shared vocabulary of variables: every service's schema is a zod object of these. Each type says in words what it expects.
import { z } from 'zod'

const expected = (words: string) => ({ error: () => words })

/** Any text. An empty variable counts as absent, as compose files leave unset ones empty. */
export const text = z.string()
/** A value that must never be printed: the same as text, told apart by name. */
export const secret = z.string()
/** Upstream's spellings: Go's strconv.ParseBool, Haskell's and Elixir's (`yes`, `on`), any letter case. */
export const bool = z
  .string()
  .refine((value) => /^(true|false|1|0|t|f|yes|no|y|n|on|off|enabled|disabled)$/i.test(value.trim()), expected('true or false'))
  .transform((value) => /^(true|1|t|yes|y|on|enabled)$/i.test(value.trim()))
/** A whole number, zero or more. */
export const count = z
  .string()
  .refine((value) => /^\d{1,15}$/.test(value.trim()), expected('a whole number'))
  .transform(Number)
export const integer = z
  .string()
  .refine((value) => /^-?\d{1,15}$/.test(value.trim()), expected('an integer'))
  .transform(Number)
export const number = z
  .string()
  .refine((value) => value.trim() !== '' && Number.isFinite(Number(value)), expected('a number'))
  .transform(Number)
export const port = count.refine((value) => value >= 1 && value <= 65_535, expected('a port from 1 to 65535'))
/** Comma separated; blanks around items are cut, empty items dropped. */
export const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
)
export const url = z.string().refine((value) => URL.canParse(value), expected('a URL'))
export const json = z.string().transform((value, ctx): unknown => {
  try {
    return JSON.parse(value)
  } catch {
    ctx.addIssue({ code: 'custom', message: 'JSON' })
    return z.NEVER
  }
})
export function oneOf<const Values extends readonly [string, ...string[]]>(...values: Values) {
  return z.enum(values, expected(`one of ${values.join(', ')}`))
}

const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Milliseconds of a duration in Go's syntax (`1h30m`, `500ms`, `0`); undefined when it is none. */
export function parseDuration(value: string): number | undefined {
  if (value === '0') return 0
  if (!/^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$/.test(value)) return undefined
  let total = 0
  for (const [, amount, unit] of value.matchAll(/([0-9.]+)(ns|us|µs|ms|s|m|h)/g)) total += Number(amount) * UNIT_MS[unit as string]!
  return total
}
/** A duration in Go's syntax, in milliseconds. */
export const duration = z.string().transform((value, ctx) => {
  const ms = parseDuration(value.trim())
  if (ms === undefined) {
    ctx.addIssue({ code: 'custom', message: 'a duration such as 30s, 5m or 1h30m' })
    return z.NEVER
  }
  return ms
})
/** A duration in Go's syntax, or a bare number of seconds; in milliseconds. */
export const durationOrSeconds = z.string().transform((value, ctx) => {
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1_000 : parseDuration(value.trim())
  if (ms === undefined) {
    ctx.addIssue({ code: 'custom', message: 'a duration such as 30s, 5m or 1h30m' })
    return z.NEVER
  }
  return ms
})
