import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { text, whole } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const profile = z.object({
  id: text,
  first_name: text,
  last_name: text,
  email: text,
  verified: whole,
  login_type: z
    .union([z.string(), z.number()])
    .nullish()
    .transform((value) => String(value ?? '')),
  pic_url: text,
})
/** By e-mail and password: the only kind of account whose address may be unconfirmed. */
const EMAIL_LOGIN = '100'

export const zoom: ProviderFactory = ({ url }) => {
  const api = `${hostOf(url, 'api.zoom.us')}/v2`
  const host = `${hostOf(url, 'zoom.us')}/oauth`
  return {
    authorizeUrl: `${host}/authorize`,
    tokenUrl: `${host}/token`,
    scopes: [],
    async profile(client) {
      const user = await client.get(`${api}/users/me`, profile)
      const name = `${user.first_name} ${user.last_name}`.trim()
      return {
        emails: onlyEmail(user.email, user.login_type !== EMAIL_LOGIN || user.verified !== 0),
        claims: {
          iss: api,
          sub: user.id,
          name,
          picture: user.pic_url,
          avatar_url: user.pic_url,
          full_name: name,
          provider_id: user.id,
        },
      }
    },
  }
}
