import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { nested, text } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const API_VERSION = '2021-08-16'
const profile = z.object({
  bot: nested({ owner: nested({ user: nested({ id: text, name: text, avatar_url: text, person: nested({ email: text }) }) }) }),
})

export const notion: ProviderFactory = ({ url }) => {
  const api = hostOf(url, 'api.notion.com')
  return {
    authorizeUrl: `${api}/v1/oauth/authorize`,
    tokenUrl: `${api}/v1/oauth/token`,
    scopes: [],
    async profile(client) {
      const { user } = (await client.get(`${api}/v1/users/me`, profile, { 'notion-version': API_VERSION })).bot.owner
      return {
        emails: onlyEmail(user.person.email, true),
        claims: {
          iss: api,
          sub: user.id,
          name: user.name,
          picture: user.avatar_url,
          avatar_url: user.avatar_url,
          full_name: user.name,
          provider_id: user.id,
        },
      }
    },
  }
}
