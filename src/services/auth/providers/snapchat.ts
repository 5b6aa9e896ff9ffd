import { z } from 'zod'
import { encodeForm } from '../request/form.ts'
import { onlyEmail } from './claims.ts'
import { nested, text } from './fields.ts'
import { ISSUERS } from './oidc/names.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const QUERY = '{me { externalId displayName bitmoji { avatar id } email } }'
const SCOPES = ['user.external_id', 'user.display_name', 'user.bitmoji.avatar'].map(
  (name) => `https://auth.snapchat.com/oauth2/api/${name}`,
)
const profile = z.object({
  data: nested({ me: nested({ externalId: text, displayName: text, bitmoji: nested({ avatar: text }), email: text }) }),
})

export const snapchat: ProviderFactory = ({ url }, scopes) => {
  const host = hostOf(url, 'accounts.snapchat.com')
  const api = hostOf(url, 'kit.snapchat.com')
  return {
    authorizeUrl: `${host}/accounts/oauth2/auth`,
    tokenUrl: `${host}/accounts/oauth2/token`,
    scopes: [...SCOPES, ...scopes],
    async profile(client) {
      const { me } = (await client.get(`${api}/v1/me?${encodeForm({ query: QUERY })}`, profile)).data
      const picture = me.bitmoji.avatar
      return {
        emails: onlyEmail(me.email, true),
        claims: {
          iss: ISSUERS.snapchat,
          sub: me.externalId,
          name: me.displayName,
          picture,
          slug: me.displayName,
          avatar_url: picture,
          full_name: me.displayName,
          provider_id: me.externalId,
        },
      }
    },
  }
}
