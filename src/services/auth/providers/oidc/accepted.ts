// Which ID tokens an app may bring: whose issuer, for which clients, under which name its identities are kept.
import { errors } from '../../errors.ts'
import type { AuthState } from '../../state.ts'
import { findCustomProvider } from '../../tables/custom-providers.ts'
import { CUSTOM_PREFIX } from '../custom/provider.ts'
import { type ProviderName, settingsOf } from '../known.ts'
import { namedIssuer } from './id-token.ts'
import { discoveryUrlOf, type Issuer, type IssuerOptions } from './issuers.ts'
import { ISSUERS, isAppleIssuer, isAzureIssuer } from './names.ts'

export interface IdTokenRequest {
  readonly provider: string
  readonly issuer: string
  readonly client_id: string
  readonly token: string
}

export interface IdTokenProvider {
  readonly provider: string
  readonly issuer: Issuer
  /** The token must be of this issuer; undefined where the token's own name was checked before. */
  readonly issuerName: string | undefined
  readonly clientIds: readonly string[]
  readonly skipNonceCheck: boolean
  readonly emailOptional: boolean
}

interface Accepted {
  readonly provider: string
  readonly issuerName: string
  readonly clientIds: readonly string[]
  readonly enabled: boolean
  readonly skipNonceCheck: boolean
  readonly emailOptional: boolean
  readonly options?: IssuerOptions
}

/** Throws `validation_failed` or `provider_disabled`; rejects when the issuer cannot be reached. */
export async function idTokenProvider(state: AuthState, request: IdTokenRequest): Promise<IdTokenProvider> {
  const accepted = await accept(state, request)
  if (!accepted.enabled) throw errors.providerDisabled(`Provider (issuer ${JSON.stringify(accepted.issuerName)}) is not enabled`)
  const issuer = await state.issuers.get(accepted.issuerName, accepted.options)
  return { ...accepted, issuer }
}

/** One issuer for everybody. */
const FIXED: readonly (readonly [ProviderName, string])[] = [
  ['GOOGLE', ISSUERS.google],
  ['FACEBOOK', ISSUERS.facebook],
  ['KAKAO', ISSUERS.kakao],
  ['VERCEL_MARKETPLACE', ISSUERS.vercelMarketplace],
  ['SNAPCHAT', ISSUERS.snapchat],
]

async function accept(state: AuthState, request: IdTokenRequest): Promise<Accepted> {
  const { env } = state
  const { provider, issuer } = request
  if (provider === 'apple' || isAppleIssuer(issuer)) return apple(state, request)
  if (provider === 'azure' || isAzureIssuer(issuer)) return azure(state, request)
  const fixed = FIXED.find(([name, issuerName]) => provider === name.toLowerCase() || issuer === issuerName)
  if (fixed) {
    const known = ofKnown(state, fixed[0], fixed[1])
    // Facebook's limited login has no nonce that could be compared.
    return fixed[0] === 'FACEBOOK' ? { ...known, skipNonceCheck: true } : known
  }
  const keycloak = settingsOf(env, 'KEYCLOAK')
  if (provider === 'keycloak' || (keycloak.enabled && keycloak.url !== '' && issuer === keycloak.url))
    return ofKnown(state, 'KEYCLOAK', keycloak.url)
  if (provider.startsWith(CUSTOM_PREFIX)) return custom(state, provider)
  if (!env.GOTRUE_EXTERNAL_ALLOWED_ID_TOKEN_ISSUERS.includes(issuer))
    throw errors.validation(`Custom OIDC provider ${JSON.stringify(provider)} not allowed`)
  return {
    provider: issuer,
    issuerName: issuer,
    clientIds: [request.client_id],
    enabled: true,
    skipNonceCheck: false,
    emailOptional: false,
  }
}

function ofKnown({ env }: AuthState, name: ProviderName, issuerName: string): Accepted {
  const { enabled, clientIds, skipNonceCheck, emailOptional } = settingsOf(env, name)
  return { provider: name.toLowerCase(), issuerName, clientIds, enabled, skipNonceCheck, emailOptional }
}

function apple(state: AuthState, { issuer, token }: IdTokenRequest): Accepted {
  const named = namedIssuer(token)
  if (named === undefined) throw errors.validation('Unable to detect issuer in ID token for Apple provider')
  if (!isAppleIssuer(named)) throw errors.validation('Detected ID token issuer is not an Apple ID token issuer')
  if (issuer !== '' && issuer !== named) throw errors.validation('Provided issuer does not match ID token issuer')
  const known = ofKnown(state, 'APPLE', named)
  const bundle = state.env.GOTRUE_EXTERNAL_IOS_BUNDLE_ID
  return { ...known, clientIds: bundle === '' ? known.clientIds : [...known.clientIds, bundle], options: { anyIssuer: true } }
}

const AZURE_ISSUERS = ['https://login.microsoftonline.com/', 'https://sts.windows.net/']

/** The tenant is whatever the token says; that it may sign in here is decided by the audience. */
function azure(state: AuthState, { issuer, token }: IdTokenRequest): Accepted {
  const named = namedIssuer(token)
  if (named === undefined) throw errors.validation('Unable to detect issuer in ID token for Azure provider')
  if (!AZURE_ISSUERS.some((prefix) => named.startsWith(prefix)))
    throw errors.validation('Detected ID token issuer is not an Azure ID token issuer')
  if (issuer !== '' && issuer !== named) throw errors.validation('Provided issuer does not match ID token issuer')
  return ofKnown(state, 'AZURE', named)
}

async function custom(state: AuthState, name: string): Promise<Accepted> {
  if (!state.env.GOTRUE_CUSTOM_OAUTH_ENABLED) throw errors.validation('Custom OAuth providers are disabled')
  const quoted = JSON.stringify(name)
  const row = await findCustomProvider(state.pool, name)
  if (!row) throw errors.validation(`Custom provider ${quoted} not found`)
  if (!row.enabled) throw errors.providerDisabled(`Custom provider ${quoted} is disabled`)
  if (row.provider_type !== 'oidc') throw errors.validation(`Provider ${quoted} is not an OIDC provider`)
  if (!row.issuer) throw errors.validation(`OIDC provider ${quoted} missing issuer`)
  return {
    provider: name,
    issuerName: row.issuer,
    clientIds: [row.client_id, ...row.acceptable_client_ids],
    enabled: true,
    skipNonceCheck: row.skip_nonce_check,
    emailOptional: row.email_optional,
    options: { guarded: true, discoveryUrl: row.discovery_url || discoveryUrlOf(row.issuer) },
  }
}
