import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { text, whole } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const person = z.object({
  id: text,
  login: text,
  display_name: text,
  type: text,
  broadcaster_type: text,
  description: text,
  profile_image_url: text,
  offline_image_url: text,
  view_count: whole,
  email: text,
})
const profile = z.object({ data: z.array(person).min(1) })

export const twitch: ProviderFactory = ({ url, clientId }, scopes) => {
  const api = hostOf(url, 'api.twitch.tv')
  const host = hostOf(url, 'id.twitch.tv')
  return {
    authorizeUrl: `${host}/oauth2/authorize`,
    tokenUrl: `${host}/oauth2/token`,
    scopes: ['user:read:email', ...scopes],
    async profile(client) {
      const user = (await client.get(`${api}/helix/users`, profile, { 'client-id': clientId })).data[0]!
      return {
        emails: onlyEmail(user.email, true),
        claims: {
          iss: api,
          sub: user.id,
          picture: user.profile_image_url,
          name: user.login,
          nickname: user.display_name,
          custom_claims: {
            broadcaster_type: user.broadcaster_type,
            description: user.description,
            type: user.type,
            offline_image_url: user.offline_image_url,
            view_count: user.view_count,
          },
          slug: user.display_name,
          avatar_url: user.profile_image_url,
          full_name: user.login,
          provider_id: user.id,
        },
      }
    },
  }
}
