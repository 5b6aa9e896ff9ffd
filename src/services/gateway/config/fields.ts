// The field types that entities and plugins share, with Kong's messages.
import { z } from 'zod'

export const wholeNumber = z
  .number({ error: () => 'expected an integer' })
  .refine(Number.isInteger, { error: 'expected an integer', abort: true })

/** A whole number within bounds. */
export function between(min: number, max: number) {
  return wholeNumber.refine((value) => value >= min && value <= max, { error: `value should be between ${min} and ${max}`, abort: true })
}

/** Text that may not be empty. */
export const text = z.string().min(1)
export const tags = z.array(text).optional()
export const timeoutMs = between(1, 2_147_483_646).default(60_000)
export const port = between(0, 65_535)
export const uuid = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i, 'expected a valid UUID')
export const headerName = z.string().regex(/^[!#$%&'*+\-.^_|~0-9A-Za-z`]+$/, 'bad header name, allowed characters are those of a token')

/** A reference to another entity: its name, or a record with its id or name. */
export const reference = z.union(
  [text, z.strictObject({ id: text }), z.strictObject({ name: text }), z.strictObject({ username: text })],
  'expected a name or a record with an id',
)
export type Reference = z.output<typeof reference>

export function referenceText(given: Reference): string {
  return typeof given === 'string' ? given : Object.values(given)[0]!
}
