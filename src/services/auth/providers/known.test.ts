import { generateKeyPairSync, sign } from 'node:crypto'
import { getGlobalDispatcher, MockAgent, setGlobalDispatcher } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readEnv } from '../../../env/read.ts'
import { type AuthEnv, authEnv } from '../env.ts'
import type { AuthState } from '../state.ts'
import { identityData } from './claims.ts'
import { type OpenedProvider, openProvider } from './known.ts'
import { IssuerCache } from './oidc/issuers.ts'
import { ISSUERS } from './oidc/names.ts'
import { Outgoing } from './outgoing.ts'
import type { OAuthProvider, ProfileClient } from './provider.ts'

const previous = getGlobalDispatcher()
const agent = new MockAgent()
const outgoing = new Outgoing({ timeoutMs: 1_000, allowPrivate: true })
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
beforeAll(() => {
  agent.disableNetConnect()
  setGlobalDispatcher(agent)
  for (const issuer of [...Object.values(ISSUERS), 'https://login.microsoftonline.com/t1/v2.0']) {
    const { origin, pathname } = new URL(issuer)
    const base = pathname === '/' ? '' : pathname
    agent
      .get(origin)
      .intercept({ path: `${base}/.well-known/openid-configuration` })
      .reply(200, { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys` })
      .persist()
    agent
      .get(origin)
      .intercept({ path: `${base}/keys` })
      .reply(200, { keys: [publicKey.export({ format: 'jwk' })] })
      .persist()
  }
})
afterAll(async () => {
  setGlobalDispatcher(previous)
  await agent.close()
  await outgoing.close()
})

const idToken = (claims: object): string => {
  const payload = { aud: 'id', exp: 9_999_999_999, ...claims }
  const head = [{ alg: 'RS256' }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${head}.${sign('sha256', Buffer.from(head), privateKey).toString('base64url')}`
}

function open(name: string, scopes = '', variables: Record<string, string> = {}): Promise<OpenedProvider> {
  const prefix = `GOTRUE_EXTERNAL_${name.toUpperCase()}`
  const env = readEnv(authEnv, {
    API_EXTERNAL_URL: 'http://auth.test',
    DATABASE_URL: 'postgres://x',
    GOTRUE_SITE_URL: 'http://site.test',
    GOTRUE_JWT_SECRET: 'x'.repeat(32),
    [`${prefix}_ENABLED`]: 'true',
    [`${prefix}_CLIENT_ID`]: 'id',
    [`${prefix}_SECRET`]: 'secret',
    [`${prefix}_REDIRECT_URI`]: 'http://auth.test/callback',
    ...variables,
  }) as AuthEnv
  return openProvider({ env, issuers: new IssuerCache(outgoing, 1_000) } as AuthState, name, scopes)
}

const asOAuth = ({ provider }: OpenedProvider): OAuthProvider => {
  if ('begin' in provider) throw new Error('not OAuth 2')
  return provider
}
/** Answers by the end of the URL. */
const client = (answers: Record<string, unknown>, answer: object = {}): ProfileClient => ({
  grant: { accessToken: 'at', refreshToken: '', tokenType: 'bearer', answer: answer as never },
  async get(url, shape) {
    const found = Object.entries(answers).find(([end]) => url.endsWith(end))
    if (!found) throw new Error(`nothing at ${url}`)
    return shape.parse(found[1])
  },
})

describe('where the browser is sent, and where codes are exchanged', () => {
  test.each([
    ['apple', 'https://appleid.apple.com/authorize', 'https://appleid.apple.com/token', 'email name'],
    [
      'azure',
      'https://login.microsoftonline.com/common/oauth2/v2.0/authorize',
      'https://login.microsoftonline.com/common/oauth2/v2.0/token',
      'openid a b',
    ],
    ['bitbucket', 'https://bitbucket.org/site/oauth2/authorize', 'https://bitbucket.org/site/oauth2/access_token', 'account email'],
    ['discord', 'https://discord.com/api/oauth2/authorize', 'https://discord.com/api/oauth2/token', 'email identify a b'],
    ['facebook', 'https://www.facebook.com/dialog/oauth', 'https://graph.facebook.com/oauth/access_token', 'email a b'],
    ['figma', 'https://www.figma.com/oauth', 'https://api.figma.com/v1/oauth/token', 'current_user:read a b'],
    ['fly', 'https://api.fly.io/oauth/authorize', 'https://api.fly.io/oauth/token', 'read a b'],
    ['github', 'https://github.com/login/oauth/authorize', 'https://github.com/login/oauth/access_token', 'user:email a b'],
    ['gitlab', 'https://gitlab.com/oauth/authorize', 'https://gitlab.com/oauth/token', 'read_user a b'],
    ['google', 'https://accounts.google.com/authorize', 'https://accounts.google.com/token', 'email profile a b'],
    [
      'kakao',
      'https://kauth.kakao.com/oauth/authorize',
      'https://kauth.kakao.com/oauth/token',
      'account_email profile_image profile_nickname a b',
    ],
    [
      'linkedin',
      'https://api.linkedin.com/oauth/v2/authorization',
      'https://api.linkedin.com/oauth/v2/accessToken',
      'r_emailaddress r_liteprofile a b',
    ],
    [
      'linkedin_oidc',
      'https://api.linkedin.com/oauth/v2/authorization',
      'https://api.linkedin.com/oauth/v2/accessToken',
      'openid email profile a b',
    ],
    ['notion', 'https://api.notion.com/v1/oauth/authorize', 'https://api.notion.com/v1/oauth/token', ''],
    ['slack', 'https://slack.com/oauth/authorize', 'https://slack.com/api/oauth.access', 'profile email openid a b'],
    ['slack_oidc', 'https://slack.com/openid/connect/authorize', 'https://slack.com/api/openid.connect.token', 'profile email openid a b'],
    ['spotify', 'https://accounts.spotify.com/authorize', 'https://accounts.spotify.com/api/token', 'user-read-email a b'],
    ['twitch', 'https://id.twitch.tv/oauth2/authorize', 'https://id.twitch.tv/oauth2/token', 'user:read:email a b'],
    ['vercel_marketplace', 'https://api.vercel.com/oauth/v2/authorization', 'https://api.vercel.com/oauth/v2/accessToken', 'a b'],
    ['workos', 'https://api.workos.com/sso/authorize', 'https://api.workos.com/sso/token', ''],
    ['x', 'https://x.com/i/oauth2/authorize', 'https://api.x.com/2/oauth2/token', 'users.email tweet.read users.read offline.access a b'],
    ['zoom', 'https://zoom.us/oauth/authorize', 'https://zoom.us/oauth/token', ''],
  ])('%s', async (name, authorizeUrl, tokenUrl, scopes) => {
    const provider = asOAuth(await open(name, 'a,b'))
    expect([provider.authorizeUrl, provider.tokenUrl, provider.scopes.join(' ')]).toEqual([authorizeUrl, tokenUrl, scopes])
  })
  test('a URL of one’s own stands for all hosts', async () => {
    const provider = asOAuth(await open('github', '', { GOTRUE_EXTERNAL_GITHUB_URL: 'https://git.example/' }))
    expect([provider.authorizeUrl, provider.tokenUrl]).toEqual([
      'https://git.example/login/oauth/authorize',
      'https://git.example/login/oauth/access_token',
    ])
  })
  test.each([
    ['nonesuch', {}, 'Provider nonesuch could not be found'],
    ['__proto__', {}, 'Provider __proto__ could not be found'],
    ['github', { GOTRUE_EXTERNAL_GITHUB_ENABLED: 'false' }, 'provider is not enabled'],
    ['github', { GOTRUE_EXTERNAL_GITHUB_CLIENT_ID: '' }, 'missing OAuth client ID'],
    ['github', { GOTRUE_EXTERNAL_GITHUB_SECRET: '' }, 'missing OAuth secret'],
    ['github', { GOTRUE_EXTERNAL_GITHUB_REDIRECT_URI: '' }, 'missing redirect URI'],
    ['keycloak', {}, 'unable to find URL for the Keycloak provider'],
  ])('%s with %j cannot be used: %s', async (name, variables, words) => {
    await expect(open(name, '', variables)).rejects.toThrow(words)
  })
})

const verified = (email: string) => [{ email, verified: true, primary: true }]
const unverified = (email: string) => [{ email, verified: false, primary: true }]

describe('what profiles become', () => {
  test.each<[string, Record<string, unknown>, object, object]>([
    [
      'bitbucket',
      {
        '/2.0/user': { uuid: '{1}', display_name: 'B', avatar: { href: 'https://a' } },
        '/2.0/user/emails': { values: [{ email: 'b@x.y', is_primary: true, is_confirmed: false }] },
      },
      unverified('b@x.y'),
      { sub: '{1}', name: 'B', picture: 'https://a', iss: 'https://api.bitbucket.org/2.0' },
    ],
    [
      'discord',
      { '/users/@me': { id: '7', username: 'd', discriminator: '8', global_name: 'D', email: 'd@x.y', verified: true, avatar: null } },
      verified('d@x.y'),
      {
        sub: '7',
        name: 'd#8',
        full_name: 'd',
        picture: 'https://cdn.discordapp.com/embed/avatars/3.png',
        custom_claims: { global_name: 'D' },
      },
    ],
    [
      'facebook',
      { '': { id: '1', email: 'f@x.y', first_name: 'F', last_name: 'B', name: 'Fb', picture: { data: { url: 'https://p' } } } },
      verified('f@x.y'),
      { sub: '1', name: 'F B', nickname: 'Fb', slug: 'Fb', picture: 'https://p' },
    ],
    [
      'figma',
      { '/v1/me': { id: '1', email: 'f@x.y', handle: 'F', img_url: 'https://p' } },
      verified('f@x.y'),
      { sub: '1', name: 'F', avatar_url: 'https://p' },
    ],
    [
      'fly',
      { '/oauth/token/info': { user_id: 'u', user_name: 'U', email: 'f@x.y', resource_owner_id: 'r', scope: ['read'], created_at: 3 } },
      verified('f@x.y'),
      {
        sub: 'u',
        full_name: 'U',
        custom_claims: { resource_owner_id: 'r', organizations: null, application: null, scope: ['read'], created_at: 3 },
      },
    ],
    [
      'kakao',
      {
        '/v2/user/me': {
          id: 12,
          kakao_account: { email: 'k@x.y', is_email_valid: true, is_email_verified: false, profile: { nickname: 'K' } },
        },
      },
      unverified('k@x.y'),
      { sub: '12', name: 'K', user_name: 'K' },
    ],
    [
      'linkedin',
      {
        'playableStreams))': {
          id: 'l',
          firstName: { localized: { de_DE: 'Lin' }, preferredLocale: { language: 'de', country: 'DE' } },
          lastName: { localized: { de_DE: 'Ked' }, preferredLocale: { language: 'de', country: 'DE' } },
        },
        '(handle~))': { elements: [{ 'handle~': { emailAddress: 'l@x.y' } }] },
      },
      verified('l@x.y'),
      { sub: 'l', name: 'Lin Ked' },
    ],
    [
      'notion',
      { '/v1/users/me': { bot: { owner: { user: { id: 'n', name: 'N', person: { email: 'n@x.y' } } } } } },
      verified('n@x.y'),
      { sub: 'n', name: 'N' },
    ],
    [
      'slack_oidc',
      {
        '/api/openid.connect.userInfo': { 'https://slack.com/user_id': 'U1', 'https://slack.com/team_id': 'T1', email: 's@x.y', name: 'S' },
      },
      verified('s@x.y'),
      { sub: 'U1', name: 'S', custom_claims: { 'https://slack.com/team_id': 'T1' } },
    ],
    [
      'snapchat',
      { '+%7D': { data: { me: { externalId: 'e', displayName: 'Sn', bitmoji: { avatar: 'https://b' } } } } },
      [],
      { sub: 'e', name: 'Sn', picture: 'https://b', iss: ISSUERS.snapchat },
    ],
    [
      'spotify',
      { '/v1/me': { id: 's', display_name: 'Sp', email: 's@x.y', images: [{ url: 'https://i' }] } },
      unverified('s@x.y'),
      { sub: 's', picture: 'https://i' },
    ],
    [
      'twitch',
      { '/helix/users': { data: [{ id: 't', login: 'tw', display_name: 'Tw', email: 't@x.y', view_count: 2 }] } },
      verified('t@x.y'),
      {
        sub: 't',
        name: 'tw',
        nickname: 'Tw',
        custom_claims: { broadcaster_type: '', description: '', type: '', offline_image_url: '', view_count: 2 },
      },
    ],
    [
      'zoom',
      { '/v2/users/me': { id: 'z', first_name: 'Z', last_name: 'O', email: 'z@x.y', login_type: 100, verified: 0 } },
      unverified('z@x.y'),
      { sub: 'z', name: 'Z O' },
    ],
  ])('%s', async (name, answers, emails, claims) => {
    const user = await asOAuth(await open(name)).profile(client(answers))
    expect(user.emails).toEqual(emails)
    expect(identityData(user.claims)).toMatchObject(claims)
  })
  test('workos, whose profile comes with the token', async () => {
    const answer = { profile: { id: 'w', email: 'w@x.y', first_name: 'W', last_name: '', connection_id: 'c', organization_id: 'o' } }
    const user = await asOAuth(await open('workos')).profile(client({}, answer))
    expect(user).toMatchObject({
      emails: verified('w@x.y'),
      claims: { name: 'W', custom_claims: { connection_id: 'c', organization_id: 'o' } },
    })
  })
  test.each<[string, object, object, object]>([
    [
      'google',
      { iss: ISSUERS.google, sub: 'g', email: 'g@x.y', email_verified: true, hd: 'x.y' },
      verified('g@x.y'),
      { sub: 'g', custom_claims: { hd: 'x.y' } },
    ],
    [
      'apple',
      { iss: ISSUERS.appleAccount, sub: 'a', email: 'a@x.y', is_private_email: 'true' },
      verified('a@x.y'),
      { custom_claims: { is_private_email: true } },
    ],
    [
      'azure',
      { iss: 'https://login.microsoftonline.com/t1/v2.0', sub: 'z', email: 'z@x.y', name: 'Z', xms_edov: '0', tid: 't1' },
      unverified('z@x.y'),
      { full_name: 'Z', custom_claims: { email: 'z@x.y', xms_edov: '0', tid: 't1' } },
    ],
    [
      'linkedin_oidc',
      { iss: ISSUERS.linkedin, sub: 'l', email: 'l@x.y', email_verified: 'false', given_name: 'L' },
      unverified('l@x.y'),
      { name: 'L' },
    ],
    [
      'vercel_marketplace',
      { iss: ISSUERS.vercelMarketplace, sub: 's', global_user_id: 'v', user_email: 'v@x.y' },
      verified('v@x.y'),
      { sub: 'global_user_id:v' },
    ],
  ])('%s, by its ID token', async (name, claims, emails, data) => {
    const user = await asOAuth(await open(name)).profile(client({}, { id_token: idToken(claims) }))
    expect(user.emails).toEqual(emails)
    expect(user.claims).toMatchObject(data)
  })
  test.each([
    ['google', { iss: 'https://evil.example', sub: 'g' }],
    ['google', { iss: ISSUERS.google, sub: 'g', aud: 'another' }],
    ['azure', { iss: 'https://login.microsoftonline.com.evil.example/t1/v2.0', sub: 'g' }],
  ])('%s refuses a token with %j', async (name, claims) => {
    await expect(asOAuth(await open(name)).profile(client({}, { id_token: idToken(claims) }))).rejects.toThrow()
  })
  test('Apple’s name comes in the form that is posted', async () => {
    const provider = asOAuth(await open('apple'))
    const user = { emails: [], claims: { sub: 'a' } }
    const form = new URLSearchParams({ user: JSON.stringify({ name: { firstName: 'A', lastName: 'Pple' } }) })
    expect(provider.amend?.(user, form).claims).toMatchObject({ name: 'A Pple', full_name: 'A Pple' })
  })
})
