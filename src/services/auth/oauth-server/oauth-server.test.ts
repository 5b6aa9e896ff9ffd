import { expect, test } from 'vitest'
import { readEnv } from '../../../env/read.ts'
import { authEnv } from '../env.ts'
import type { OAuthClient } from '../tables/oauth-clients.ts'
import { errorRedirect, readAuthorizationRequest, requestProblem } from './authorization-request.ts'
import { acceptChange, acceptRegistration, clientChange, isSecret, newSecret, registration, secretHash } from './clients.ts'
import { redirectUriProblem } from './redirect-uri.ts'
import { coversScopes, parseScopes, scopeProblem } from './scopes.ts'

test.each([
  ['https://app.example/cb', undefined],
  ['https://app.example', undefined],
  ['https://app.example:8443/cb?x=1', undefined],
  ['http://localhost:3000/cb', undefined],
  ['http://127.0.0.1/cb', undefined],
  ['http://[::1]:3000/cb', undefined],
  ['cursor://anysphere.cursor-mcp/oauth', undefined],
  ['myapp://callback', undefined],
  ['', 'redirect URI cannot be empty'],
  ['/relative', 'must have scheme and host'],
  ['app.example/cb', 'must have scheme and host'],
  ['https:///path', 'must have scheme and host'],
  ['mailto:a@b.example', 'must have scheme and host'],
  ['javascript:alert(1)', 'must have scheme and host'],
  ['JavaScript://x/%0aalert(1)', "scheme 'javascript' is not allowed for security reasons"],
  ['data://text/html', "scheme 'data' is not allowed for security reasons"],
  ['http://evil.example/cb', 'HTTP scheme only allowed for localhost'],
  ['http://localhost.evil.example/cb', 'HTTP scheme only allowed for localhost'],
  ['http://localhost@evil.example/cb', 'HTTP scheme only allowed for localhost'],
  ['https://app.example/cb#frag', 'fragment not allowed in redirect URI'],
  ['https://app.example/\ncb', 'invalid URL format'],
  ['https://app.example/%zz', 'invalid URL format'],
])('redirectUriProblem(%j) is %j', (uri, problem) => expect(redirectUriProblem(uri)).toBe(problem))

test.each([
  ['email', undefined],
  ['openid email  profile phone offline_access', undefined],
  ['', 'scope parameter is required'],
  ['   ', 'scope parameter cannot be empty'],
  ['email root', 'unsupported scope: root'],
  ['constructor', 'unsupported scope: constructor'],
])('scopeProblem(%j) is %j', (scope, problem) => expect(scopeProblem(scope)).toBe(problem))

test('scopes are compared as sets', () => {
  expect(parseScopes(' email openid email ')).toEqual(['email', 'openid'])
  expect(coversScopes('openid email', 'email')).toBe(true)
  expect(coversScopes('email', 'email profile')).toBe(false)
})

const env = readEnv(authEnv, {
  DATABASE_URL: 'postgresql://x',
  GOTRUE_SITE_URL: 'https://app.example',
  GOTRUE_JWT_SECRET: 'secret',
  API_EXTERNAL_URL: 'https://api.example',
})
const problem = (query: Record<string, string>) =>
  requestProblem(
    readAuthorizationRequest(new URLSearchParams({ code_challenge: 'c'.repeat(43), code_challenge_method: 'S256', ...query }), env),
  )
test.each([
  [{}, undefined],
  [{ code_challenge_method: 'PLAIN' }, undefined],
  [{ response_type: 'token' }, 'only response_type=code is supported'],
  [{ scope: 'nope' }, 'unsupported scope: nope'],
  [{ resource: 'https://api.example/mcp' }, undefined],
  [{ resource: 'api.example' }, 'resource must be an absolute URI'],
  [{ resource: 'https://api.example#x' }, 'resource must not include a fragment component'],
  [{ resource: 'https://api.example?x=1' }, 'resource must not include a query component'],
  [{ code_challenge: '' }, 'PKCE flow requires both code_challenge and code_challenge_method'],
  [{ code_challenge_method: 'S512' }, "code_challenge_method must be 'S256' or 'plain'"],
  [{ code_challenge: 'c'.repeat(129) }, 'code_challenge must be between 43 and 128 characters'],
])('an authorization request with %j: %j', (query, expected) => expect(problem(query)).toBe(expected))

