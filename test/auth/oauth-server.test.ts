// Other applications sign people in here: registration, consent, codes, tokens, and what becomes of them.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startAuthDatabase } from '../support/auth-database.ts'
import { claimsOf, type Json, JWT_SECRET, type Reply, rowsOf, signedIn, startAuth, type TestAuth } from '../support/auth-service.ts'
import type { TestPostgres } from '../support/postgres.ts'

const CALLBACK = 'https://client.example/cb'
let server: TestPostgres
let sql: Client
let auth: TestAuth
beforeAll(async () => {
  ;({ server, sql } = await startAuthDatabase('oauth'))
  auth = await start()
})
afterAll(async () => {
  await auth?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

const keys = JSON.stringify([
  {
    ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
    alg: 'ES256',
    kid: 'ec',
    key_ops: ['sign'],
  },
  { kty: 'oct', k: Buffer.from(JWT_SECRET).toString('base64url'), alg: 'HS256', kid: 'old', key_ops: ['verify'] },
])
const start = (variables: Record<string, string> = {}) =>
  startAuth(server, 'oauth', {
    GOTRUE_OAUTH_SERVER_ENABLED: 'true',
    GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: 'true',
    GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH: 'oauth/consent',
    GOTRUE_JWT_ISSUER: 'https://auth.example',
    GOTRUE_JWT_KEYS: keys,
    ...variables,
  })

const register = async (more: object = {}): Promise<Json> => {
  const { status, json } = await auth.admin('POST', '/admin/oauth/clients', { redirect_uris: [CALLBACK], client_name: 'App', ...more })
  expect(status).toBe(201)
  return json
}
const proof = () => {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' }
}
const ask = (client: Json, { verifier: _, ...challenge }: ReturnType<typeof proof>, more: Record<string, string> = {}) =>
  auth.call(
    'GET',
    `/oauth/authorize?${new URLSearchParams({ client_id: client.client_id, redirect_uri: CALLBACK, state: 's', ...challenge, ...more })}`,
  )
const idOf = (reply: Reply): string => new URL(reply.headers.get('location')!).searchParams.get('authorization_id')!
/** The person sees the request and agrees; the code that the client gets. */
async function agree(client: Json, user: Json, request: ReturnType<typeof proof>, more: Record<string, string> = {}): Promise<string> {
  const path = `/oauth/authorizations/${idOf(await ask(client, request, more))}`
  expect((await auth.call('GET', path, { token: user.access_token })).status).toBe(200)
  const { json } = await auth.call('POST', `${path}/consent`, { token: user.access_token, body: { action: 'approve' } })
  return new URL(json.redirect_url).searchParams.get('code')!
}
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const basic = (client: Json) => ({
  authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`,
})
const token = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
  auth.call('POST', '/oauth/token', { body: new URLSearchParams(fields).toString(), headers: { ...FORM, ...headers } })
const exchange = (client: Json, code: string, verifier: string, more: Record<string, string> = {}) =>
  token({ grant_type: 'authorization_code', code, code_verifier: verifier, ...more }, basic(client))

describe('a client that keeps a secret', () => {
  test('gets tokens for a code, an ID token for openid, and what its scopes open', async () => {
    const user = await signedIn(auth, { user_metadata: { name: 'Ann', avatar_url: 'https://pic.example', preferred_username: 'ann' } })
    const [client, request] = [await register(), proof()]
    const code = await agree(client, user, request, { scope: 'openid email profile', nonce: 'n-1' })
    const { status, json } = await exchange(client, code, request.verifier)
    expect(status).toBe(200)
    expect(Object.keys(json).sort()).toEqual(['access_token', 'expires_in', 'id_token', 'refresh_token', 'token_type'])
    expect(claimsOf(json.access_token)).toMatchObject({
      sub: user.id,
      client_id: client.client_id,
      scope: 'openid email profile',
      amr: [{ method: 'oauth_provider/authorization_code' }],
    })
    expect(claimsOf(json.id_token)).toMatchObject({
      iss: 'https://auth.example',
      sub: user.id,
      aud: client.client_id,
      client_id: client.client_id,
      nonce: 'n-1',
      email: user.email,
      email_verified: true,
      name: 'Ann',
      picture: 'https://pic.example',
      preferred_username: 'ann',
    })
    expect((await auth.call('GET', '/oauth/userinfo', { token: json.access_token })).json).toMatchObject({
      sub: user.id,
      email: user.email,
      email_verified: true,
      name: 'Ann',
      user_metadata: { name: 'Ann' },
    })
  })

  test('learns only what its scopes open', async () => {
    const user = await signedIn(auth)
    const [client, request] = [await register(), proof()]
    const { json } = await exchange(client, await agree(client, user, request, { scope: 'phone' }), request.verifier)
    expect(json).not.toHaveProperty('id_token')
    expect((await auth.call('GET', '/oauth/userinfo', { token: json.access_token })).json).toEqual({ sub: user.id })
    expect((await auth.call('GET', '/oauth/userinfo', { token: user.access_token })).json).toEqual({ sub: user.id })
    expect((await auth.call('GET', '/oauth/userinfo')).status).toBe(401)
  })

  test('refreshes its session, and nobody else does', async () => {
    const user = await signedIn(auth)
    const [client, other, request] = [await register(), await register(), proof()]
    const { json } = await exchange(client, await agree(client, user, request), request.verifier)
    const refresh = (by: Json, refresh_token: string) => token({ grant_type: 'refresh_token', refresh_token }, basic(by))
    expect((await refresh(other, json.refresh_token)).json).toEqual({
      error: 'invalid_client',
      error_description: "Client does not match the session's OAuth client",
    })
    expect((await refresh(client, user.refresh_token)).json.error_description).toBe(
      'Client authentication not allowed for non-OAuth session',
    )
    const plain = await auth.call('POST', '/token?grant_type=refresh_token', { body: { refresh_token: json.refresh_token } })
    expect(plain.json.error_description).toBe('Client authentication required for OAuth session')
    const next = await refresh(client, json.refresh_token)
    expect(claimsOf(next.json.access_token)).toMatchObject({ client_id: client.client_id, scope: 'email' })
    expect(next.json).not.toHaveProperty('user')
  })

  test('of twenty exchanges of one code, one succeeds', async () => {
    const user = await signedIn(auth)
    const [client, request] = [await register(), proof()]
    const code = await agree(client, user, request)
    const replies = await Promise.all(Array.from({ length: 20 }, () => exchange(client, code, request.verifier)))
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(new Set(replies.filter(({ status }) => status !== 200).map(({ json }) => json.error_description))).toEqual(
      new Set(['Invalid authorization code']),
    )
  })

  test.each([
    ['a wrong verifier', { code_verifier: 'x'.repeat(50) }, /^PKCE verification failed: code challenge does not match/],
    ['no verifier', { code_verifier: '' }, /^PKCE verification failed: code_verifier is required/],
    ['another address', { redirect_uri: 'https://evil.example' }, /^Invalid redirect_uri$/],
    ['a code of nobody', { code: 'x' }, /^Invalid authorization code$/],
    ['no code', { code: '' }, /^code is required/],
  ])('%s gets no token', async (_what, fields, words) => {
    const user = await signedIn(auth)
    const [client, request] = [await register(), proof()]
    const code = await agree(client, user, request)
    const reply = await exchange(client, code, request.verifier, fields)
    expect(reply.status).toBe(400)
    expect(reply.json.error_description).toMatch(words)
  })

  test('a code that has lain too long, and one of a banned person', async () => {
    const user = await signedIn(auth)
    const [client, request] = [await register(), proof()]
    const code = await agree(client, user, request)
    await sql.query(
      `update auth.oauth_authorizations set created_at = now() - interval '1 hour', expires_at = now() - interval '1 second' where authorization_code = $1`,
      [code],
    )
    expect((await exchange(client, code, request.verifier)).json.error_description).toBe('Authorization code has expired')
    const second = proof()
    const again = new URL(
      (await auth.call('GET', `/oauth/authorizations/${idOf(await ask(client, second))}`, { token: user.access_token })).json.redirect_url,
    )
    await sql.query(`update auth.users set banned_until = now() + interval '1 hour' where id = $1`, [user.id])
    expect((await exchange(client, again.searchParams.get('code')!, second.verifier)).json).toEqual({
      error: 'access_denied',
      error_description: 'User is banned',
    })
  })

  test('shows its secret the way it is registered for', async () => {
    const client = await register({ token_endpoint_auth_method: 'client_secret_post' })
    const { client_id, client_secret } = client
    const grant_type = 'refresh_token'
    expect((await token({ grant_type }, basic(client))).json.msg).toBe(
      "invalid authentication method: client is registered for 'client_secret_post' but 'client_secret_basic' was used",
    )
    expect((await token({ grant_type, client_id, client_secret: 'wrong' })).json.msg).toBe('invalid client credentials')
    expect((await token({ grant_type, client_id, client_secret })).json.error_description).toMatch(/^refresh_token is required/)
    const json = { body: { grant_type: '', client_id, client_secret }, headers: { 'content-type': 'application/json' } }
    expect((await auth.call('POST', '/oauth/token', json)).json).toEqual({
      error: 'invalid_request',
      error_description: 'grant_type is required',
    })
    for (const authorization of ['Basic !!!', `Basic ${Buffer.from('no-colon').toString('base64')}`])
      expect((await token({ grant_type }, { authorization })).json).toMatchObject({ error_code: 'invalid_credentials' })
  })

  test('uses the grants it is registered for', async () => {
    const client = await register({ grant_types: ['authorization_code'] })
    expect((await token({ grant_type: 'refresh_token', refresh_token: 'x' }, basic(client))).json).toEqual({
      error: 'unsupported_grant_type',
      error_description: 'Client is not allowed to use grant type: refresh_token',
    })
  })
})

test('a public client registers itself and needs no secret but its verifier', async () => {
  const body = { redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' }
  const { status, json: client } = await auth.call('POST', '/oauth/clients/register', { body })
  expect([status, client.client_type, client.registration_type, 'client_secret' in client]).toEqual([201, 'public', 'dynamic', false])
  const [user, request] = [await signedIn(auth), proof()]
  const code = await agree(client, user, request)
  const fields = { grant_type: 'authorization_code', code, client_id: client.client_id, code_verifier: request.verifier }
  expect((await token({ ...fields, client_secret: 'x' })).json.msg).toContain("but 'client_secret_post' was used")
  expect((await token(fields)).status).toBe(200)
  expect((await auth.admin('POST', `/admin/oauth/clients/${client.client_id}/regenerate_secret`)).json.msg).toBe(
    'Cannot regenerate secret for public client',
  )
})

describe('the person', () => {
  test('is asked once, sees what was granted, and takes it back: the client’s sessions end', async () => {
    const user = await signedIn(auth)
    const [client, request] = [await register(), proof()]
    const { json } = await exchange(client, await agree(client, user, request), request.verifier)
    const again = await auth.call('GET', `/oauth/authorizations/${idOf(await ask(client, proof()))}`, { token: user.access_token })
    expect(again.json.redirect_url).toMatch(/^https:\/\/client\.example\/cb\?code=.+&state=s$/)
    const wider = await auth.call('GET', `/oauth/authorizations/${idOf(await ask(client, proof(), { scope: 'email phone' }))}`, {
      token: user.access_token,
    })
    expect(wider.json).toMatchObject({ scope: 'email phone', client: { id: client.client_id, name: 'App' }, redirect_uri: CALLBACK })
    expect((await auth.call('GET', '/user/oauth/grants', { token: user.access_token })).json).toMatchObject([
      { client: { id: client.client_id, name: 'App' }, scopes: ['email'] },
    ])
    const revoke = () => auth.call('DELETE', `/user/oauth/grants?client_id=${client.client_id}`, { token: user.access_token })
    expect((await revoke()).status).toBe(204)
    expect((await auth.call('GET', '/user', { token: json.access_token })).json.error_code).toBe('session_not_found')
    expect((await token({ grant_type: 'refresh_token', refresh_token: json.refresh_token }, basic(client))).status).toBe(400)
    expect((await revoke()).json).toMatchObject({ code: 404, error_code: 'oauth_consent_not_found' })
    expect((await auth.call('DELETE', '/user/oauth/grants', { token: user.access_token })).json.msg).toBe(
      'client_id query parameter is required',
    )
  })

  test('of twenty answers to one request, one counts', async () => {
    const [user, client] = [await signedIn(auth), await register()]
    const path = `/oauth/authorizations/${idOf(await ask(client, proof()))}`
    await auth.call('GET', path, { token: user.access_token })
    const decide = () => auth.call('POST', `${path}/consent`, { token: user.access_token, body: { action: 'approve' } })
    const replies = await Promise.all(Array.from({ length: 20 }, decide))
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect((await decide()).json.msg).toBe('authorization request is no longer pending')
  })

  test('is not asked by other pages, nor for somebody else, nor too late', async () => {
    const [ann, bob, client] = [await signedIn(auth), await signedIn(auth), await register()]
    const id = idOf(await ask(client, proof()))
    const path = `/oauth/authorizations/${id}`
    const open = (who: Json, origin?: string) =>
      auth.call('GET', path, { token: who.access_token, ...(origin ? { headers: { origin } } : {}) })
    expect((await open(ann, 'https://evil.example')).json.msg).toBe('unauthorized request origin')
    expect((await open(ann, 'https://app.example')).status).toBe(200)
    expect((await open(bob)).json.error_code).toBe('oauth_authorization_not_found')
    await sql.query(
      `update auth.oauth_authorizations set created_at = now() - interval '1 hour', expires_at = now() - interval '1 second' where authorization_id = $1`,
      [id],
    )
    expect((await open(ann)).json.error_code).toBe('oauth_authorization_not_found')
    expect(await rowsOf(sql, 'select status from auth.oauth_authorizations where authorization_id = $1', [id])).toEqual([
      { status: 'expired' },
    ])
  })

  test('is not sent to an address that is not registered', async () => {
    const client = await register()
    for (const redirect_uri of [
      'https://client.example/cb/',
      'https://client.example/cb?x',
      'https://evil.example/cb',
      'HTTPS://client.example/cb',
    ])
      expect(await ask(client, proof(), { redirect_uri })).toMatchObject({ status: 400, json: { msg: 'invalid redirect_uri' } })
    const refused = await ask(client, { ...proof(), code_challenge: '' })
    expect(refused.headers.get('location')).toMatch(/^https:\/\/client\.example\/cb\?error=invalid_request&/)
    const long = await ask(client, proof(), { state: 's'.repeat(5_000) })
    expect(long.headers.get('location')).toContain('error=server_error&error_description=error+creating+authorization')
  })
})

test('a deleted client is gone everywhere', async () => {
  const [user, client, request] = [await signedIn(auth), await register(), proof()]
  const code = await agree(client, user, request)
  const path = `/admin/oauth/clients/${client.client_id}`
  expect((await auth.admin('DELETE', path)).status).toBe(204)
  expect((await auth.admin('GET', path)).json).toMatchObject({ code: 404, msg: 'OAuth client not found' })
  expect((await exchange(client, code, request.verifier)).json.msg).toBe('Invalid client credentials')
  expect((await ask(client, proof())).json.error_code).toBe('oauth_client_not_found')
  expect((await auth.call('GET', '/user/oauth/grants', { token: user.access_token })).json).toEqual([])
  expect((await auth.admin('GET', '/admin/oauth/clients/x')).json.msg).toBe('invalid client_id format')
  expect((await auth.admin('POST', '/admin/oauth/clients', '{')).json).toMatchObject({ error_code: 'bad_json', msg: 'Invalid JSON body' })
})

test('where the feature or self-registration is off, its routes say so', async () => {
  await using off = await start({ GOTRUE_OAUTH_SERVER_ENABLED: 'false' })
  const expected = { status: 404, json: { error_code: 'feature_disabled', msg: 'OAuth server is disabled' } }
  expect(await off.call('GET', '/oauth/authorize')).toMatchObject(expected)
  expect(await off.call('POST', '/oauth/token')).toMatchObject(expected)
  expect(await off.call('GET', '/oauth/userinfo')).toMatchObject(expected)
  expect(await off.call('GET', '/.well-known/oauth-authorization-server')).toMatchObject(expected)
  expect(await off.admin('GET', '/admin/oauth/clients')).toMatchObject(expected)
  expect((await off.call('GET', '/admin/oauth/clients')).status).toBe(401)
  await using closed = await start({ GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: 'false' })
  expect(await closed.call('POST', '/oauth/clients/register', { body: {} })).toMatchObject({
    status: 403,
    json: { error_code: 'oauth_dynamic_client_registration_disabled' },
  })
})

test('ID tokens are not signed with the shared secret', async () => {
  await using plain = await start({ GOTRUE_JWT_KEYS: '' })
  const [user, client, request] = [await signedIn(plain), await register(), proof()]
  const code = await agree(client, user, request, { scope: 'openid' })
  const body = new URLSearchParams({ grant_type: 'authorization_code', code, code_verifier: request.verifier }).toString()
  expect(await plain.call('POST', '/oauth/token', { body, headers: { ...FORM, ...basic(client) } })).toMatchObject({
    status: 500,
    json: { msg: 'Error generating ID token' },
  })
})
