import { describe, expect, test } from 'vitest'
import { type Jwk, keySetFrom, publicJwks, signingKeysOf } from '../jwt/keys.ts'
import { JwtVerifier } from '../jwt/verifier.ts'
import { demoSecretsIn, development, developmentApiKey, developmentSigningKey, localJwks, projectApiKey } from './development-keys.ts'
import { isOpaqueKey, jwtJwksOf, jwtKeysOf, makeApiKey, makeOpaqueKey, makeSigningKey, plainSecrets, signingJwkOf } from './keys.ts'

const SECRET = 'a-secret-of-at-least-thirty-two-characters'
const partsOf = (token: string) =>
  token
    .split('.')
    .slice(0, 2)
    .map((part) => Buffer.from(part, 'base64url').toString())

describe('secrets have upstream’s formats', () => {
  test.each<[keyof typeof plainSecrets, RegExp]>([
    ['POSTGRES_PASSWORD', /^[0-9a-f]{32}$/],
    ['JWT_SECRET', /^[A-Za-z0-9+/]{40}$/],
    ['DASHBOARD_PASSWORD', /^(?=.*[a-f])[0-9a-f]{32}$/],
    ['SECRET_KEY_BASE', /^[A-Za-z0-9+/]{64}$/],
    ['VAULT_ENC_KEY', /^[0-9a-f]{32}$/],
    ['PG_META_CRYPTO_KEY', /^[A-Za-z0-9+/]{32}$/],
    ['REALTIME_DB_ENC_KEY', /^[0-9a-f]{16}$/],
    ['LOGFLARE_PUBLIC_ACCESS_TOKEN', /^[A-Za-z0-9+/]{32}$/],
    ['LOGFLARE_PRIVATE_ACCESS_TOKEN', /^[A-Za-z0-9+/]{32}$/],
    ['S3_PROTOCOL_ACCESS_KEY_ID', /^[0-9a-f]{32}$/],
    ['S3_PROTOCOL_ACCESS_KEY_SECRET', /^[0-9a-f]{64}$/],
    ['MINIO_ROOT_PASSWORD', /^[0-9a-f]{32}$/],
  ])('%s is %s, and another each time', (name, format) => {
    const made = [plainSecrets[name](), plainSecrets[name]()]
    for (const value of made) expect(value).toMatch(format)
    expect(made[0]).not.toBe(made[1])
  })
})

describe('API keys', () => {
  test('are HS256 tokens with upstream’s claims in upstream’s order, for five years', async () => {
    const key = await makeApiKey('anon', SECRET, 1_700_000_000)
    expect(partsOf(key)).toEqual(['{"alg":"HS256","typ":"JWT"}', '{"role":"anon","iss":"supabase","iat":1700000000,"exp":1857680000}'])
  })
  test('opaque keys carry a checksum', () => {
    expect(makeOpaqueKey('publishable')).toMatch(/^sb_publishable_[\w-]{22}_[\w-]{8}$/)
    expect(isOpaqueKey(makeOpaqueKey('secret'))).toBe(true)
    expect(isOpaqueKey(makeOpaqueKey('secret').replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')))).toBe(false)
    // computed by hand: base64url(sha256("supabase-self-hosted|sb_secret_N7UND0UgjKTVK-Uodkm0Hg"))
    expect(isOpaqueKey('sb_secret_N7UND0UgjKTVK-Uodkm0Hg_vt7SKRPb')).toBe(true)
  })
})

describe('JWT_KEYS and JWT_JWKS', () => {
  const signing = makeSigningKey()
  const keys = jwtKeysOf(signing, SECRET)
  test('a signing key has the members that upstream writes, in its order', () => {
    expect(Object.keys(signing)).toEqual(['kty', 'kid', 'use', 'key_ops', 'alg', 'ext', 'crv', 'x', 'y', 'd'])
    expect(signing).toMatchObject({ kty: 'EC', use: 'sig', key_ops: ['sign', 'verify'], alg: 'ES256', ext: true, crv: 'P-256' })
    expect(Object.keys(makeSigningKey('RS256'))).toEqual(expect.arrayContaining(['kty', 'n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi']))
  })
  test('JWT_KEYS is an array of the private key and the secret; one of them signs', () => {
    expect(JSON.parse(keys)).toEqual([signing, { kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), alg: 'HS256' }])
    expect(signingKeysOf(keySetFrom(keys)).map(({ kid }) => kid)).toEqual([signing.kid])
    expect(signingJwkOf(keys)).toEqual(signing)
  })
  test('JWT_JWKS holds the public half and the secret, and verifies the tokens of both', async () => {
    const jwks = jwtJwksOf(keys, SECRET)
    const { kid, x, y } = signing
    expect(JSON.parse(jwks)).toEqual({
      keys: [
        { kty: 'EC', kid, use: 'sig', key_ops: ['verify'], alg: 'ES256', ext: true, crv: 'P-256', x, y },
        { kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), alg: 'HS256' },
      ],
    })
    const verifier = new JwtVerifier(keySetFrom(jwks))
    const now = Math.floor(Date.now() / 1_000)
    for (const key of [SECRET, signing])
      expect(await verifier.verify(await makeApiKey('service_role', key, now))).toMatchObject({ role: 'service_role' })
    expect(JSON.stringify(publicJwks(keySetFrom(keys)))).not.toContain('"oct"')
  })
  test('JWT_KEYS without the secret still gives a JWKS with it', () => {
    expect(JSON.parse(jwtJwksOf(JSON.stringify([signing]), SECRET)).keys.map(({ kty }: Jwk) => kty)).toEqual(['EC', 'oct'])
  })
})

