import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { signJwt } from '../../../jwt/sign.ts'
import { inHandshake, inJoin, TokenRefused } from './refusal.ts'
import { TokenVerifier } from './verify.ts'

const SECRET = 'a-secret-of-at-least-thirty-two-characters'
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const privateKey = { ...pair.privateKey.export({ format: 'jwk' }), kid: 'ec', alg: 'ES256' }
const publicKey = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'ec', alg: 'ES256', key_ops: ['verify'] }
const shared = { kty: 'oct', k: Buffer.from('another-secret-of-thirty-two-characters').toString('base64url'), kid: 'shared', alg: 'HS256' }
const verifier = new TokenVerifier({ secret: SECRET, jwks: { keys: [publicKey, shared, { kty: 'XX', kid: 'odd' }, 5] } })
const exp = Math.floor(Date.now() / 1_000) + 60
const claims = { role: 'anon', exp }

const problem = async (token: string, by = verifier) => {
  try {
    await by.verify(token)
    return 'accepted'
  } catch (error) {
    expect(error).toBeInstanceOf(TokenRefused)
    return inHandshake((error as TokenRefused).problem)
  }
}

describe('a token', () => {
  test.each<[string, Promise<string>]>([
    ['by the secret', signJwt(claims, SECRET)],
    ['by the key pair that it names', signJwt(claims, privateKey)],
    ['by the shared key that it names', signJwt(claims, shared)],
    ['with times that are not looked at', signJwt({ ...claims, nbf: exp, iat: exp }, SECRET)],
  ])('%s is accepted', async (_, token) => {
    expect(await problem(await token)).toBe('accepted')
  })
  test('that names a key which is not there is refused by its name', async () => {
    const token = await signJwt(claims, { ...privateKey, kid: 'nobody' })
    expect(await problem(token)).toBe(
      'Failed to generate JWT signer for key ID (kid) "nobody", check your JWT secret or JWKS configuration',
    )
  })
  test('by the public key as a secret is refused', async () => {
    const token = await signJwt(claims, {
      kty: 'oct',
      k: Buffer.from(JSON.stringify(publicKey)).toString('base64url'),
      kid: 'ec',
      alg: 'HS256',
    })
    expect(await problem(token)).toBe('Failed to validate JWT signature')
  })
  test('of a foreign signature is refused as such, also when it has expired', async () => {
    expect(await problem(await signJwt({ ...claims, exp: 1 }, 'x'.repeat(40)))).toBe('Failed to validate JWT signature')
  })
  test('that has expired says since when, in a join', async () => {
    const error = await verifier.verify(await signJwt({ ...claims, exp: exp - 160 }, SECRET)).catch((refused: unknown) => refused)
    expect(inJoin((error as TokenRefused).problem)).toMatch(/^InvalidJWTToken: Token has expired 10\d seconds ago$/)
  })
  test('without a claim that is asked for is refused', async () => {
    const strict = new TokenVerifier({ secret: SECRET, jwks: undefined }, { iss: 'me' })
    expect([
      await problem(await signJwt({ ...claims, iss: 'me' }, SECRET), strict),
      await problem(await signJwt(claims, SECRET), strict),
    ]).toEqual(['accepted', 'The token provided is not a valid JWT'])
  })
  test('keeps the digits of its claims', async () => {
    const body = [{ alg: 'HS256' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    expect((await verifier.verify(await signJwt(claims, SECRET))).claimsText).toBe(Buffer.from(body[1]!, 'base64url').toString())
  })
})
