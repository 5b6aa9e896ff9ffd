// What an administrator may say of a provider, in upstream's order and words.
import { z } from 'zod'
import { errors } from '../../errors.ts'
import { type JsonMap, optionalString, string } from '../../request/body.ts'
import type { AuthState } from '../../state.ts'
import type { CustomProviderType } from '../../tables/custom-providers.ts'
import { RESERVED_PARAMS } from '../authorize-url.ts'
import { type Discovery, discover } from '../oidc/issuers.ts'
import { CUSTOM_PREFIX } from './provider.ts'

const strings = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? undefined)
const map = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => value ?? undefined)
const maybe = z
  .boolean()
  .nullish()
  .transform((value) => value ?? undefined)

export const customBody = z.object({
  provider_type: string,
  identifier: string,
  name: string,
  client_id: string,
  client_secret: string,
  acceptable_client_ids: strings,
  scopes: strings,
  pkce_enabled: maybe,
  attribute_mapping: map,
  custom_claims_allowlist: strings,
  authorization_params: map,
  enabled: maybe,
  email_optional: maybe,
  issuer: string,
  discovery_url: optionalString,
  skip_nonce_check: maybe,
  authorization_url: string,
  token_url: string,
  userinfo_url: string,
  jwks_uri: optionalString,
})
export type CustomParams = z.output<typeof customBody>

/** Set by us alone: a provider could make anybody anything. */
const PROTECTED: ReadonlySet<string> = new Set([
  'id',
  'aud',
  'role',
  'app_metadata',
  'created_at',
  'updated_at',
  'confirmed_at',
  'email_confirmed_at',
  'phone_confirmed_at',
  'email_verified',
  'phone_verified',
  'banned_until',
  'is_super_admin',
])

export function checkIdentifier(identifier: string): void {
  if (identifier === '') throw errors.validation('identifier is required')
  if (!identifier.startsWith(CUSTOM_PREFIX))
    throw errors.validation(`identifier must start with 'custom:' prefix, e.g. 'custom:${identifier}'`)
}

export function checkRequired(params: CustomParams, type: CustomProviderType): void {
  const need = (name: keyof CustomParams, of = ''): void => {
    if (params[name] === '') throw errors.validation(`${name} is required${of}`)
  }
  checkIdentifier(params.identifier)
  need('name')
  need('client_id')
  need('client_secret')
  if (type === 'oidc') need('issuer', ' for OIDC providers')
  else for (const name of ['authorization_url', 'token_url', 'userinfo_url'] as const) need(name, ' for OAuth2 providers')
}

export function checkOptions({
  authorization_params: params,
  attribute_mapping: mapping,
  custom_claims_allowlist: claims,
}: CustomParams): void {
  for (const [key, value] of Object.entries(params ?? {})) {
    if (RESERVED_PARAMS.includes(key)) throw errors.validation(`Cannot override reserved OAuth parameter: ${key}`)
    if (typeof value !== 'string') throw errors.validation(`Authorization parameter ${JSON.stringify(key)} must be a string`)
  }
  for (const target of Object.keys(mapping ?? {}))
    if (PROTECTED.has(target)) throw errors.validation(`Cannot map to protected system field: ${target}`)
  if (claims?.some((claim) => claim.trim() === '')) throw errors.validation('custom_claims_allowlist entries must be non-empty strings')
}

/** The addresses that will be asked: all of them public. */
export async function checkAddresses({ outgoing }: AuthState, params: CustomParams, type: CustomProviderType): Promise<void> {
  const urls =
    type === 'oidc'
      ? [params.issuer, params.discovery_url]
      : [params.authorization_url, params.token_url, params.userinfo_url, params.jwks_uri]
  for (const url of urls) if (url) await outgoing.check(url)
}

/** The discovery document as it is kept. Throws `validation_failed` if it cannot be had or lacks what a sign-in needs. */
export async function fetchDiscovery({ outgoing }: AuthState, issuer: string, discoveryUrl: string): Promise<JsonMap> {
  let document: Discovery
  try {
    document = await discover(outgoing, issuer, { discoveryUrl, guarded: true })
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    throw errors.validation(`OIDC discovery from ${JSON.stringify(discoveryUrl)} failed: ${words}`, error)
  }
  const missing = (['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const).filter((name) => !document[name])
  if (missing.length > 0) throw errors.validation(`OIDC discovery document is missing required fields: ${missing.join(', ')}`)
  const { id_token_signing_alg_values_supported: _algorithms, ...kept } = document
  return Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== null && value !== undefined))
}
