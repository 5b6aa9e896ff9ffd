import { z } from 'zod'
import { flag, listOf, text, whole } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const profile = z.object({ id: whole, login: text, name: text, avatar_url: text })
const addresses = listOf(z.object({ email: text, primary: flag, verified: flag }))
const PUBLIC_API = 'api.github.com'

export const github: ProviderFactory = ({ url }, scopes) => {
  const host = hostOf(url, 'github.com')
  const apiHost = hostOf(url, PUBLIC_API)
  // An Enterprise server has its API under a path.
  const api = apiHost.endsWith(PUBLIC_API) ? apiHost : `${apiHost}/api/v3`
  return {
    authorizeUrl: `${host}/login/oauth/authorize`,
    tokenUrl: `${host}/login/oauth/access_token`,
    scopes: ['user:email', ...scopes],
    async profile(client) {
      const user = await client.get(`${api}/user`, profile)
      const emails = await client.get(`${api}/user/emails`, addresses)
      const id = String(user.id)
      return {
        emails: emails.filter(({ email }) => email !== ''),
        claims: {
          iss: api,
          sub: id,
          name: user.name,
          preferred_username: user.login,
          avatar_url: user.avatar_url,
          full_name: user.name,
          provider_id: id,
          user_name: user.login,
        },
      }
    },
  }
}
