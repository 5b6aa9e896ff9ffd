import { createHmac, createPublicKey, createSign, generateKeyPairSync, type KeyObject, verify as verifySignature } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Algorithm } from './algorithms.ts'
import { JwtError } from './error.ts'
import { type Jwk, joinKeySets, KeySetError, keySetFrom, publicJwks, signingKeyFrom, signingKeysOf } from './keys.ts'
import { signJwt } from './sign.ts'
import { JwtVerifier, type JwtVerifierOptions } from './verifier.ts'

const SECRET = 'a-secret-of-at-least-thirty-two-characters'
const b64u = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const hmac = (header: object, payload: unknown, secret: string | Buffer = SECRET, hash = 'sha256'): string => {
  const body = `${b64u(header)}.${b64u(payload)}`
  return `${body}.${createHmac(hash, secret).update(body).digest('base64url')}`
}
const HS256 = { alg: 'HS256', typ: 'JWT' }

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pairs: Record<string, { privateKey: KeyObject; publicKey: KeyObject }> = {
  RSA: rsa,
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  Ed25519: generateKeyPairSync('ed25519'),
}
const jwk = (pair: string, half: 'privateKey' | 'publicKey', more: object = {}): Jwk => ({
  ...pairs[pair]![half].export({ format: 'jwk' }),
  ...more,
})
const set = (...keys: object[]) => keySetFrom(JSON.stringify({ keys }))
const reasonOf = async (verifier: JwtVerifier, token: string): Promise<string> => {
  try {
    await verifier.verify(token)
    return 'accepted'
  } catch (error) {
    expect(error).toBeInstanceOf(JwtError)
    return (error as JwtError).reason
  }
}
const reason = (token: string, keys = keySetFrom(SECRET), options: JwtVerifierOptions = {}) =>
  reasonOf(new JwtVerifier(keys, options), token)

