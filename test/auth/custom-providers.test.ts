// Providers that an administrator adds, from outside: what is accepted, what is shown, and where a person is sent. No request leaves here.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startAuthDatabase } from '../support/auth-database.ts'
import { startAuth, type TestAuth } from '../support/auth-service.ts'
import type { TestPostgres } from '../support/postgres.ts'

let server: TestPostgres
let auth: TestAuth
let off: TestAuth
beforeAll(async () => {
  ;({ server } = await startAuthDatabase('custom'))
  auth = await startAuth(server, 'custom', { GOTRUE_CUSTOM_OAUTH_MAX_PROVIDERS: '2' })
  off = await startAuth(server, 'custom', { GOTRUE_CUSTOM_OAUTH_ENABLED: 'false' })
})
afterAll(async () => {
  await auth?.[Symbol.asyncDispose]()
  await off?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

const acme = {
  provider_type: 'oauth2',
  identifier: 'custom:acme',
  name: 'Acme',
  client_id: 'the client',
  client_secret: 'its secret',
  scopes: ['read', 'mail'],
  authorization_url: 'https://1.1.1.1/authorize?tenant=1',
  token_url: 'https://1.1.1.1/token',
  userinfo_url: 'https://1.1.1.1/me',
  authorization_params: { prompt: 'login' },
}
const oidc = { ...acme, provider_type: 'oidc', identifier: 'custom:oidc', issuer: 'https://127.0.0.1' }

test('a provider is made, shown without its secret, changed, used and deleted', async () => {
  const made = await auth.admin('POST', '/admin/custom-providers', acme)
  expect(made.status, made.text).toBe(201)
  const { client_secret: _secret, ...shown } = acme
  expect(made.json).toMatchObject({ ...shown, enabled: true, pkce_enabled: true, email_optional: false, acceptable_client_ids: [] })
  expect(made.text).not.toContain('its secret')
  expect((await auth.admin('GET', '/admin/custom-providers?type=oauth2')).json.providers).toHaveLength(1)
  expect((await auth.admin('GET', '/admin/custom-providers?type=oidc')).json).toEqual({ providers: [] })

  const begun = await auth.call('GET', '/authorize?provider=custom:acme&scopes=extra%20more')
  expect(begun.status, begun.text).toBe(302)
  const url = new URL(begun.headers.get('location')!)
  expect(url.origin + url.pathname).toBe('https://1.1.1.1/authorize')
  expect(Object.fromEntries(url.searchParams)).toEqual({
    tenant: '1',
    client_id: 'the client',
    redirect_uri: 'http://auth.test/callback',
    response_type: 'code',
    scope: 'extra more',
    prompt: 'login',
    state: expect.any(String),
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge_method: 'S256',
  })
  const changed = await auth.admin('PUT', '/admin/custom-providers/custom:acme', { enabled: false, name: 'Acme 2', identifier: 'ignored' })
  expect(changed.json).toMatchObject({ name: 'Acme 2', enabled: false, identifier: 'custom:acme' })
  expect((await auth.call('GET', '/authorize?provider=custom:acme')).json.msg).toBe(
    'Unsupported provider: custom provider custom:acme is disabled',
  )
  expect((await auth.admin('DELETE', '/admin/custom-providers/custom:acme')).status).toBe(204)
  expect((await auth.admin('GET', '/admin/custom-providers/custom:acme')).json).toMatchObject({
    code: 404,
    error_code: 'custom_provider_not_found',
  })
  expect((await auth.call('GET', '/authorize?provider=custom:acme')).json.msg).toBe(
    'Unsupported provider: custom provider custom:acme not found',
  )
})

test.each<[object, string]>([
  [{ provider_type: 'x' }, "provider_type must be either 'oauth2' or 'oidc'"],
  [{ identifier: '' }, 'identifier is required'],
  [{ identifier: 'acme' }, "identifier must start with 'custom:' prefix, e.g. 'custom:acme'"],
  [{ name: '' }, 'name is required'],
  [{ client_secret: '' }, 'client_secret is required'],
  [{ token_url: '' }, 'token_url is required for OAuth2 providers'],
  [{ ...oidc, issuer: '' }, 'issuer is required for OIDC providers'],
  [{ authorization_params: { state: 'x' } }, 'Cannot override reserved OAuth parameter: state'],
  [{ authorization_params: { prompt: 1 } }, 'Authorization parameter "prompt" must be a string'],
  [{ attribute_mapping: { role: 'name' } }, 'Cannot map to protected system field: role'],
  [{ custom_claims_allowlist: [' '] }, 'custom_claims_allowlist entries must be non-empty strings'],
  [{ token_url: 'http://1.1.1.1/token' }, 'URL must use HTTPS'],
  [{ token_url: 'https://localhost/token' }, 'URL cannot point to localhost or loopback addresses'],
  [{ userinfo_url: 'https://169.254.169.254/me' }, 'URL cannot resolve to link-local addresses'],
  [{ userinfo_url: 'https://[::ffff:10.0.0.1]/me' }, 'URL cannot resolve to private network addresses'],
  [{ ...oidc, issuer: 'https://10.0.0.1' }, 'URL cannot resolve to private network addresses'],
  [{ ...oidc, issuer: 'https://1.1.1.1', discovery_url: 'https://127.0.0.9/x' }, 'URL cannot resolve to loopback addresses'],
])('%j is refused: %s', async (change, words) => {
  const answer = await auth.admin('POST', '/admin/custom-providers', { ...acme, ...change })
  expect([answer.status, answer.json.msg]).toEqual([400, words])
})

test('an identifier is taken once, and there are only so many', async () => {
  expect((await auth.admin('POST', '/admin/custom-providers', acme)).status).toBe(201)
  expect((await auth.admin('POST', '/admin/custom-providers', acme)).json).toMatchObject({ code: 400, error_code: 'conflict' })
  expect((await auth.admin('POST', '/admin/custom-providers', { ...acme, identifier: 'custom:b' })).status).toBe(201)
  const third = await auth.admin('POST', '/admin/custom-providers', { ...acme, identifier: 'custom:c' })
  expect(third.json).toMatchObject({ code: 400, error_code: 'over_custom_provider_quota' })
})

test('where they are off nothing of them is there, and only administrators see them at all', async () => {
  expect((await off.admin('GET', '/admin/custom-providers')).json).toMatchObject({ code: 404, error_code: 'feature_disabled' })
  expect((await off.call('GET', '/authorize?provider=custom:acme')).json.msg).toBe(
    'Unsupported provider: custom OAuth providers are disabled',
  )
  expect((await auth.call('GET', '/admin/custom-providers')).status).toBe(401)
})
