import { randomBytes, randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeRefreshToken, encodeRefreshToken, isSignedBy } from './refresh-token-v2.ts'

const key = randomBytes(32)

test('what is encoded decodes to the same session and counter, and is signed', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.maxSafeNat(), (id, counter) => {
      const token = decodeRefreshToken(encodeRefreshToken(id, counter, key))
      expect(token).toMatchObject({ sessionId: id, counter })
      expect(isSignedBy(token!, key)).toBe(true)
      expect(isSignedBy(token!, randomBytes(32))).toBe(false)
    }),
  )
})

test('a token with one bit turned is no token', () => {
  const bytes = Buffer.from(encodeRefreshToken(randomUUID(), 300, key), 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const bent = Buffer.from(bytes)
    bent[bit >> 3]! ^= 1 << (bit & 7)
    expect(decodeRefreshToken(bent.toString('base64url'))).toBeUndefined()
  }
})

test('anything else is undefined, never a crash', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(decodeRefreshToken(text)).toBeUndefined()
    }),
  )
  expect(decodeRefreshToken('A'.repeat(200))).toBeUndefined()
})
