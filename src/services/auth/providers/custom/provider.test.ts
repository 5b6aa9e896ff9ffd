import { expect, test } from 'vitest'
import type { AuthState } from '../../state.ts'
import { identityData } from '../claims.ts'
import type { OAuthProvider, ProfileClient } from '../provider.ts'
import { openCustomProvider } from './provider.ts'

const row = {
  id: 'i',
  provider_type: 'oauth2',
  identifier: 'custom:acme',
  client_id: 'id',
  client_secret: 'sealed',
  acceptable_client_ids: [],
  scopes: ['a'],
  pkce_enabled: false,
  attribute_mapping: {},
  custom_claims_allowlist: [],
  authorization_params: {},
  enabled: true,
  email_optional: true,
  authorization_url: 'https://acme.example/authorize',
  token_url: 'https://acme.example/token',
  userinfo_url: 'https://acme.example/me',
}
const open = (change: object = {}) =>
  openCustomProvider(
    {
      env: {
        GOTRUE_CUSTOM_OAUTH_ENABLED: true,
        GOTRUE_CUSTOM_OAUTH_EXTERNAL_URL: 'https://auth.example/auth/v1/',
        API_EXTERNAL_URL: 'http://x',
      },
      pool: { query: async () => ({ rows: [{ ...row, ...change }] }) },
      cipher: { open: () => 'the secret' },
    } as unknown as AuthState,
    'custom:acme',
    '',
  )
const profileOf = async (claims: object, change: object = {}) => {
  const client = { get: async (_url: string, shape: { parse(value: unknown): unknown }) => shape.parse(claims) } as unknown as ProfileClient
  return ((await open(change)).provider as OAuthProvider).profile(client)
}

test('a custom provider has the public address of its own, its secret opened, and is never asked at a private address', async () => {
  const { settings, provider } = await open()
  expect(settings).toMatchObject({ secret: 'the secret', redirectUri: 'https://auth.example/auth/v1/callback', emailOptional: true })
  expect(provider).toMatchObject({ scopes: ['a'], pkce: false, guarded: true })
})

test.each<[string, object, object, object]>([
  ['keeps standard claims only', {}, { sub: '1', email: 'a@x.y', email_verified: true, groups: ['g'] }, { sub: '1', email: 'a@x.y' }],
  [
    'keeps claims that are named',
    { custom_claims_allowlist: ['groups', 'none'] },
    { sub: '1', groups: ['g'] },
    { custom_claims: { groups: ['g'] } },
  ],
  ['maps claims', { attribute_mapping: { name: 'nickname', locale: 'absent' } }, { sub: '1', nickname: 'N' }, { name: 'N', nickname: 'N' }],
  ['maps what is not text as it is', { attribute_mapping: { custom_claims: { a: 1 } } }, { sub: '1' }, { custom_claims: { a: 1 } }],
  ['leaves out a mapping that fits nothing', { attribute_mapping: { name: 5 } }, { sub: '1', name: 'N' }, { name: 'N' }],
])('a profile %s', async (_name, change, claims, data) => {
  const user = await profileOf(claims, change)
  expect(identityData(user.claims)).toMatchObject(data)
  expect(identityData(user.claims)).not.toHaveProperty('groups')
})

test('a claim of another type than it must be is an error', async () => {
  await expect(profileOf({ sub: 5 })).rejects.toThrow()
})