test('an error goes to the address of the client, whose own parameters stay', () => {
  expect(errorRedirect('https://c.example/cb?own=1', 'access_denied', 'No & no', 's')).toBe(
    'https://c.example/cb?error=access_denied&error_description=No+%26+no&own=1&state=s',
  )
})

const register = (params: object) =>
  acceptRegistration(registration.parse({ redirect_uris: ['https://c.example/cb'], ...params }), 'manual')
test.each([
  [{}, 'confidential', 'client_secret_basic'],
  [{ token_endpoint_auth_method: 'none' }, 'public', 'none'],
  [{ client_type: 'public' }, 'public', 'none'],
  [{ token_endpoint_auth_method: 'client_secret_post' }, 'confidential', 'client_secret_post'],
  [{ client_type: 'confidential', token_endpoint_auth_method: 'client_secret_basic' }, 'confidential', 'client_secret_basic'],
])('a registration with %j makes a %s client that uses %s', (params, type, authMethod) => {
  expect(register(params)).toMatchObject({ type, authMethod, grantTypes: ['authorization_code', 'refresh_token'] })
})
test.each([
  [{ redirect_uris: [] }, 'redirect_uris is required'],
  [{ redirect_uris: Array.from({ length: 11 }, (_, i) => `https://c${i}.example/`) }, 'redirect_uris cannot exceed 10 items'],
  [{ redirect_uris: ['http://c.example/'] }, "invalid redirect_uri 'http://c.example/': HTTP scheme only allowed for localhost"],
  [{ redirect_uris: ['https://c.example/,https://evil.example/'] }, 'comma not allowed'],
  [{ grant_types: ['password'] }, "grant_types must only contain 'authorization_code' and/or 'refresh_token'"],
  [{ client_name: 'x'.repeat(1025) }, 'client_name cannot exceed 1024 characters'],
  [{ client_uri: 'no url' }, 'client_uri must be a valid URL'],
  [{ logo_uri: `https://${'x'.repeat(2048)}` }, 'logo_uri cannot exceed 2048 characters'],
  [{ client_type: 'secret' }, "client_type must be 'public' or 'confidential'"],
  [
    { token_endpoint_auth_method: 'private_key_jwt' },
    'token_endpoint_auth_method must be one of: [none client_secret_basic client_secret_post]',
  ],
  [
    { client_type: 'public', token_endpoint_auth_method: 'client_secret_basic' },
    "client_type 'public' is inconsistent with token_endpoint_auth_method 'client_secret_basic' (expected client_type 'confidential')",
  ],
])('a registration with %j is refused: %s', (params, words) => expect(() => register(params)).toThrow(words))

const client = {
  id: 'c',
  type: 'public',
  authMethod: 'none',
  name: 'A',
  uri: '',
  logoUri: '',
  redirectUris: ['https://c.example/cb'],
  grantTypes: ['authorization_code'],
} as unknown as OAuthClient
test('a change names what changes', () => {
  const change = (params: object) => acceptChange(client, clientChange.parse(params))
  expect(change({ client_name: 'B' })).toEqual({ ...client, name: 'B' })
  expect(change({ client_name: '' })).toEqual({ ...client, name: '' })
  expect(() => change({})).toThrow('No fields provided for update')
  expect(() => change({ redirect_uris: [] })).toThrow('redirect_uris cannot be empty')
  expect(() => change({ grant_types: [] })).toThrow('grant_types cannot be empty')
  expect(() => change({ token_endpoint_auth_method: 'x' })).toThrow('invalid token_endpoint_auth_method: must be one of')
  expect(() => change({ token_endpoint_auth_method: 'client_secret_post' })).toThrow(
    "token_endpoint_auth_method 'client_secret_post' is not valid for client_type 'public'; valid methods: [none]",
  )
})

test('a secret fits its hash alone', () => {
  const secret = newSecret()
  expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect([isSecret(secret, secretHash(secret)), isSecret('other', secretHash(secret)), isSecret('', '')]).toEqual([true, false, false])
})
