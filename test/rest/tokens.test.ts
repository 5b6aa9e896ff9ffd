// Who may ask: keys of every kind, sets of them, times, audiences, roles; and what the transaction is told.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Jwk, signingKeyFrom } from '../../src/jwt/keys.ts'
import { signJwt } from '../../src/jwt/sign.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { SECRET, startRest, type TestRest } from './harness.ts'

let postgres: TestPostgres
beforeAll(async () => {
  postgres = await startPostgres()
  const admin = await postgres.connect()
  await admin.query(readFileSync(new URL('./schema.sql', import.meta.url), 'utf8'))
  await admin.query(`create role "Web-Admin ü"; grant "Web-Admin ü" to authenticator; grant usage on schema api to "Web-Admin ü";
    create role stranger; create role serial_user; grant serial_user to authenticator; grant usage on schema api to serial_user;
    alter role serial_user set default_transaction_isolation = 'serializable'; alter role serial_user set work_mem = '5MB';
    create function api.setting(name text) returns text language sql stable as 'select current_setting(name, true)'`)
})
afterAll(async () => postgres?.[Symbol.asyncDispose]())

async function serving<T>(variables: Record<string, string>, act: (rest: TestRest) => Promise<T>): Promise<T> {
  await using rest = await startRest(postgres.url('authenticator'), variables)
  await vi.waitFor(() => rest.health(), 10_000)
  return await act(rest)
}
const bearer = (value: string) => ({ headers: { authorization: `Bearer ${value}` } })
const jwkOf = (type: 'rsa' | 'ec' | 'ed25519', more: Record<string, string>, curve = 'P-256'): Jwk => {
  const { privateKey } =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
      : type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: curve })
        : generateKeyPairSync('ed25519')
  return { ...privateKey.export({ format: 'jwk' }), ...more } as Jwk
}
const publicOf = ({ d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...rest }: Jwk): Jwk => rest

describe('a set of keys of every type', () => {
  const keys = {
    RS256: jwkOf('rsa', { kid: 'rs', alg: 'RS256' }),
    PS384: jwkOf('rsa', { kid: 'ps', alg: 'PS384' }),
    ES256: jwkOf('ec', { kid: 'es', alg: 'ES256' }),
    ES512: jwkOf('ec', { kid: 'es5', alg: 'ES512' }, 'P-521'),
    EdDSA: jwkOf('ed25519', { kid: 'ed' }),
    HS512: { kty: 'oct', k: randomBytes(64).toString('base64url'), alg: 'HS512', kid: 'hs' } as Jwk,
  }
  const other = jwkOf('ec', { kid: 'es' })
  const set = JSON.stringify({ keys: [...Object.values(keys).map(publicOf), { kty: 'future', kid: 'x' }] })
  let rest: TestRest
  beforeAll(async () => {
    rest = await startRest(postgres.url('authenticator'), { PGRST_JWT_SECRET: set })
    await vi.waitFor(() => rest.health(), 10_000)
  })
  afterAll(async () => rest?.[Symbol.asyncDispose]())

  test.each(Object.entries(keys))('%s is verified, with its kid or without', async (_, key) => {
    const signed = await signJwt({ role: 'web_user' }, signingKeyFrom(key))
    expect((await rest.call('GET', '/rpc/whoami', bearer(signed))).json.role).toBe('web_user')
    const { kid: _kid, ...nameless } = key
    const unnamed = await signJwt({ role: 'web_user', n: 2 }, signingKeyFrom(nameless as Jwk))
    expect((await rest.call('GET', '/rpc/whoami', bearer(unnamed))).json.role).toBe('web_user')
  })

  test.each([
    ['a key that has the id of another', other, 'None of the keys was able to decode the JWT'],
    ['an id that nobody has', { ...keys.ES256, kid: 'unknown' }, 'No suitable key was found to decode the JWT'],
    [
      'a shared secret where there is none of its kind',
      { kty: 'oct', k: randomBytes(32).toString('base64url') } as Jwk,
      'No suitable key was found to decode the JWT',
    ],
  ])('%s is refused', async (_, key, details) => {
    const answer = await rest.call('GET', '/clients', bearer(await signJwt({ role: 'web_user' }, signingKeyFrom(key))))
    expect([answer.status, answer.json]).toEqual([
      401,
      { code: 'PGRST301', details, hint: null, message: 'No suitable key or wrong key type' },
    ])
    expect(answer.headers.get('www-authenticate')).toBe(
      'Bearer error="invalid_token", error_description="No suitable key or wrong key type"',
    )
  })

  test('a public key is no secret: HS256 made with it is refused', async () => {
    const forged = await signJwt({ role: 'web_user' }, signingKeyFrom(JSON.stringify(publicOf(keys.RS256))))
    expect((await rest.call('GET', '/clients', bearer(forged))).status).toBe(401)
  })
})

