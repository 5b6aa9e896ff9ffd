import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { text } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const profile = z.object({ id: text, email: text, handle: text, img_url: text })

export const figma: ProviderFactory = ({ url }, scopes) => {
  const api = hostOf(url, 'api.figma.com')
  return {
    authorizeUrl: `${hostOf(url, 'www.figma.com')}/oauth`,
    tokenUrl: `${api}/v1/oauth/token`,
    scopes: ['current_user:read', ...scopes],
    async profile(client) {
      const user = await client.get(`${api}/v1/me`, profile)
      return {
        emails: onlyEmail(user.email, true),
        claims: { iss: api, sub: user.id, name: user.handle, avatar_url: user.img_url, full_name: user.handle, provider_id: user.id },
      }
    },
  }
}
