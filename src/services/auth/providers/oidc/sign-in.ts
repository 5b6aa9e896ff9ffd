// Providers whose code flow ends with an ID token: the profile is what the token says.
import type { ExternalUser } from '../claims.ts'
import type { ProfileClient } from '../provider.ts'
import { ProviderError } from '../provider.ts'
import { readIdToken } from './id-token.ts'
import type { Issuer, IssuerCache, IssuerOptions } from './issuers.ts'

export const idTokenOf = ({ grant }: ProfileClient): string => {
  const token = grant.answer['id_token']
  return typeof token === 'string' ? token : ''
}

/** Nobody whom we know: what follows says that there is no address. */
export const UNKNOWN_USER: ExternalUser = { emails: [], claims: { sub: '' } }

export async function profileOfIdToken(
  client: ProfileClient,
  issuer: Issuer,
  clientId: string,
  name: string | undefined,
): Promise<ExternalUser> {
  const { user } = await readIdToken(issuer, idTokenOf(client), { issuer: name, clientId, accessToken: client.grant.accessToken })
  return user
}

/** The issuer, or words that the caller may read. */
export async function openIssuer(issuers: IssuerCache, name: string, options: IssuerOptions = {}): Promise<Issuer> {
  try {
    return await issuers.get(name, options)
  } catch (error) {
    throw new ProviderError(error instanceof Error ? error.message : 'oidc: discovery failed', error)
  }
}
