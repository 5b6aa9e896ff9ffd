import { ISSUERS } from './oidc/names.ts'
import { idTokenOf, openIssuer, profileOfIdToken } from './oidc/sign-in.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

export const vercelMarketplace: ProviderFactory = async ({ url, clientId }, scopes, issuers) => {
  const api = hostOf(url, 'api.vercel.com')
  const issuer = await openIssuer(issuers, ISSUERS.vercelMarketplace)
  return {
    authorizeUrl: `${api}/oauth/v2/authorization`,
    tokenUrl: `${api}/oauth/v2/accessToken`,
    scopes,
    async profile(client) {
      if (!idTokenOf(client)) throw new Error('vercel_marketplace: no OIDC ID token present in response')
      return profileOfIdToken(client, issuer, clientId, ISSUERS.vercelMarketplace)
    },
  }
}
