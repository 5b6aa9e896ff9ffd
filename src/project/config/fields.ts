// The vocabulary of config.toml: every table's schema is a zod object of these. A value may be written in its own type or, as it comes
// from `env(NAME)` and from SUPABASE_* variables, as text.
import { z } from 'zod'
import { parseDuration } from '../../env/types.ts'

const said = (words: string) => ({ error: () => words })

/** A problem whose text is complete as it stands, because upstream words it so: the key's path is not put before it. */
export function literalIssue(message: string): { code: 'custom'; message: string; params: { literal: true } } {
  return { code: 'custom', message, params: { literal: true } }
}

/** Any text; numbers and booleans are taken as they are written. */
export const text = z.union([z.string(), z.number(), z.boolean()], said('must be text')).transform(String)

export const bool = z.union([z.boolean(), z.string(), z.number()], said('must be true or false')).transform((value, ctx) => {
  if (typeof value === 'boolean') return value
  if (/^(1|t|true)$/i.test(String(value))) return true
  if (/^(0|f|false)$/i.test(String(value))) return false
  ctx.addIssue(`must be true or false${hint(value)}`)
  return z.NEVER
})

/** A whole number, zero or more. */
export const uint = z.union([z.number(), z.string()], said('must be a whole number')).transform((value, ctx) => {
  const number = typeof value === 'string' && /^\s*\d{1,15}\s*$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number
  ctx.addIssue(`must be a whole number${hint(value)}`)
  return z.NEVER
})

/** A TCP port; 0 stands for "not set". */
export const port = uint.refine((value) => value <= 65_535, said('must be a port from 1 to 65535'))

/** A list, or text with commas. */
export const list = z
  .union([z.array(text), z.string()], said('must be a list of texts'))
  .transform((value) => (typeof value === 'string' ? value.split(',').filter((item) => item !== '') : value))

/** A duration in Go's syntax, kept as it was written: services read the same syntax. */
export const duration = z.string(said('must be a duration such as "30s", "5m" or "1h30m"')).transform((value, ctx) => {
  if (parseDuration(value) !== undefined) return value
  ctx.addIssue(`must be a duration such as "30s", "5m" or "1h30m"${hint(value)}`)
  return z.NEVER
})

const SIZE_EXPONENT: Readonly<Record<string, number>> = { '': 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 }

/** Bytes of a size such as `50MiB`, `5MB` or `500kb`; all units are multiples of 1024. Undefined when it is none. */
export function parseSize(value: string): number | undefined {
  const found = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgtp])(?:i?b)?|b)?\s*$/i.exec(value)
  if (!found) return undefined
  return Math.floor(Number(found[1]) * 1024 ** SIZE_EXPONENT[(found[2] ?? '').toLowerCase()]!)
}

/** A size in bytes. */
export const size = z.union([z.number(), z.string()], said('must be a size such as "50MiB"')).transform((value, ctx) => {
  const bytes = parseSize(String(value))
  if (bytes !== undefined) return bytes
  ctx.addIssue(`must be a size such as "50MiB"${hint(value)}`)
  return z.NEVER
})

export function oneOf<const Values extends readonly [string, ...string[]]>(...values: Values) {
  return z.enum(values, said(`must be one of [${values.join(' ')}]`))
}

/** A table with these keys and no others: an unknown key is an issue that the loader turns into a warning. */
export const table = z.strictObject

/** A table whose keys are names that the user chose. */
export const named = <Value extends z.ZodType>(value: Value) => z.record(z.string(), value)

/** Says why a value that came from an unset variable is wrong; other values are not repeated, they may be secrets. */
function hint(value: unknown): string {
  const name = typeof value === 'string' ? /^env\((.*)\)$/.exec(value)?.[1] : undefined
  return name === undefined ? '' : ` (the environment variable ${name} is unset)`
}