describe('signJwt', () => {
  test.each<[Algorithm, string]>([
    ['RS256', 'RSA'],
    ['RS384', 'RSA'],
    ['RS512', 'RSA'],
    ['PS256', 'RSA'],
    ['PS384', 'RSA'],
    ['PS512', 'RSA'],
    ['ES256', 'P-256'],
    ['ES384', 'P-384'],
    ['ES512', 'P-521'],
    ['EdDSA', 'Ed25519'],
  ])('%s by a %s key verifies with its public half', async (alg, pair) => {
    const token = await signJwt({ role: 'anon' }, jwk(pair, 'privateKey', { alg, kid: 'k' }))
    expect(JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString())).toEqual({ alg, kid: 'k', typ: 'JWT' })
    expect(await new JwtVerifier(set(jwk(pair, 'publicKey', { kid: 'k' }))).verify(token)).toEqual({ role: 'anon' })
  })
  test.each(['HS256', 'HS384', 'HS512'])('%s by an oct key verifies with the same key', async (alg) => {
    const oct = { kty: 'oct', k: b64u(SECRET), alg }
    const token = await signJwt({ a: 1 }, oct)
    expect(token).toBe(hmac({ alg, typ: 'JWT' }, { a: 1 }, SECRET, `sha${alg.slice(2)}`))
    expect(await new JwtVerifier(set(oct)).verify(token)).toEqual({ a: 1 })
  })
  test('a raw secret signs HS256, with the claims in the order given and no other', async () => {
    const token = await signJwt({ role: 'anon', iss: 'supabase', iat: 1, exp: 2 }, SECRET)
    const [header, payload] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString())
    expect([header, payload]).toEqual(['{"alg":"HS256","typ":"JWT"}', '{"role":"anon","iss":"supabase","iat":1,"exp":2}'])
  })
  test('an ES256 signature is the one that others can check', async () => {
    const token = await signJwt({ sub: 'x' }, signingKeyFrom(jwk('P-256', 'privateKey')))
    const [header, payload, signature] = token.split('.')
    const key = { key: createPublicKey({ key: jwk('P-256', 'publicKey'), format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const }
    expect(verifySignature('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature!, 'base64url'))).toBe(true)
  })
  test('a public key cannot sign', () => {
    expect(() => signingKeyFrom(jwk('P-256', 'publicKey'))).toThrow(KeySetError)
  })
})

describe('a token is refused', () => {
  const forgedPem = pairs['RSA']!.publicKey.export({ type: 'spki', format: 'pem' }) as string
  const forgedJwk = JSON.stringify(jwk('RSA', 'publicKey'))
  test.each<[string, string, string]>([
    ['of two parts', 'a.b', 'malformed'],
    ['of five parts', 'a.b.c.d.e', 'malformed'],
    ['that is empty', '', 'malformed'],
    ['whose header is no JSON', `${b64u('nope')}.${b64u({})}.x`, 'malformed'],
    ['whose header is an array', `${b64u([])}.${b64u({})}.x`, 'malformed'],
    ['with critical extensions', hmac({ ...HS256, crit: ['b64'], b64: false }, {}), 'malformed'],
    ['with alg none', `${b64u({ alg: 'none' })}.${b64u({ role: 'service_role' })}.`, 'algorithm'],
    ['with alg nOnE', `${b64u({ alg: 'nOnE' })}.${b64u({ role: 'service_role' })}.${b64u('x')}`, 'algorithm'],
    ['with an unknown alg', hmac({ alg: 'HS1' }, {}), 'algorithm'],
    ['with the name of a method as alg', hmac({ alg: 'constructor' }, {}), 'algorithm'],
    ['with another HMAC size', hmac({ alg: 'HS512' }, {}, SECRET, 'sha512'), 'key'],
    ['of another secret', hmac(HS256, {}, 'another-secret-of-thirty-two-characters'), 'signature'],
    ['with its signature cut', hmac(HS256, {}).slice(0, -4), 'signature'],
    ['with an empty signature', hmac(HS256, {}).replace(/[^.]*$/, ''), 'signature'],
    ['with a bad character in its signature', `${hmac(HS256, {})}*`, 'malformed'],
    ['whose payload is text', hmac(HS256, 'text'), 'claims'],
    ['whose payload is null', hmac(HS256, null), 'claims'],
    ['whose payload is an array', hmac(HS256, []), 'claims'],
    ['with text for exp', hmac(HS256, { exp: '1' }), 'claim-type'],
    ['with a list for nbf', hmac(HS256, { nbf: [] }), 'claim-type'],
    ['with true for iat', hmac(HS256, { iat: true }), 'claim-type'],
  ])('%s', async (_, token, expected) => {
    expect(await reason(token)).toBe(expected)
  })
  test.each<[string, string]>([
    ['the PEM of a public key', hmac(HS256, {}, forgedPem)],
    ['the JWK of a public key', hmac({ ...HS256, kid: 'r' }, {}, forgedJwk)],
  ])('signed HS256 by %s', async (_, token) => {
    expect(await reason(token, set(jwk('RSA', 'publicKey', { kid: 'r' })))).toBe('key')
    expect(await reason(token, set(jwk('RSA', 'publicKey', { kid: 'r' }), { kty: 'oct', k: b64u(SECRET) }))).not.toBe('accepted')
  })
  test('of an algorithm that the caller does not take, though the key could', async () => {
    expect(await reason(hmac(HS256, {}), keySetFrom(SECRET), { algorithms: ['ES256'] })).toBe('algorithm')
  })
  test('with an alg that the key does not name', async () => {
    const token = await signJwt({}, jwk('RSA', 'privateKey', { alg: 'RS512' }))
    expect(await reason(token, set(jwk('RSA', 'publicKey', { alg: 'RS256' })))).toBe('key')
  })
})

describe('times', () => {
  const now = 1_700_000_000
  const at = (claims: object, clockSkewSeconds: number, more: JwtVerifierOptions = {}) =>
    reason(hmac(HS256, claims), keySetFrom(SECRET), { clockSkewSeconds, now: () => now * 1_000, ...more })
  test.each<[object, number, string]>([
    [{}, 0, 'accepted'],
    [{ exp: now + 1 }, 0, 'accepted'],
    [{ exp: now - 1 }, 0, 'expired'],
    [{ exp: now - 0.5 }, 0, 'expired'],
    [{ exp: now - 30 }, 30, 'accepted'],
    [{ exp: now - 31 }, 30, 'expired'],
    [{ nbf: now }, 0, 'accepted'],
    [{ nbf: now + 1 }, 0, 'not-yet'],
    [{ nbf: now + 30 }, 30, 'accepted'],
    [{ nbf: now + 31 }, 30, 'not-yet'],
    [{ iat: now + 1 }, 0, 'issued-later'],
    [{ iat: now + 30 }, 30, 'accepted'],
    [{ iat: now + 31 }, 30, 'issued-later'],
    [{ exp: now - 1, nbf: now + 1, iat: now + 1 }, 0, 'expired'],
    [{ nbf: now + 1, iat: now + 1 }, 0, 'not-yet'],
    [{ exp: null }, 0, 'accepted'],
  ])('%j with a skew of %d s: %s', async (claims, skew, expected) => {
    expect(await at(claims, skew)).toBe(expected)
  })
  test('iat and nbf are not looked at where the caller says so', async () => {
    expect(await at({ iat: now + 999 }, 0, { checkIssuedAt: false })).toBe('accepted')
    expect(await at({ nbf: now + 999 }, 0, { checkNotBefore: false })).toBe('accepted')
  })
})

describe('the choice of the key', () => {
  const keys = set(jwk('P-256', 'publicKey', { kid: 'ec' }), jwk('RSA', 'publicKey', { kid: 'rsa' }), { kty: 'oct', k: b64u(SECRET) })
  const tokens = {
    'EC by its kid': signJwt({}, jwk('P-256', 'privateKey', { kid: 'ec' })),
    'EC without kid': signJwt({}, jwk('P-256', 'privateKey')),
    'EC by an unknown kid': signJwt({}, jwk('P-256', 'privateKey', { kid: 'nobody' })),
    'EC by the kid of the RSA key': signJwt({}, jwk('P-256', 'privateKey', { kid: 'rsa' })),
    'secret without kid': signJwt({}, SECRET),
    'secret by an unknown kid': Promise.resolve(hmac({ ...HS256, kid: 'nobody' }, {})),
    'secret by the kid of the EC key': Promise.resolve(hmac({ ...HS256, kid: 'ec' }, {})),
  }
  test.each<[keyof typeof tokens, string, string, string]>([
    // token                          any         kid         kid-or-secret
    ['EC by its kid', 'accepted', 'accepted', 'accepted'],
    ['EC without kid', 'accepted', 'accepted', 'key'],
    ['EC by an unknown kid', 'accepted', 'key', 'key'],
    ['EC by the kid of the RSA key', 'key', 'key', 'key'],
    ['secret without kid', 'accepted', 'accepted', 'accepted'],
    ['secret by an unknown kid', 'accepted', 'key', 'accepted'],
    ['secret by the kid of the EC key', 'key', 'key', 'key'],
  ])('%s: any %s, kid %s, kid-or-secret %s', async (name, any, kid, kidOrSecret) => {
    const token = await tokens[name]
    expect(await reason(token, keys)).toBe(any)
    expect(await reason(token, keys, { keyChoice: 'kid' })).toBe(kid)
    expect(await reason(token, keys, { keyChoice: 'kid-or-secret' })).toBe(kidOrSecret)
  })
  test('of two keys of one type, the one that verifies', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
    expect(await reason(await tokens['EC without kid'], set(other, jwk('P-256', 'publicKey')))).toBe('accepted')
    expect(await reason(await tokens['EC without kid'], set(other))).toBe('signature')
  })
})

describe('keySetFrom', () => {
  test.each<[string, string, number]>([
    ['a JWKS', JSON.stringify({ keys: [jwk('RSA', 'publicKey'), jwk('P-256', 'publicKey')] }), 2],
    ['an array', JSON.stringify([jwk('RSA', 'privateKey'), { kty: 'oct', k: 'AAAA' }]), 2],
    ['one JWK', JSON.stringify(jwk('Ed25519', 'publicKey')), 1],
    [
      'a set with keys of unknown types and other uses',
      JSON.stringify({ keys: [{ kty: 'XX' }, jwk('RSA', 'publicKey', { use: 'enc' }), { kty: 'oct', k: 'AAAA' }] }),
      1,
    ],
    ['a secret', SECRET, 1],
    ['a secret that begins with a brace', '{not json, a secret of thirty-two characters', 1],
  ])('reads %s', (_, text, count) => {
    expect(keySetFrom(text).keys).toHaveLength(count)
  })
  test.each<[string, string]>([
    ['an empty secret', ''],
    ['an empty JWKS', '{"keys":[]}'],
    ['keys that are no array', '{"keys":"K3Y"}'],
    ['keys that are no objects', '["K3Y"]'],
    ['a JWK without its members', '{"kty":"EC","crv":"P-256","x":"K3Y"}'],
    ['an alg that does not fit', '{"kty":"oct","k":"K3Y","alg":"RS256"}'],
    ['an oct key without bytes', '{"kty":"oct"}'],
    ['a short RSA key', JSON.stringify(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }))],
  ])('refuses %s, without showing it', (_, text) => {
    expect(() => keySetFrom(text)).toThrow(KeySetError)
    expect(() => keySetFrom(text)).not.toThrow(/K3Y/)
  })
  test.each(['base64', 'base64url'] as const)('a secret in %s', async (encoding) => {
    const bytes = Buffer.from(Array.from({ length: 40 }, (_, i) => 255 - i))
    expect(await reason(hmac(HS256, {}, bytes), keySetFrom(bytes.toString(encoding), { base64: true }))).toBe('accepted')
  })
  test('a secret that should be base64 and is not', () => {
    expect(() => keySetFrom('not base64!', { base64: true })).toThrow(KeySetError)
  })
  test('only public halves are published, as GoTrue writes them', () => {
    const keys = keySetFrom(
      JSON.stringify([jwk('P-256', 'privateKey', { kid: 'ec', alg: 'ES256', key_ops: ['sign', 'verify'] }), { kty: 'oct', k: 'AAAA' }]),
    )
    const { x, y } = jwk('P-256', 'publicKey')
    expect(publicJwks(keys)).toEqual({
      keys: [{ kty: 'EC', kid: 'ec', use: 'sig', key_ops: ['verify'], alg: 'ES256', crv: 'P-256', x, y }],
    })
    expect(signingKeysOf(keys).map(({ kid, algorithm }) => [kid, algorithm])).toEqual([['ec', 'ES256']])
    expect(joinKeySets(keys, keySetFrom(SECRET)).keys).toHaveLength(3)
  })
  test('an RS256 token of another program verifies', async () => {
    const body = `${b64u({ alg: 'RS256', typ: 'JWT' })}.${b64u({ sub: 'x' })}`
    const token = `${body}.${createSign('RSA-SHA256').update(body).sign(rsa.privateKey, 'base64url')}`
    expect(await reason(token, set(jwk('RSA', 'publicKey')))).toBe('accepted')
  })
})

