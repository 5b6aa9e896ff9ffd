import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { hostOf, ProviderError, type ProviderFactory } from './provider.ts'

const profile = z.looseObject({})
const OWN: ReadonlySet<string> = new Set(['name', 'sub', 'email', 'email_verified'])

export const keycloak: ProviderFactory = ({ url }, scopes) => {
  if (url === '') throw new ProviderError('unable to find URL for the Keycloak provider')
  const realm = hostOf(url, '')
  return {
    authorizeUrl: `${realm}/protocol/openid-connect/auth`,
    tokenUrl: `${realm}/protocol/openid-connect/token`,
    scopes: ['profile', 'email', ...scopes],
    async profile(client) {
      const claims: Readonly<Record<string, unknown>> = await client.get(`${realm}/protocol/openid-connect/userinfo`, profile)
      const textOf = (name: string): string => (typeof claims[name] === 'string' ? claims[name] : '')
      const [name, sub, email] = [textOf('name'), textOf('sub'), textOf('email')]
      return {
        emails: onlyEmail(email, claims['email_verified'] === true),
        claims: {
          iss: realm,
          sub,
          name,
          custom_claims: Object.fromEntries(Object.entries(claims).filter(([key]) => !OWN.has(key))),
          full_name: name,
          provider_id: sub,
        },
      }
    },
  }
}
