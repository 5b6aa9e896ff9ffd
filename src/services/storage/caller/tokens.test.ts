import { createHmac, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readEnv } from '../../../env/read.ts'
import { signJwt } from '../../../jwt/sign.ts'
import { storageEnv } from '../env.ts'
import { Tokens } from './tokens.ts'

const SECRET = 'a-secret-of-more-than-thirty-two-characters'
const tokensWith = (more: Record<string, string> = {}): Tokens =>
  new Tokens(readEnv(storageEnv, { DATABASE_URL: 'postgresql://x', STORAGE_BACKEND: 'file', AUTH_JWT_SECRET: SECRET, ...more }))
const now = Math.floor(Date.now() / 1_000)

describe('a caller', () => {
  test.each<[Record<string, unknown>, object]>([
    [
      { role: 'authenticated', sub: 'me' },
      { role: 'authenticated', owner: 'me' },
    ],
    [{ sub: 'me' }, { role: 'anon', owner: 'me' }],
    [{ role: 5 }, { role: 'anon', owner: undefined }],
  ])('%j is %j', async (claims, caller) => {
    const token = await signJwt(claims, SECRET)
    expect(await tokensWith().caller(`bEaReR ${token}`)).toMatchObject({ ...caller, token })
  })
  test.each<[string, () => string | Promise<string>, string]>([
    ['garbage', () => 'garbage', 'Invalid Compact JWS'],
    ['nothing', () => '', 'Invalid Compact JWS'],
    ['another secret', () => signJwt({}, 'another-secret-of-more-than-thirty-two'), 'signature verification failed'],
    ['over', () => signJwt({ exp: 1_000 }, SECRET), '"exp" claim timestamp check failed'],
    ['not yet', () => signJwt({ nbf: now + 1_000 }, SECRET), '"nbf" claim timestamp check failed'],
  ])('%s is refused in the words of upstream', async (_, token, message) => {
    await expect(tokensWith().caller(`Bearer ${await token()}`)).rejects.toMatchObject({ code: 'AccessDenied', message })
  })
  test('none of another algorithm than the key is for', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwk = publicKey.export({ format: 'jwk' })
    const tokens = tokensWith({ JWT_JWKS: JSON.stringify({ keys: [{ ...jwk, kid: 'one', alg: 'ES256' }] }) })
    // Signed with the public key's text as if it were a secret.
    const body = [{ alg: 'HS256', kid: 'one' }, { role: 'service_role' }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const forged = `${body}.${createHmac('sha256', JSON.stringify(jwk)).update(body).digest('base64url')}`
    await expect(tokens.caller(`Bearer ${forged}`)).rejects.toMatchObject({ code: 'AccessDenied' })
  })
})

describe('signed URLs', () => {
  test('the header is alg alone, and what was signed is read again', async () => {
    const tokens = tokensWith()
    const token = tokens.signUrl({ url: 'b/a', scope: 'download' }, 60)
    expect(Buffer.from(token.split('.')[0]!, 'base64url').toString()).toBe('{"alg":"HS256"}')
    expect(await tokens.urlClaims(token)).toMatchObject({ url: 'b/a', scope: 'download' })
  })
  test('the signing key for URLs is used where there is one; tokens from before still hold', async () => {
    const urlSigningKey = {
      kty: 'oct',
      k: Buffer.from('another key, of thirty-two characters').toString('base64url'),
      kid: 'urls',
      alg: 'HS512',
    }
    const tokens = tokensWith({ JWT_JWKS: JSON.stringify({ keys: [], urlSigningKey }) })
    const token = tokens.signUrl({ url: 'b/a' }, 60)
    expect(Buffer.from(token.split('.')[0]!, 'base64url').toString()).toBe('{"alg":"HS512","kid":"urls"}')
    expect(await tokens.urlClaims(token)).toMatchObject({ url: 'b/a' })
    expect(await tokens.urlClaims(tokensWith().signUrl({ url: 'b/a' }, 60))).toMatchObject({ url: 'b/a' })
    await expect(tokensWith().urlClaims(token)).rejects.toMatchObject({ code: 'InvalidJWT' })
    // A key for URLs makes nobody a caller.
    await expect(tokens.caller(`Bearer ${tokens.signUrl({ role: 'service_role' }, 60)}`)).rejects.toMatchObject({ code: 'AccessDenied' })
  })
})
