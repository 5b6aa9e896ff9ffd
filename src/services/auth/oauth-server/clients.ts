// Clients as the API takes and shows them: what a registration may say, what follows from it, and the secret that is shown once.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { errors } from '../errors.ts'
import { string } from '../request/body.ts'
import type { ClientType, OAuthClient, RegistrationType, TokenAuthMethod } from '../tables/oauth-clients.ts'
import { isRequestUri, redirectUriProblem } from './redirect-uri.ts'

const METHODS = ['none', 'client_secret_basic', 'client_secret_post'] as const
const CONFIDENTIAL_METHODS = ['client_secret_basic', 'client_secret_post'] as const
const GRANT_TYPES = ['authorization_code', 'refresh_token'] as const
const MAX_REDIRECT_URIS = 10

const strings = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? undefined)
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined)

export const registration = z.object({
  redirect_uris: strings,
  client_type: string,
  token_endpoint_auth_method: string,
  grant_types: strings,
  client_name: string,
  client_uri: string,
  logo_uri: string,
})
export const clientChange = z.object({
  redirect_uris: strings,
  grant_types: strings,
  client_name: text,
  client_uri: text,
  logo_uri: text,
  token_endpoint_auth_method: text,
})

/** Go prints a list so. */
const listed = (items: readonly string[]): string => `[${items.join(' ')}]`
const isMethod = (method: string): method is TokenAuthMethod => (METHODS as readonly string[]).includes(method)
const typeOf = (method: TokenAuthMethod): ClientType => (method === 'none' ? 'public' : 'confidential')

/** The client that a registration describes, without id and secret. Throws `validation_failed`. */
export function acceptRegistration(
  params: z.output<typeof registration>,
  registrationType: RegistrationType,
): Omit<OAuthClient, 'id' | 'secretHash' | 'createdAt' | 'updatedAt'> {
  const redirectUris = params.redirect_uris ?? []
  if (redirectUris.length === 0) throw errors.validation('redirect_uris is required')
  checkRedirectUris(redirectUris)
  const grantTypes = params.grant_types ?? []
  if (grantTypes.length > 0) checkGrantTypes(grantTypes)
  checkWords({ name: params.client_name, uri: params.client_uri, logoUri: params.logo_uri })
  const { client_type: type, token_endpoint_auth_method: method } = params
  if (type !== '' && type !== 'public' && type !== 'confidential') throw errors.validation("client_type must be 'public' or 'confidential'")
  if (method !== '' && !isMethod(method)) throw errors.validation(`token_endpoint_auth_method must be one of: ${listed(METHODS)}`)
  if (type !== '' && method !== '' && typeOf(method) !== type)
    throw errors.validation(
      `client_type '${type}' is inconsistent with token_endpoint_auth_method '${method}' (expected client_type '${typeOf(method)}')`,
    )
  const finalType = type !== '' ? type : method !== '' ? typeOf(method) : 'confidential'
  return {
    registrationType,
    redirectUris,
    grantTypes: grantTypes.length > 0 ? grantTypes : GRANT_TYPES,
    name: params.client_name,
    uri: params.client_uri,
    logoUri: params.logo_uri,
    type: finalType,
    authMethod: method !== '' ? method : finalType === 'public' ? 'none' : 'client_secret_basic',
  }
}

/** The client as it is to be. Throws `validation_failed`. */
export function acceptChange(client: OAuthClient, change: z.output<typeof clientChange>): OAuthClient {
  if (Object.values(change).every((value) => value === undefined)) throw errors.validation('No fields provided for update')
  if (change.redirect_uris) {
    if (change.redirect_uris.length === 0) throw errors.validation('redirect_uris cannot be empty')
    checkRedirectUris(change.redirect_uris)
  }
  if (change.grant_types) checkGrantTypes(change.grant_types)
  checkWords({ name: change.client_name ?? '', uri: change.client_uri ?? '', logoUri: change.logo_uri ?? '' })
  return {
    ...client,
    redirectUris: change.redirect_uris ?? client.redirectUris,
    grantTypes: change.grant_types ?? client.grantTypes,
    name: change.client_name ?? client.name,
    uri: change.client_uri ?? client.uri,
    logoUri: change.logo_uri ?? client.logoUri,
    authMethod:
      change.token_endpoint_auth_method === undefined ? client.authMethod : acceptMethod(client, change.token_endpoint_auth_method),
  }
}

