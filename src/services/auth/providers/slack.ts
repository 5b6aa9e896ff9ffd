// Slack: the older way in and Sign in with Slack, which tell of a person in the same words.
import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { text } from './fields.ts'
import { hostOf, type OAuthProvider, type ProviderFactory } from './provider.ts'

const TEAM = 'https://slack.com/team_id'
const USER = 'https://slack.com/user_id'
const profile = z.object({ [USER]: text, [TEAM]: text, email: text, name: text, picture: text })

const slackProfile =
  (api: string): OAuthProvider['profile'] =>
  async (client) => {
    const user = await client.get(`${api}/openid.connect.userInfo`, profile)
    const { email, name, picture } = user as { email: string; name: string; picture: string }
    const id = user[USER] ?? ''
    return {
      // Slack does not say whether the address is verified.
      emails: onlyEmail(email, true),
      claims: {
        iss: api,
        sub: id,
        name,
        picture,
        custom_claims: { [TEAM]: user[TEAM] ?? '' },
        avatar_url: picture,
        full_name: name,
        provider_id: id,
      },
    }
  }

export const slack: ProviderFactory = ({ url }, scopes) => {
  const host = hostOf(url, 'slack.com')
  return {
    authorizeUrl: `${host}/oauth/authorize`,
    tokenUrl: `${host}/api/oauth.access`,
    scopes: ['profile', 'email', 'openid', ...scopes],
    profile: slackProfile(`${host}/api`),
  }
}

export const slackOidc: ProviderFactory = ({ url }, scopes) => {
  const host = hostOf(url, 'slack.com')
  return {
    authorizeUrl: `${host}/openid/connect/authorize`,
    tokenUrl: `${host}/api/openid.connect.token`,
    scopes: ['profile', 'email', 'openid', ...scopes],
    profile: slackProfile(`${host}/api`),
  }
}
