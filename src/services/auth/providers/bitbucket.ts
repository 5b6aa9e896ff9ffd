import { z } from 'zod'
import { flag, listOf, nested, text } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const profile = z.object({ display_name: text, uuid: text, avatar: nested({ href: text }) })
const addresses = z.object({ values: listOf(z.object({ email: text, is_primary: flag, is_confirmed: flag })) })

export const bitbucket: ProviderFactory = ({ url }) => {
  const host = hostOf(url, 'bitbucket.org')
  const api = `${hostOf(url, 'api.bitbucket.org')}/2.0`
  return {
    authorizeUrl: `${host}/site/oauth2/authorize`,
    tokenUrl: `${host}/site/oauth2/access_token`,
    scopes: ['account', 'email'],
    async profile(client) {
      const user = await client.get(`${api}/user`, profile)
      const { values } = await client.get(`${api}/user/emails`, addresses)
      const picture = user.avatar.href
      return {
        emails: values
          .filter(({ email }) => email !== '')
          .map(({ email, is_confirmed, is_primary }) => ({ email, verified: is_confirmed, primary: is_primary })),
        claims: {
          iss: api,
          sub: user.uuid,
          name: user.display_name,
          picture,
          avatar_url: picture,
          full_name: user.display_name,
          provider_id: user.uuid,
        },
      }
    },
  }
}
