// Values as they stand in `record`: from Postgres' text form to the text of JSON, as `to_jsonb` gives it. Types that only the database can
// convert say so; everything else costs no question.
import { type ArrayItem, readArray } from './array-text.ts'

export interface ValueType {
  readonly oid: number
  /** What a domain stands on, or the type itself. */
  readonly base: number
  /** Name and schema of the base type, quoted: for a cast. */
  readonly sql: string
  readonly element?: ValueType
  readonly delimiter?: string
  /** Composite types, and those with a cast to json of their own. */
  readonly special: boolean
}

/** From text to JSON text; undefined: ask the database. `inside` is true for an element of an array. */
export type Converter = (text: string, inside: boolean) => string

const INTEGERS = [20, 21, 23]
const FLOATS = [700, 701, 1700]
const BOOL = 16
const BYTEA = 17
const JSON_TYPE = 114
const JSONB = 3802
const TIMESTAMPS = [1114, 1184]

export function converterOf(type: ValueType): Converter | undefined {
  const { base, element } = type
  if (type.special || base === JSON_TYPE) return undefined
  if (element !== undefined) {
    const inner = converterOf(element)
    return inner === undefined ? undefined : (text) => listJson(readArray(text, type.delimiter), inner)
  }
  if (INTEGERS.includes(base)) return (text) => text
  if (FLOATS.includes(base)) return numberJson
  if (base === BOOL) return (text) => (text === 't' ? 'true' : 'false')
  if (base === JSONB) return (text) => text
  if (base === BYTEA) return (text, inside) => JSON.stringify(inside ? text : text.slice(2))
  if (TIMESTAMPS.includes(base)) return (text) => JSON.stringify(isoTime(text))
  return (text) => JSON.stringify(text)
}

function listJson(items: readonly ArrayItem[], inner: Converter): string {
  let text = '['
  for (let index = 0; index < items.length; index++) {
    const item = items[index]!
    if (index > 0) text += ', '
    text += item === null ? 'null' : typeof item === 'string' ? inner(item, true) : listJson(item, inner)
  }
  return `${text}]`
}

/** Digits as they are; an exponent is written out, for jsonb numbers have none. What is no number is null, in arrays its name. */
function numberJson(text: string, inside: boolean): string {
  const found = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text)
  if (!found) return inside ? JSON.stringify(text) : 'null'
  const [, sign = '', whole = '', fraction = '', exponent] = found
  if (exponent === undefined) return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text
  const shift = Number(exponent)
  const digits = whole + fraction
  const point = whole.length + shift
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  return point >= digits.length
    ? sign + digits + '0'.repeat(point - digits.length)
    : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

/** `2024-02-29 11:14:15.5+00` to `2024-02-29T11:14:15.5+00:00`; the session's time zone is UTC. */
const isoTime = (text: string): string => text.replace(' ', 'T').replace(/\+00(?= BC$|$)/, '+00:00')
