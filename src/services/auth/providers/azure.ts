// Microsoft Entra (Azure AD): any tenant by the common address, one tenant where the URL names it.
import { namedIssuer } from './oidc/id-token.ts'
import { isAzureCiamIssuer, isAzureIssuer } from './oidc/names.ts'
import { idTokenOf, profileOfIdToken } from './oidc/sign-in.ts'
import { hostOf, type ProviderFactory } from './provider.ts'

const SHARED: ReadonlySet<string> = new Set([
  'https://login.microsoftonline.com/common/v2.0',
  'https://login.microsoftonline.com/organizations/v2.0',
])

/** The tenant whose tokens alone count; undefined where any does. */
function expectedIssuer(url: string, host: string): string | undefined {
  const issuer = `${host}/v2.0`
  return url !== '' && (isAzureIssuer(issuer) || isAzureCiamIssuer(issuer)) && !SHARED.has(issuer) ? issuer : undefined
}

export const azure: ProviderFactory = ({ url, clientId }, scopes, issuers) => {
  const host = hostOf(url, 'login.microsoftonline.com/common')
  const expected = expectedIssuer(url, host)
  return {
    authorizeUrl: `${host}/oauth2/v2.0/authorize`,
    tokenUrl: `${host}/oauth2/v2.0/token`,
    scopes: ['openid', ...scopes],
    async profile(client) {
      const token = idTokenOf(client)
      if (!token) throw new Error('azure: no OIDC ID token present in response')
      const issuer = namedIssuer(token) ?? ''
      // Another server stands in for Microsoft where the URL is none of theirs: it signs in its own name.
      const isFine = expected !== undefined ? issuer === expected : isAzureIssuer(issuer) || (url !== '' && !SHARED.has(`${host}/v2.0`))
      if (!isFine) throw new Error(`azure: ID token issuer not valid ${JSON.stringify(issuer)}`)
      return profileOfIdToken(client, await issuers.get(issuer), clientId, issuer)
    },
  }
}
