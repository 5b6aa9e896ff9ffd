import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { text, whole } from './fields.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const profile = z.object({
  resource_owner_id: text,
  user_id: text,
  user_name: text,
  email: text,
  organizations: z.array(z.object({ id: text, role: text })).nullish(),
  scope: z.array(z.string()).nullish(),
  application: z.record(z.string(), z.string()).nullish(),
  created_at: whole,
})

export const fly: ProviderFactory = ({ url }, scopes) => {
  const host = hostOf(url, 'api.fly.io')
  return {
    authorizeUrl: `${host}/oauth/authorize`,
    tokenUrl: `${host}/oauth/token`,
    scopes: ['read', ...scopes],
    async profile(client) {
      const user = await client.get(`${host}/oauth/token/info`, profile)
      return {
        emails: onlyEmail(user.email, true),
        claims: {
          iss: host,
          sub: user.user_id,
          full_name: user.user_name,
          provider_id: user.user_id,
          custom_claims: {
            resource_owner_id: user.resource_owner_id,
            organizations: user.organizations ?? null,
            application: user.application ?? null,
            scope: user.scope ?? null,
            created_at: user.created_at,
          },
        },
      }
    },
  }
}
