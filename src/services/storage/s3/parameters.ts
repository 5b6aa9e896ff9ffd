// Parameters of the query: numbers and choices, and what upstream's validator says of a wrong one.
import { errors } from '../errors.ts'
import { encodeRfc3986 } from './uri.ts'

type Query = ReadonlyMap<string, string>

const refuse = (name: string, why: string) => errors.invalidShape(`Querystring, ${name} ${why}`)

/** Undefined where it is not given. Throws InvalidRequest. */
export function numberParameter(query: Query, name: string, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}): number | undefined {
  const text = query.get(name)
  if (text === undefined || text === '') return undefined
  const value = /^[+-]?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(value)) throw refuse(name, 'must be number')
  if (value < min) throw refuse(name, `must be >= ${min}`)
  if (value > max) throw refuse(name, `must be <= ${max}`)
  return value
}

/** How a list writes keys: as they are, or escaped. */
export function encodingOf(query: Query): { readonly type: 'url' | undefined; readonly encode: (text: string) => string } {
  const type = query.get('encoding-type')
  if (type === undefined || type === '') return { type: undefined, encode: (text) => text }
  if (type !== 'url') throw refuse('encoding-type', 'must be equal to one of the allowed values')
  return { type, encode: encodeRfc3986 }
}

const MAX_LIST = 1_000

/** Entries of one page: 0 counts as not given, more than a thousand as a thousand. */
export const pageSize = (query: Query, name: string): number => Math.min(numberParameter(query, name) || MAX_LIST, MAX_LIST)

/** Opaque to clients, of upstream's form: a list begun there goes on here. */
export const continuationToken = (last: string): string => Buffer.from(`l:${last}`).toString('base64')

/** Throws InvalidParameter. */
export function readContinuationToken(token: string): string {
  const lines = Buffer.from(token, 'base64').toString('utf8').split('\n')
  const last = lines.find((line) => line.startsWith('l:'))
  if (last === undefined) throw errors.invalidParameter('continuation token')
  return last.slice(2)
}
