// What arrives from outside is checked here, once: zod does the work, and the words of a refusal are those of upstream's validator, which
// also reads `"10"` where a number is wanted. `body must have required property 'prefix'`, `querystring/limit must be >= 1`.
import { z } from 'zod'
import { errors } from '../errors.ts'

export type Place = 'body' | 'querystring' | 'params' | 'headers'

/** Throws InvalidRequest with the first thing that is wrong: missing properties before wrong ones, as upstream looks. */
export function readShape<Schema extends z.ZodType>(place: Place, schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const { issues } = parsed.error
  const depth = (issue: z.core.$ZodIssue) => issue.path.length - (isMissing(issue, value) ? 1 : 0)
  let first = issues[0]!
  for (const issue of issues) if (isMissing(issue, value) && !isMissing(first, value) && depth(issue) <= depth(first)) first = issue
  throw errors.invalidShape(words(place, first, value))
}

function words(place: Place, issue: z.core.$ZodIssue, value: unknown): string {
  const at = (path: readonly PropertyKey[]): string => [place, ...path.map(String)].join('/')
  if (isMissing(issue, value)) return `${at(issue.path.slice(0, -1))} must have required property '${String(issue.path.at(-1))}'`
  return `${at(issue.path)} ${issue.message}`
}

/** The property is not there at all. */
function isMissing(issue: z.core.$ZodIssue, value: unknown): boolean {
  if (issue.path.length === 0 || issue.code === 'custom') return false
  let at: unknown = value
  for (const key of issue.path) {
    if (typeof at !== 'object' || at === null) return false
    if (!Object.hasOwn(at, key)) return true
    at = (at as Record<PropertyKey, unknown>)[key]
  }
  return at === undefined
}

const says = (message: string) => ({ error: () => message })
const single = (value: unknown): unknown => (Array.isArray(value) && value.length === 1 ? value[0] : value)

export const text = z.preprocess(
  (given) => {
    const value = single(given)
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    return value === null ? '' : value
  },
  z.string(says('must be string')),
)

const toNumber = (given: unknown): unknown => {
  const value = single(given)
  if (typeof value === 'boolean') return Number(value)
  if (value === null) return 0
  return typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value
}

export interface Bounds {
  readonly min?: number
  readonly max?: number
}

const bounded =
  (check: (value: number) => boolean, kind: string) =>
  ({ min, max }: Bounds = {}) =>
    z.preprocess(
      toNumber,
      z.number(says(`must be ${kind}`)).superRefine((value, ctx) => {
        const problem = !check(value)
          ? `must be ${kind}`
          : max !== undefined && value > max
            ? `must be <= ${max}`
            : min !== undefined && value < min
              ? `must be >= ${min}`
              : undefined
        if (problem !== undefined) ctx.addIssue({ code: 'custom', message: problem })
      }),
    )
export const integer = bounded(Number.isInteger, 'integer')
export const number = bounded(Number.isFinite, 'number')

export const flag = z.preprocess(
  (given) => {
    const value = single(given)
    if (value === 'true' || value === 1) return true
    if (value === 'false' || value === 0 || value === null) return false
    return value
  },
  z.boolean(says('must be boolean')),
)

export function oneOf<const Values extends readonly [string, ...string[]]>(...values: Values) {
  return z.preprocess(single, z.enum(values, says('must be equal to one of the allowed values')))
}

export const list = <Item extends z.ZodType>(item: Item, { min, max }: Bounds = {}) =>
  z.preprocess(
    (value) => (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? [value] : value),
    z.array(item, says('must be array')).superRefine((value, ctx) => {
      if (max !== undefined && value.length > max) ctx.addIssue({ code: 'custom', message: `must NOT have more than ${max} items` })
      if (min !== undefined && value.length < min) ctx.addIssue({ code: 'custom', message: `must NOT have fewer than ${min} items` })
    }),
  )

export const record = <Shape extends z.core.$ZodLooseShape>(shape: Shape) => z.object(shape, says('must be object'))
