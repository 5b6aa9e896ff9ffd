import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { listOf, text, whole } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const profile = z.object({ email: text, name: text, avatar_url: text, confirmed_at: text, id: whole })
const addresses = listOf(z.object({ email: text }))

export const gitlab: ProviderFactory = ({ url }, scopes) => {
  const host = hostOf(url, 'gitlab.com')
  return {
    authorizeUrl: `${host}/oauth/authorize`,
    tokenUrl: `${host}/oauth/token`,
    scopes: ['read_user', ...scopes],
    async profile(client) {
      const user = await client.get(`${host}/api/v4/user`, profile)
      const others = await client.get(`${host}/api/v4/user/emails`, addresses)
      const id = String(user.id)
      return {
        emails: [
          // GitLab does not say whether the further addresses are confirmed.
          ...others.filter(({ email }) => email !== '').map(({ email }) => ({ email, verified: false, primary: false })),
          ...onlyEmail(user.email, user.confirmed_at !== ''),
        ],
        claims: {
          iss: host,
          sub: id,
          name: user.name,
          picture: user.avatar_url,
          avatar_url: user.avatar_url,
          full_name: user.name,
          provider_id: id,
        },
      }
    },
  }
}
