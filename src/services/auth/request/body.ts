// Bodies: JSON to typed fields the way Go's decoder reads them. Unknown fields are ignored, null leaves a field unset, a wrong type is refused.
import { z } from 'zod'
import { errors } from '../errors.ts'
import type { Call } from './call.ts'

/** Text; absent, null and empty are the same. */
export const string = z
  .string()
  .nullish()
  .transform((value) => value ?? '')
/** Text where absent differs from empty. */
export const optionalString = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined)
export const boolean = (fallback: boolean) =>
  z
    .boolean()
    .nullish()
    .transform((value) => value ?? fallback)
export type JsonMap = Readonly<Record<string, unknown>>
/** An object; undefined when absent. */
export const object = z
  .custom<JsonMap>((value) => typeof value === 'object' && value !== null && !Array.isArray(value))
  .nullish()
  .transform((value) => value ?? undefined)

/** Throws `bad_json` with words like those of Go's decoder. */
export function readBody<Shape extends z.ZodRawShape>(call: Pick<Call, 'body'>, shape: z.ZodObject<Shape>): z.output<z.ZodObject<Shape>> {
  const json = parse(call.body)
  if (json === null) return shape.parse({})
  if (typeof json !== 'object' || Array.isArray(json))
    throw errors.badJson(`json: cannot unmarshal ${kind(json)} into Go value of type object`)
  const result = shape.safeParse(json)
  if (result.success) return result.data
  const path = result.error.issues[0]?.path ?? []
  const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], json)
  throw errors.badJson(`json: cannot unmarshal ${kind(value)} into Go struct field .${path.join('.')}`)
}

function parse(body: string): unknown {
  if (body.trim() === '') throw errors.badJson('unexpected end of JSON input')
  try {
    return JSON.parse(body)
  } catch {
    const first = body.trimStart()[0] ?? ''
    // The parser's own words quote the body, which may hold a password.
    throw errors.badJson(
      /[[{"tfn\d-]/.test(first) ? 'unexpected end of JSON input' : `invalid character '${first}' looking for beginning of value`,
    )
  }
}

function kind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return value === null ? 'null' : typeof value
}
