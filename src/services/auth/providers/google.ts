import { z } from 'zod'
import { onlyEmail } from './claims.ts'
import { flag, text } from './fields.ts'
import { ISSUERS } from './oidc/names.ts'
import { idTokenOf, openIssuer, profileOfIdToken } from './oidc/sign-in.ts'
import type { ProviderFactory } from './provider.ts'

const USER_INFO = 'https://www.googleapis.com/userinfo/v2/me'
const profile = z.object({ id: text, name: text, picture: text, email: text, verified_email: flag, email_verified: flag })

export const google: ProviderFactory = async ({ clientId }, scopes, issuers) => {
  const issuer = await openIssuer(issuers, ISSUERS.google)
  return {
    authorizeUrl: issuer.document.authorization_endpoint ?? '',
    tokenUrl: issuer.document.token_endpoint ?? '',
    scopes: ['email', 'profile', ...scopes],
    async profile(client) {
      if (idTokenOf(client)) return profileOfIdToken(client, issuer, clientId, ISSUERS.google)
      const user = await client.get(USER_INFO, profile)
      return {
        emails: onlyEmail(user.email, user.verified_email || user.email_verified),
        claims: {
          iss: USER_INFO,
          sub: user.id,
          name: user.name,
          picture: user.picture,
          avatar_url: user.picture,
          full_name: user.name,
          provider_id: user.id,
        },
      }
    },
  }
}
