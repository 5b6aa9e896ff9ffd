// The policy of a browser's form: until when it holds, and what the fields and the file may be. Messages are upstream's
// (storage/protocols/s3/policy.ts), except that content-length-range is enforced here.
import { z } from 'zod'
import { errors } from '../../errors.ts'
import { refusals } from '../refusals.ts'

const value = z.union([z.string(), z.number()])
const policy = z.object({ expiration: z.string().optional(), conditions: z.array(z.unknown()) })
const exact = z.record(z.string(), value)
const operation = z.tuple([z.enum(['eq', 'starts-with']), z.string().startsWith('$'), value])
const lengthRange = z.tuple([z.literal('content-length-range'), z.coerce.number().int().min(0), z.coerce.number().int().min(0)])

/** Fields that no condition has to speak of: the signature's own. */
const FREE_FIELDS: ReadonlySet<string> = new Set([
  'policy',
  'x-amz-signature',
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-security-token',
])

/** Bytes of the file, both ends allowed. */
export interface LengthRange {
  readonly min: number
  readonly max: number
}

/** Throws unless every condition holds and every field is spoken of. `fields` by lower-case name, without the file. */
export function checkPolicy(encoded: string, fields: ReadonlyMap<string, string>, bucket: string, now: number): LengthRange | undefined {
  const { expiration, conditions } = read(encoded)
  checkExpiration(expiration, now)
  const form = new Map(fields).set('bucket', bucket)
  const spokenOf = new Set<string>(FREE_FIELDS)
  let range: LengthRange | undefined
  for (const condition of conditions) {
    const length = lengthRange.safeParse(condition)
    if (length.success) {
      const [, min, max] = length.data
      range = { min: Math.max(min, range?.min ?? 0), max: Math.min(max, range?.max ?? max) }
      continue
    }
    spokenOf.add(checkCondition(condition, form))
  }
  for (const field of form.keys())
    if (!spokenOf.has(field) && !field.startsWith('x-ignore-'))
      throw refusals.accessDenied(`Policy condition failed: field "${field}" is not covered by the policy`)
  return range
}

function read(encoded: string): z.infer<typeof policy> {
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'))
  } catch {
    throw errors.invalidSignature('Invalid POST policy')
  }
  const parsed = policy.safeParse(json)
  if (!parsed.success) throw errors.invalidSignature('Invalid policy conditions')
  return parsed.data
}

function checkExpiration(expiration: string | undefined, now: number): void {
  if (!expiration) throw errors.invalidSignature('Missing policy expiration')
  const end = Date.parse(expiration)
  if (Number.isNaN(end)) throw errors.invalidSignature('Invalid policy expiration')
  if (end < now) throw errors.expiredToken()
}

/** The field that the condition speaks of. */
function checkCondition(condition: unknown, form: ReadonlyMap<string, string>): string {
  if (Array.isArray(condition)) {
    const parsed = operation.safeParse(condition)
    if (!parsed.success) throw errors.invalidSignature('Unsupported policy condition')
    const [how, name, wanted] = parsed.data
    const field = name.slice(1).toLowerCase()
    if (how === 'eq') checkEqual(field, wanted, form)
    else if (!form.get(field)?.startsWith(String(wanted)))
      throw refusals.accessDenied(`Policy condition failed: "${field}" does not start with "${wanted}"`)
    return field
  }
  const parsed = exact.safeParse(condition)
  const [pair, ...more] = parsed.success ? Object.entries(parsed.data) : []
  if (pair === undefined || more.length > 0) throw errors.invalidSignature('Invalid policy condition')
  checkEqual(pair[0].toLowerCase(), pair[1], form)
  return pair[0].toLowerCase()
}

function checkEqual(field: string, wanted: string | number, form: ReadonlyMap<string, string>): void {
  if (form.get(field) !== String(wanted)) throw refusals.accessDenied(`Policy condition failed: "${field}" does not match`)
}
