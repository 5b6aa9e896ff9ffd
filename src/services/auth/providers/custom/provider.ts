// Providers that an administrator added at run time, `custom:<name>`: OAuth 2 with its addresses, or OpenID Connect by its issuer. All
// requests to them keep away from private addresses.
import { z } from 'zod'
import type { JsonMap } from '../../request/body.ts'
import type { AuthState } from '../../state.ts'
import { type CustomProvider, findCustomProvider } from '../../tables/custom-providers.ts'
import { type Claims, type ExternalUser, onlyEmail } from '../claims.ts'
import type { OpenedProvider } from '../known.ts'
import { readIdToken } from '../oidc/id-token.ts'
import { discoveryUrlOf, type Issuer } from '../oidc/issuers.ts'
import { standardClaims } from '../oidc/profiles.ts'
import { idTokenOf } from '../oidc/sign-in.ts'
import { type OAuthProvider, type ProfileClient, ProviderError, type ProviderSettings } from '../provider.ts'

export const CUSTOM_PREFIX = 'custom:'
const userInfo = z.looseObject({})

/** Rejects with a ProviderError whose words complete "Unsupported provider: ". Scopes are separated by blanks here. */
export async function openCustomProvider(state: AuthState, name: string, scopes: string): Promise<OpenedProvider> {
  if (!state.env.GOTRUE_CUSTOM_OAUTH_ENABLED) throw new ProviderError('custom OAuth providers are disabled')
  const row = await findCustomProvider(state.pool, name)
  if (!row) throw new ProviderError(`custom provider ${name} not found`)
  if (!row.enabled) throw new ProviderError(`custom provider ${name} is disabled`)
  const asked = scopes.split(/\s+/).filter((scope) => scope !== '')
  const wanted = asked.length > 0 ? asked : row.scopes
  const external = state.env.GOTRUE_CUSTOM_OAUTH_EXTERNAL_URL ?? state.env.API_EXTERNAL_URL
  const settings: ProviderSettings = {
    clientId: row.client_id,
    secret: state.cipher.open(row.id, row.client_secret),
    redirectUri: `${external.replace(/\/+$/, '')}/callback`,
    url: '',
    emailOptional: row.email_optional,
  }
  return { settings, provider: row.provider_type === 'oidc' ? await openOidc(state, row, wanted) : openOAuth2(row, wanted) }
}

const common = (row: CustomProvider) => ({
  authorizeParams: Object.fromEntries(Object.entries(row.authorization_params).filter(([, value]) => typeof value === 'string')) as Record<
    string,
    string
  >,
  pkce: row.pkce_enabled,
  guarded: true,
})

function openOAuth2(row: CustomProvider, scopes: readonly string[]): OAuthProvider {
  const { authorization_url: authorizeUrl, token_url: tokenUrl, userinfo_url: profileUrl } = row
  if (!authorizeUrl || !tokenUrl || !profileUrl) throw new ProviderError(`OAuth2 provider ${row.identifier} missing required endpoints`)
  return { ...common(row), authorizeUrl, tokenUrl, scopes, profile: (client) => profileByUserInfo(client, profileUrl, row) }
}

async function openOidc(state: AuthState, row: CustomProvider, scopes: readonly string[]): Promise<OAuthProvider> {
  if (!row.issuer) throw new ProviderError(`OIDC provider ${row.identifier} missing issuer`)
  const name = row.issuer
  let issuer: Issuer
  try {
    issuer = await state.issuers.get(name, { discoveryUrl: row.discovery_url || discoveryUrlOf(name), guarded: true })
  } catch (error) {
    const words = error instanceof Error ? error.message : 'oidc: discovery failed'
    throw new ProviderError(`error creating OIDC provider: failed to create OIDC provider: ${words}`, error)
  }
  const { authorization_endpoint: authorizeUrl, token_endpoint: tokenUrl, userinfo_endpoint: profileUrl } = issuer.document
  return {
    ...common(row),
    authorizeUrl: authorizeUrl ?? '',
    tokenUrl: tokenUrl ?? '',
    scopes: scopes.includes('openid') ? scopes : ['openid', ...scopes],
    async profile(client) {
      if (idTokenOf(client)) return profileByIdToken(client, issuer, name, row)
      if (profileUrl) return profileByUserInfo(client, profileUrl, row)
      throw new Error('no ID token or userinfo endpoint available')
    },
  }
}

async function profileByIdToken(client: ProfileClient, issuer: Issuer, name: string, row: CustomProvider): Promise<ExternalUser> {
  const { token, user } = await readIdToken(issuer, idTokenOf(client), { issuer: name })
  const accepted = [row.client_id, ...row.acceptable_client_ids]
  if (!token.audience.some((audience) => accepted.includes(audience)))
    throw new Error('token audience does not match any acceptable client ID')
  return { emails: user.emails, claims: mapped(allowed(user.claims, token.claims, row), row) }
}

async function profileByUserInfo(client: ProfileClient, url: string, row: CustomProvider): Promise<ExternalUser> {
  const raw: JsonMap = await client.get(url, userInfo)
  const claims = mapped(allowed(standardClaims(raw), raw, row), row)
  return { emails: onlyEmail(claims.email ?? '', claims.email_verified ?? false), claims }
}

/** Claims without a place of their own are kept only where the administrator named them. */
function allowed(claims: Claims, raw: JsonMap, { custom_claims_allowlist: names }: CustomProvider): Claims {
  const kept = names.filter((name) => Object.hasOwn(raw, name)).map((name) => [name, raw[name]] as const)
  return kept.length === 0 ? claims : { ...claims, custom_claims: { ...claims.custom_claims, ...Object.fromEntries(kept) } }
}

/** Each target takes the value of another claim, or a value that is no text as it is. A mapping that gives wrong types is not applied. */
function mapped(claims: Claims, { attribute_mapping: mapping }: CustomProvider): Claims {
  const targets = Object.entries(mapping)
  if (targets.length === 0) return claims
  const known = new Map(Object.entries(claims).filter(([, value]) => value !== undefined && value !== '' && value !== 0 && value !== false))
  for (const [target, source] of targets) {
    if (typeof source !== 'string') known.set(target, source)
    else if (known.has(source)) known.set(target, known.get(source))
  }
  try {
    return standardClaims(Object.fromEntries(known))
  } catch {
    return claims // as upstream: what cannot be applied changes nothing
  }
}
