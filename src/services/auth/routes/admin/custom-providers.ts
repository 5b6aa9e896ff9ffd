import { randomUUID } from 'node:crypto'
import { errors } from '../../errors.ts'
import {
  type CustomParams,
  checkAddresses,
  checkIdentifier,
  checkOptions,
  checkRequired,
  customBody,
  fetchDiscovery,
} from '../../providers/custom/checks.ts'
import { discoveryUrlOf } from '../../providers/oidc/issuers.ts'
import { readBody } from '../../request/body.ts'
import { type Call, ok } from '../../request/call.ts'
import { adminRoute } from '../../route.ts'
import type { AuthState } from '../../state.ts'
import {
  type CustomProvider,
  type CustomProviderType,
  type CustomProviderValues,
  countCustomProviders,
  deleteCustomProvider,
  findCustomProvider,
  insertCustomProvider,
  listCustomProviders,
  updateCustomProvider,
} from '../../tables/custom-providers.ts'

function requireOn({ env }: AuthState): void {
  if (!env.GOTRUE_CUSTOM_OAUTH_ENABLED) throw errors.featureDisabled('Custom OAuth providers are disabled')
}
const isType = (text: string): text is CustomProviderType => text === 'oauth2' || text === 'oidc'

/** The secret is never shown. */
function show({ client_secret: _secret, cached_discovery: discovery, ...row }: CustomProvider) {
  const given = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))
  return discovery ? { ...given, discovery_document: discovery } : given
}

/** Sign-in by OpenID Connect needs this scope. */
const withOpenId = (scopes: readonly string[]): readonly string[] => (scopes.includes('openid') ? scopes : ['openid', ...scopes])

async function load({ pool }: AuthState, call: Call): Promise<CustomProvider> {
  const identifier = call.params['identifier'] ?? ''
  checkIdentifier(identifier)
  const row = await findCustomProvider(pool, identifier)
  if (!row) throw errors.customProviderNotFound()
  return row
}

export const adminListCustom = adminRoute({
  method: 'GET',
  path: '/admin/custom-providers',
  async handle(call, state) {
    requireOn(state)
    const type = call.query.get('type') ?? ''
    if (type !== '' && !isType(type)) throw errors.validation("type must be either 'oauth2' or 'oidc'")
    const rows = await listCustomProviders(state.pool, type === '' ? undefined : (type as CustomProviderType))
    return ok({ providers: rows.map(show) })
  },
})

export const adminCreateCustom = adminRoute({
  method: 'POST',
  path: '/admin/custom-providers',
  async handle(call, state) {
    requireOn(state)
    const params = readBody(call, customBody)
    const type = params.provider_type
    if (!isType(type)) throw errors.validation("provider_type must be either 'oauth2' or 'oidc'")
    checkRequired(params, type)
    checkOptions(params)
    const most = state.env.GOTRUE_CUSTOM_OAUTH_MAX_PROVIDERS
    if (most > 0 && (await countCustomProviders(state.pool)) >= most) throw errors.customProviderQuota()
    await checkAddresses(state, params, type)
    if (await findCustomProvider(state.pool, params.identifier)) throw errors.customProviderExists()
    const values = { ...common(params), ...(type === 'oidc' ? await oidcValues(state, params) : oauth2Values(params)) }
    try {
      const id = randomUUID()
      const secret = state.cipher.seal(id, params.client_secret)
      const row = await insertCustomProvider(state.pool, { id, provider_type: type, client_secret: secret, ...values })
      return { status: 201, json: show(row) }
    } catch (error) {
      throw errors.failure('Error creating custom OAuth provider', error)
    }
  },
})

const common = (params: CustomParams): CustomProviderValues => ({
  identifier: params.identifier,
  name: params.name,
  client_id: params.client_id,
  acceptable_client_ids: params.acceptable_client_ids ?? [],
  scopes: params.scopes ?? [],
  pkce_enabled: params.pkce_enabled ?? true,
  attribute_mapping: params.attribute_mapping ?? {},
  custom_claims_allowlist: params.custom_claims_allowlist ?? [],
  authorization_params: params.authorization_params ?? {},
  enabled: params.enabled ?? true,
  email_optional: params.email_optional ?? false,
})