describe('cached', () => {
  test('knows a verified token until it expires', async () => {
    let now = 1_000_000
    const verifier = new JwtVerifier(keySetFrom(SECRET), { clockSkewSeconds: 30, now: () => now })
    const token = hmac(HS256, { exp: 1_010, role: 'anon' })
    expect(verifier.cached(token)).toBeUndefined()
    const claims = await verifier.verify(token)
    expect(verifier.cached(token)).toBe(claims)
    now = 1_040_000
    expect(verifier.cached(token)).toBe(claims)
    now = 1_040_001
    expect(verifier.cached(token)).toBeUndefined()
    expect(await reasonOf(verifier, token)).toBe('expired')
  })
  test('never knows a refused token', async () => {
    const verifier = new JwtVerifier(keySetFrom(SECRET))
    const token = hmac(HS256, {}, 'another-secret-of-thirty-two-characters')
    expect(await reasonOf(verifier, token)).toBe('signature')
    expect(verifier.cached(token)).toBeUndefined()
  })
  test('keeps the tokens in use when it is full', async () => {
    const verifier = new JwtVerifier(keySetFrom(SECRET), { cacheSize: 2 })
    const [first, second, third] = [1, 2, 3].map((n) => hmac(HS256, { n })) as [string, string, string]
    await verifier.verify(first)
    await verifier.verify(second)
    verifier.cached(first)
    await verifier.verify(third)
    expect([first, second, third].map((token) => verifier.cached(token)?.['n'])).toEqual([1, undefined, 3])
  })
  test('a size of 0 remembers nothing', async () => {
    const verifier = new JwtVerifier(keySetFrom(SECRET), { cacheSize: 0 })
    await verifier.verify(hmac(HS256, {}))
    expect(verifier.cached(hmac(HS256, {}))).toBeUndefined()
  })
})
