import { expect, test } from 'vitest'
import { StorageError } from '../../errors.ts'
import { checkPolicy } from './policy.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const LATER = '2026-01-01T01:00:00Z'

function check(policy: unknown, fields: Record<string, string>): unknown {
  const encoded = typeof policy === 'string' ? policy : Buffer.from(JSON.stringify(policy)).toString('base64')
  try {
    return checkPolicy(encoded, new Map(Object.entries({ policy: encoded, ...fields })), 'b', NOW) ?? 'good'
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return `${error.code}: ${error.message}`
  }
}
const of = (...conditions: unknown[]) => ({ expiration: LATER, conditions: [{ bucket: 'b' }, ...conditions] })

test.each<[unknown, Record<string, string>, unknown]>([
  [of(), {}, 'good'],
  [of({ key: 'k' }), { key: 'k' }, 'good'],
  [of({ Key: 'k' }), { key: 'k' }, 'good'],
  [of(['eq', '$key', 'k']), { key: 'k' }, 'good'],
  [of(['eq', '$Key', 5]), { key: '5' }, 'good'],
  [of(['starts-with', '$key', 'a/']), { key: 'a/b' }, 'good'],
  [of(['starts-with', '$key', '']), { key: 'a/b' }, 'good'],
  [of(), { 'x-ignore-this': 'y', 'x-amz-signature': 's', 'x-amz-security-token': 't' }, 'good'],
  [of(['content-length-range', 1, 5]), {}, { min: 1, max: 5 }],
  [of(['content-length-range', '1', '5'], ['content-length-range', 3, 9]), {}, { min: 3, max: 5 }],
  [of(['starts-with', '$key', 'a/']), { key: 'b' }, 'AccessDenied: Policy condition failed: "key" does not start with "a/"'],
  [of(['starts-with', '$key', '']), {}, 'AccessDenied: Policy condition failed: "key" does not start with ""'],
  [of({ key: 'k' }), { key: 'K' }, 'AccessDenied: Policy condition failed: "key" does not match'],
  [of({ key: 'k' }), {}, 'AccessDenied: Policy condition failed: "key" does not match'],
  [of(), { key: 'k' }, 'AccessDenied: Policy condition failed: field "key" is not covered by the policy'],
  [of(), { __proto__x: 'k' }, 'AccessDenied: Policy condition failed: field "__proto__x" is not covered by the policy'],
  [{ expiration: LATER, conditions: [] }, {}, 'AccessDenied: Policy condition failed: field "bucket" is not covered by the policy'],
  [{ expiration: LATER, conditions: [{ bucket: 'c' }] }, {}, 'AccessDenied: Policy condition failed: "bucket" does not match'],
  [{ ...of(), expiration: '2025-12-31T00:00:00Z' }, {}, 'ExpiredToken: The provided token has expired.'],
  [{ ...of(), expiration: undefined }, {}, 'InvalidSignature: Missing policy expiration'],
  [{ ...of(), expiration: 'soon' }, {}, 'InvalidSignature: Invalid policy expiration'],
  [of({ a: '1', b: '2' }), {}, 'InvalidSignature: Invalid policy condition'],
  [of({ a: null }), {}, 'InvalidSignature: Invalid policy condition'],
  [of('key'), {}, 'InvalidSignature: Invalid policy condition'],
  [of(['ends-with', '$key', 'x']), {}, 'InvalidSignature: Unsupported policy condition'],
  [of(['eq', 'key', 'x']), {}, 'InvalidSignature: Unsupported policy condition'],
  [of(['content-length-range', -1, 5]), {}, 'InvalidSignature: Unsupported policy condition'],
  [{ expiration: LATER }, {}, 'InvalidSignature: Invalid policy conditions'],
  ['%%%', {}, 'InvalidSignature: Invalid POST policy'],
  [Buffer.from('null').toString('base64'), {}, 'InvalidSignature: Invalid policy conditions'],
])('%j with %j: %j', (policy, fields, expected) => {
  expect(check(policy, fields)).toEqual(expected)
})