describe('the development keys', () => {
  test('are what their secret signs', async () => {
    expect(await developmentApiKey('anon', development.jwtSecret)).toBe(development.anonKey)
    expect(await developmentApiKey('service_role', development.jwtSecret)).toBe(development.serviceRoleKey)
  })
  test('the signing key is a whole key, and its JWKS verifies the API keys too', async () => {
    const verifier = new JwtVerifier(keySetFrom(localJwks([developmentSigningKey], development.jwtSecret)))
    expect(await verifier.verify(await makeApiKey('anon', developmentSigningKey, 0 + Math.floor(Date.now() / 1_000)))).toMatchObject({
      role: 'anon',
    })
    expect(await verifier.verify(development.serviceRoleKey)).toMatchObject({ role: 'service_role' })
  })
  test('keys of a project that signs itself last ten years and need no secret', async () => {
    const own = makeSigningKey()
    const token = await projectApiKey('anon', own, 1_700_000_000)
    expect(partsOf(token)[1]).toBe('{"iss":"supabase-demo","role":"anon","exp":2015360000}')
    expect(JSON.parse(localJwks([own], undefined)).keys).toHaveLength(1)
  })
})

describe('demoSecretsIn', () => {
  test.each<[string, string, boolean]>([
    ['POSTGRES_PASSWORD', 'your-super-secret-and-long-postgres-password', true],
    ['POSTGRES_PASSWORD', 'postgres', true],
    ['JWT_SECRET', 'your-super-secret-jwt-token-with-at-least-32-characters-long', true],
    ['JWT_SECRET', development.jwtSecret, true],
    ['ANON_KEY', development.anonKey, true],
    [
      'SERVICE_ROLE_KEY',
      'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyAgCiAgICAicm9sZSI6ICJzZXJ2aWNlX3JvbGUiLAogICAgImlzcyI6ICJzdXBhYmFzZS1kZW1vIiwKICAgICJpYXQiOiAxNjQxNzY5MjAwLAogICAgImV4cCI6IDE3OTk1MzU2MDAKfQ.DaYlNEoUrrEn2Ig7tqibS-PHK5vgusbcbo7X36XVt4Q',
      true,
    ],
    ['DASHBOARD_PASSWORD', 'this_password_is_insecure_and_should_be_updated', true],
    ['JWT_KEYS', JSON.stringify([developmentSigningKey]), true],
    ['SUPABASE_SECRET_KEY', development.secretKey, true],
    ['S3_PROTOCOL_ACCESS_KEY_SECRET', development.s3AccessKeySecret, true],
    ['POSTGRES_PASSWORD', 'a password of my own', false],
    ['POSTGRES_PASSWORD', '', false],
    ['SMTP_PASS', 'postgres', false],
  ])('%s=%s: %s', (name, value, demo) => {
    expect(demoSecretsIn({ [name]: value })).toEqual(demo ? [name] : [])
  })
  test('nothing that is made here is a demo secret', async () => {
    const env: Record<string, string> = {}
    for (const [name, make] of Object.entries(plainSecrets)) env[name] = make()
    env['ANON_KEY'] = await makeApiKey('anon', env['JWT_SECRET']!, 1)
    env['SUPABASE_SECRET_KEY'] = makeOpaqueKey('secret')
    env['JWT_KEYS'] = jwtKeysOf(makeSigningKey(), env['JWT_SECRET']!)
    expect(demoSecretsIn(env)).toEqual([])
  })
})
