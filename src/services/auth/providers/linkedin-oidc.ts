import { ISSUERS } from './oidc/names.ts'
import { idTokenOf, openIssuer, profileOfIdToken, UNKNOWN_USER } from './oidc/sign-in.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

export const linkedinOidc: ProviderFactory = async ({ url, clientId }, scopes, issuers) => {
  const api = hostOf(url, 'api.linkedin.com')
  const issuer = await openIssuer(issuers, ISSUERS.linkedin)
  return {
    authorizeUrl: `${api}/oauth/v2/authorization`,
    tokenUrl: `${api}/oauth/v2/accessToken`,
    scopes: ['openid', 'email', 'profile', ...scopes],
    profile: async (client) => (idTokenOf(client) ? profileOfIdToken(client, issuer, clientId, ISSUERS.linkedin) : UNKNOWN_USER),
  }
}