const oauth2Values = (params: CustomParams): CustomProviderValues => ({
  authorization_url: params.authorization_url,
  token_url: params.token_url,
  userinfo_url: params.userinfo_url,
  jwks_uri: params.jwks_uri || null,
})

async function oidcValues(state: AuthState, params: CustomParams): Promise<CustomProviderValues> {
  const discoveryUrl = params.discovery_url || discoveryUrlOf(params.issuer)
  return {
    issuer: params.issuer,
    discovery_url: params.discovery_url || null,
    skip_nonce_check: params.skip_nonce_check ?? false,
    scopes: withOpenId(params.scopes ?? []),
    cached_discovery: await fetchDiscovery(state, params.issuer, discoveryUrl),
    discovery_cached_at: new Date(),
  }
}

export const adminGetCustom = adminRoute({
  method: 'GET',
  path: '/admin/custom-providers/:identifier',
  async handle(call, state) {
    requireOn(state)
    return ok(show(await load(state, call)))
  },
})

export const adminUpdateCustom = adminRoute({
  method: 'PUT',
  path: '/admin/custom-providers/:identifier',
  async handle(call, state) {
    requireOn(state)
    checkIdentifier(call.params['identifier'] ?? '')
    const params = readBody(call, customBody)
    checkOptions(params)
    const row = await load(state, call)
    await checkAddresses(state, params, row.provider_type)
    const values = await changesOf(state, params, row)
    let changed: CustomProvider | undefined
    try {
      changed = await updateCustomProvider(state.pool, row.id, values)
    } catch (error) {
      throw errors.failure('Error updating custom OAuth provider', error)
    }
    if (!changed) throw errors.customProviderNotFound()
    for (const issuer of [row.issuer, changed.issuer]) if (issuer) state.issuers.forget(issuer)
    return ok(show(changed))
  },
})

/** What the body gives replaces what was; empty texts change nothing. */
async function changesOf(state: AuthState, params: CustomParams, row: CustomProvider): Promise<CustomProviderValues> {
  const isOidc = row.provider_type === 'oidc'
  const scopes = params.scopes && (isOidc ? withOpenId(params.scopes) : params.scopes)
  const texts = isOidc
    ? { name: params.name, client_id: params.client_id, issuer: params.issuer, discovery_url: params.discovery_url }
    : {
        name: params.name,
        client_id: params.client_id,
        authorization_url: params.authorization_url,
        token_url: params.token_url,
        userinfo_url: params.userinfo_url,
        jwks_uri: params.jwks_uri,
      }
  const given = {
    acceptable_client_ids: params.acceptable_client_ids,
    scopes,
    pkce_enabled: params.pkce_enabled,
    attribute_mapping: params.attribute_mapping,
    custom_claims_allowlist: params.custom_claims_allowlist,
    authorization_params: params.authorization_params,
    enabled: params.enabled,
    email_optional: params.email_optional,
    ...(isOidc ? { skip_nonce_check: params.skip_nonce_check } : {}),
  }
  const values: CustomProviderValues = Object.fromEntries([
    ...Object.entries(texts).filter(([, value]) => value),
    ...Object.entries(given).filter(([, value]) => value !== undefined),
    ...(params.client_secret === '' ? [] : [['client_secret', state.cipher.seal(row.id, params.client_secret)]]),
  ])
  if (!isOidc || (params.issuer === '' && params.discovery_url === undefined)) return values
  const issuer = params.issuer || (row.issuer ?? '')
  const discoveryUrl = params.discovery_url || row.discovery_url || discoveryUrlOf(issuer)
  return { ...values, cached_discovery: await fetchDiscovery(state, issuer, discoveryUrl), discovery_cached_at: new Date() }
}

export const adminDeleteCustom = adminRoute({
  method: 'DELETE',
  path: '/admin/custom-providers/:identifier',
  async handle(call, state) {
    requireOn(state)
    const row = await load(state, call)
    await deleteCustomProvider(state.pool, row.identifier)
    if (row.issuer) state.issuers.forget(row.issuer)
    return { status: 204 }
  },
})