function acceptMethod(client: OAuthClient, method: string): TokenAuthMethod {
  if (!isMethod(method)) throw errors.validation(`invalid token_endpoint_auth_method: must be one of ${listed(METHODS)}`)
  if (typeOf(method) !== client.type)
    throw errors.validation(
      `token_endpoint_auth_method '${method}' is not valid for client_type '${client.type}'; valid methods: ${listed(client.type === 'public' ? ['none'] : CONFIDENTIAL_METHODS)}`,
    )
  return method
}

function checkRedirectUris(uris: readonly string[]): void {
  if (uris.length > MAX_REDIRECT_URIS) throw errors.validation('redirect_uris cannot exceed 10 items')
  for (const uri of uris) {
    const problem = redirectUriProblem(uri)
    if (problem) throw errors.validation(`invalid redirect_uri '${uri}': ${problem}`)
    // They are kept in one text with commas between: one with a comma would come back as two that nobody registered.
    if (uri.includes(',')) throw errors.validation(`invalid redirect_uri '${uri}': comma not allowed in redirect URI`)
  }
}

function checkGrantTypes(types: readonly string[]): void {
  if (types.length === 0) throw errors.validation('grant_types cannot be empty')
  if (types.some((type) => !(GRANT_TYPES as readonly string[]).includes(type)))
    throw errors.validation("grant_types must only contain 'authorization_code' and/or 'refresh_token'")
}

function checkWords({ name, uri, logoUri }: { name: string; uri: string; logoUri: string }): void {
  if (Buffer.byteLength(name) > 1024) throw errors.validation('client_name cannot exceed 1024 characters')
  for (const [field, value] of [
    ['client_uri', uri],
    ['logo_uri', logoUri],
  ] as const) {
    if (value === '') continue
    if (Buffer.byteLength(value) > 2048) throw errors.validation(`${field} cannot exceed 2048 characters`)
    if (!isRequestUri(value)) throw errors.validation(`${field} must be a valid URL`)
  }
}

const given = (value: string): string | undefined => value || undefined

/** `secret` only where it was made just now. */
export const showClient = (client: OAuthClient, secret?: string) => ({
  client_id: client.id,
  client_secret: secret,
  client_type: client.type,
  redirect_uris: client.redirectUris.length > 0 ? client.redirectUris : undefined,
  token_endpoint_auth_method: client.authMethod,
  grant_types: client.grantTypes.length > 0 ? client.grantTypes : undefined,
  response_types: ['code'],
  client_name: given(client.name),
  client_uri: given(client.uri),
  logo_uri: given(client.logoUri),
  registration_type: client.registrationType,
  created_at: client.createdAt.toISOString(),
  updated_at: client.updatedAt.toISOString(),
})

/** What a person is shown of a client. */
export const showAppOf = ({ id, name, uri, logoUri }: Pick<OAuthClient, 'id' | 'name' | 'uri' | 'logoUri'>) => ({
  id,
  name: given(name),
  uri: given(uri),
  logo_uri: given(logoUri),
})

/** 256 random bits in base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url')
export const secretHash = (secret: string): string => createHash('sha256').update(secret).digest('base64url')

export function isSecret(given: string, hash: string): boolean {
  const stored = Buffer.from(hash, 'base64url')
  const found = createHash('sha256').update(given).digest()
  return stored.length === found.length && timingSafeEqual(found, stored)
}