test('times within half a minute are forgiven, beyond it refused, also for a token that was verified before', () =>
  serving({}, async (rest) => {
    const now = Math.floor(Date.now() / 1_000)
    for (const [claims, message] of [
      [{ exp: now - 20 }, undefined],
      [{ exp: now - 40 }, 'JWT expired'],
      [{ nbf: now + 20 }, undefined],
      [{ nbf: now + 60 }, 'JWT not yet valid'],
      [{ iat: now + 20 }, undefined],
      [{ iat: now + 60 }, 'JWT issued at future'],
      [{ exp: 'soon' }, "The JWT 'exp' claim must be a number"],
      [{ aud: [1] }, "The JWT 'aud' claim must be a string or an array of strings"],
    ] as const) {
      const { status, json } = await rest.call('GET', '/clients', { role: 'web_user', claims })
      expect([claims, status, json.message]).toEqual([claims, message === undefined ? 200 : 401, message])
    }
  }))

test('the audience has to be the configured one where the token names any', () =>
  serving({ PGRST_JWT_AUD: 'me' }, async (rest) => {
    for (const [aud, status] of [
      ['me', 200],
      [['you', 'me'], 200],
      [[], 200],
      [null, 200],
      ['you', 401],
      [['you'], 401],
    ] as const)
      expect([aud, (await rest.call('GET', '/clients', { role: 'web_user', claims: { aud } })).status]).toEqual([aud, status])
  }))

test('roles: odd names, foreign ones, none at all', () =>
  serving({}, async (rest) => {
    expect((await rest.call('GET', '/rpc/whoami', { role: 'Web-Admin ü' })).json).toMatchObject({
      role: 'Web-Admin ü',
      claims: { role: 'Web-Admin ü' },
    })
    for (const [role, status, code] of [
      ['nobody_of_this_name', 401, '22023'],
      ['stranger', 403, '42501'],
      ['none', 401, '22023'],
      ['', 401, '22023'],
      [['web_user'], 401, '22023'],
      [{}, 401, '22023'],
    ] as const) {
      const answer = await rest.call('GET', '/clients', { claims: { role } })
      expect([role, answer.status, answer.json.code]).toEqual([role, status, code])
    }
    const none = await rest.call('GET', '/rpc/whoami', { role: 'none' })
    expect(none.json).toEqual({ code: '22023', details: null, hint: null, message: 'role "none" does not exist' })
    expect((await rest.call('GET', '/rpc/whoami', { claims: { sub: 'x' } })).json.role).toBe('web_anon')
  }))

test('without an anonymous role, or with one called none, a request without a token is refused', async () => {
  await serving({ PGRST_DB_ANON_ROLE: '' }, async (rest) => {
    const answer = await rest.call('GET', '/clients')
    expect([answer.status, answer.json.code, answer.headers.get('www-authenticate')]).toEqual([401, 'PGRST302', 'Bearer'])
    expect((await rest.call('GET', '/clients', { role: 'web_user' })).status).toBe(200)
    expect((await rest.call('GET', '/clients', { claims: { sub: 'x' } })).json.code).toBe('PGRST302')
  })
  await serving({ PGRST_DB_ANON_ROLE: 'none' }, async (rest) => {
    expect((await rest.call('GET', '/rpc/whoami')).json.code).toBe('22023')
  })
})

