import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { nested, text } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

/** Comes with the tokens. */
const answer = z.object({
  profile: nested({ id: text, connection_id: text, organization_id: text, email: text, first_name: text, last_name: text }),
})

export const workos: ProviderFactory = ({ url }) => {
  const api = hostOf(url, 'api.workos.com')
  return {
    authorizeUrl: `${api}/sso/authorize`,
    tokenUrl: `${api}/sso/token`,
    scopes: [],
    async profile({ grant }) {
      const user = answer.parse(grant.answer).profile
      const name = `${user.first_name} ${user.last_name}`.trim()
      return {
        emails: onlyEmail(user.email, true),
        claims: {
          iss: api,
          sub: user.id,
          name,
          custom_claims: { connection_id: user.connection_id, organization_id: user.organization_id },
          full_name: name,
          provider_id: user.id,
        },
      }
    },
  }
}
