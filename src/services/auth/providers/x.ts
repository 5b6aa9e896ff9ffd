// X by OAuth 2.0, which wants PKCE; `twitter` is the older way in.
import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { nested, text } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const FIELDS = 'id,name,username,confirmed_email,profile_image_url,url,created_at'
const profile = z.object({
  data: nested({ id: text, name: text, username: text, confirmed_email: text, profile_image_url: text, url: text, created_at: text }),
})

export const x: ProviderFactory = ({ url }, scopes) => {
  const api = hostOf(url, 'api.x.com')
  return {
    authorizeUrl: `${hostOf(url, 'x.com')}/i/oauth2/authorize`,
    tokenUrl: `${api}/2/oauth2/token`,
    scopes: ['users.email', 'tweet.read', 'users.read', 'offline.access', ...scopes],
    pkce: true,
    async profile(client) {
      const { data: user } = await client.get(`${api}/2/users/me?user.fields=${FIELDS}`, profile)
      return {
        emails: onlyEmail(user.confirmed_email, true),
        claims: {
          iss: api,
          sub: user.id,
          name: user.name,
          preferred_username: user.username,
          picture: user.profile_image_url,
          profile: `https://x.com/${user.username}`,
          website: user.url,
          custom_claims: { created_at: user.created_at },
          avatar_url: user.profile_image_url,
          full_name: user.name,
          provider_id: user.id,
          user_name: user.username,
        },
      }
    },
  }
}