test.each([
  ['$.app.roles[?search(@, "^web_u")]', { app: { roles: ['x', 'web_user'] } }, 'web_user'],
  ['.app.roles[?(@ ^== "web_u")]', { app: { roles: ['x', 'web_user'] } }, 'web_user'],
  ['$["https://x/role"]', { 'https://x/role': 'web_user' }, 'web_user'],
  ['$.aud[1]', { aud: ['x', 'web_user'] }, 'web_user'],
  ['$.missing', { role: 'web_user' }, 'web_anon'],
])('the role lies at %s', (path, claims, role) =>
  serving({ PGRST_JWT_ROLE_CLAIM_KEY: path }, async (rest) => {
    expect((await rest.call('GET', '/rpc/whoami', { claims })).json.role).toBe(role)
  }),
)

test('of several Authorization headers the first holds, and none of them breaks anything', () =>
  serving({}, async (rest) => {
    const good = await signJwt({ role: 'web_user' }, signingKeyFrom(SECRET))
    const ask = (values: readonly string[]): Promise<[number, string]> =>
      new Promise((resolve, reject) => {
        const req = request(`${rest.url}/rpc/whoami`, (res) => {
          let text = ''
          res.on('data', (chunk) => {
            text += chunk
          })
          res.on('end', () => resolve([res.statusCode!, text]))
        })
        req.setHeader('authorization', [...values])
        req.on('error', reject)
        req.end()
      })
    expect((await ask([`Bearer ${good}`, 'Bearer x']))[0]).toBe(200)
    expect((await ask(['Bearer x', `Bearer ${good}`]))[0]).toBe(401)
    expect(JSON.parse((await ask(['Basic eDp5']))[1]).role).toBe('web_anon')
    expect((await ask(['bearer']))[0]).toBe(401)
    expect((await ask([`BEARER   ${good}`]))[0]).toBe(200)
    for (const odd of ['Bearer a', 'Bearer ..', 'Bearer a.b.c.d.e', `Bearer ${'x'.repeat(9_000)}`, 'Bearer é.é.é'])
      expect([odd.slice(0, 20), (await ask([odd]))[0]]).toEqual([odd.slice(0, 20), 401])
  }))

test('the transaction is told of the request; settings of the role hold for it', () =>
  serving({ PGRST_APP_SETTINGS_Mixed_Case: 'kept' }, async (rest) => {
    const options = {
      role: 'serial_user',
      claims: { sub: 'x' },
      headers: { cookie: 'a=1; b="2"', 'x-Agent': 'ä', accept: 'application/json' },
    }
    const who = (await rest.call('GET', '/rpc/whoami', options)).json
    expect(who).toMatchObject({
      role: 'serial_user',
      method: 'GET',
      path: '/rpc/whoami',
      cookie: '1',
      claims: { sub: 'x', role: 'serial_user' },
    })
    const setting = async (name: string) => (await rest.call('GET', `/rpc/setting?name=${name}`, options)).json
    expect(await setting('transaction_isolation')).toBe('serializable')
    expect(await setting('work_mem')).toBe('5MB')
    expect(await setting('app.settings.Mixed_Case')).toBe('kept')
    expect(await setting('search_path')).toBe('"api", "public"')
    expect(JSON.parse(await setting('request.cookies'))).toEqual({ a: '1', b: '"2"' })
    expect(Object.keys(JSON.parse(await setting('request.headers')))).not.toContain('cookie')
    // Nothing of it is left on the connection for the next one.
    expect((await rest.call('GET', '/rpc/setting?name=work_mem')).json).not.toBe('5MB')
  }))
