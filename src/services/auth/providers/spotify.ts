import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { listOf, text } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const profile = z.object({ display_name: text, images: listOf(z.object({ url: text })), email: text, id: text })

export const spotify: ProviderFactory = ({ url }, scopes) => {
  const api = hostOf(url, 'api.spotify.com/v1')
  const host = hostOf(url, 'accounts.spotify.com')
  return {
    authorizeUrl: `${host}/authorize`,
    tokenUrl: `${host}/api/token`,
    scopes: ['user-read-email', ...scopes],
    async profile(client) {
      const user = await client.get(`${api}/me`, profile)
      const picture = user.images[0]?.url ?? ''
      return {
        // Spotify does not verify addresses.
        emails: onlyEmail(user.email, false),
        claims: {
          iss: api,
          sub: user.id,
          name: user.display_name,
          picture,
          avatar_url: picture,
          full_name: user.display_name,
          provider_id: user.id,
        },
      }
    },
  }
}
