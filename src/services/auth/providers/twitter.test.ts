import { expect, test } from 'vitest'
import type { Outgoing } from './outgoing.ts'
import type { OAuth1Provider } from './provider.ts'
import { sign, twitter } from './twitter.ts'

// The example of Twitter's own documentation on creating a signature.
test('sign() makes the signature that Twitter documents', () => {
  const header = sign(
    'POST',
    'https://api.twitter.com/1.1/statuses/update.json',
    {
      clientId: 'xvz1evFS4wEEPTGEFPHBog',
      secret: 'kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw',
      token: '370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb',
      tokenSecret: 'LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE',
    },
    {},
    { status: 'Hello Ladies + Gentlemen, a signed OAuth request!', include_entities: 'true' },
    'kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg',
    1_318_622_958,
  )
  expect(header).toContain('oauth_signature="hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D"')
})

test('a person is sent with a request token, and read with an access token', async () => {
  const asked: string[] = []
  const outgoing = {
    async send(url: string, { headers }: { headers: Record<string, string> }) {
      asked.push(`${url} ${/oauth_(callback|token|verifier)="[^"]*"/.exec(headers['authorization']!)?.[0]}`)
      const text = url.includes('verify_credentials')
        ? JSON.stringify({ id_str: '7', screen_name: 'tw', name: 'T W', email: 't@x.y' })
        : 'oauth_token=token&oauth_token_secret=s'
      return { status: 200, contentType: '', text }
    },
  } as unknown as Outgoing
  const settings = { clientId: 'id', secret: 'secret', redirectUri: 'https://auth/callback', url: '', emailOptional: false }
  const provider = twitter(settings, [], undefined as never) as OAuth1Provider
  expect(await provider.begin(outgoing, 'state')).toBe('https://api.twitter.com/oauth/authenticate?oauth_token=token')
  const { user, accessToken } = await provider.finish(outgoing, 'token', 'verifier')
  expect(user).toMatchObject({ emails: [{ email: 't@x.y', verified: true }], claims: { sub: '7', user_name: 'tw' } })
  expect(accessToken).toBe('token')
  expect(asked[0]).toBe('https://api.twitter.com/oauth/request_token oauth_callback="https%3A%2F%2Fauth%2Fcallback%3Fstate%3Dstate"')
})
