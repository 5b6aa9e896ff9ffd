import { z } from 'zod'
import { errors } from '../../errors.ts'
import { isUuid } from '../../request/addresses.ts'
import { optionalString, readBody, string } from '../../request/body.ts'
import { type Call, ok } from '../../request/call.ts'
import { adminRoute } from '../../route.ts'
import { type AttributeMapping, attributeMapping } from '../../saml/assertion.ts'
import { fetchMetadata, readMetadata } from '../../saml/identity-provider.ts'
import { NAME_ID } from '../../saml/service-provider.ts'
import type { AuthState } from '../../state.ts'
import { transaction } from '../../tables/database.ts'
import {
  deleteSsoProvider,
  findSsoProvider,
  findSsoProviderByDomain,
  findSsoProviderByEntity,
  findSsoProviderByResource,
  insertSsoProvider,
  listSsoProviders,
  replaceDomains,
  type SsoProvider,
  type SsoValues,
  updateSsoProvider,
} from '../../tables/sso.ts'

const body = z.object({
  type: string,
  metadata_url: string,
  metadata_xml: string,
  domains: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? undefined),
  attribute_mapping: attributeMapping.nullish().transform((value) => value ?? { keys: undefined }),
  name_id_format: string,
  resource_id: optionalString,
  disabled: z
    .boolean()
    .nullish()
    .transform((value) => value ?? undefined),
})
type Params = z.output<typeof body>
const FORMATS: readonly string[] = [NAME_ID.persistent, NAME_ID.email, NAME_ID.transient, NAME_ID.unspecified]
const RESOURCE_PREFIX = 'resource_'

function check(params: Params, isNew: boolean): void {
  const { type, metadata_url: url, metadata_xml: xml, name_id_format: format } = params
  if (isNew && type !== 'saml') throw errors.validation("Only 'saml' supported for SSO provider type")
  if (url !== '' && xml !== '') throw errors.validation('Only one of metadata_xml or metadata_url needs to be set')
  if (isNew && url === '' && xml === '') throw errors.validation('Either metadata_xml or metadata_url must be set')
  if (url !== '') {
    if (!URL.canParse(url)) throw errors.validation('metadata_url is not a valid URL')
    if (!url.startsWith('https://')) throw errors.validation('metadata_url is not a HTTPS URL')
  }
  if (format !== '' && !FORMATS.includes(format))
    throw errors.validation(`name_id_format must be unspecified or one of ${FORMATS.join(', ')}`)
}

async function metadataOf(state: AuthState, { metadata_url: url, metadata_xml: xml }: Params) {
  const text = xml !== '' ? xml : await fetchMetadata(state.outgoing, url)
  return { text, idp: readMetadata(text) }
}

/** Times and names as upstream shows them; the list leaves the metadata out. */
function show(provider: SsoProvider, whole = true) {
  return {
    id: provider.id,
    resource_id: provider.resource_id ?? undefined,
    disabled: provider.disabled ?? undefined,
    saml: {
      entity_id: provider.entity_id,
      metadata_xml: whole ? provider.metadata_xml : undefined,
      metadata_url: provider.metadata_url ?? undefined,
      attribute_mapping: provider.attribute_mapping,
      name_id_format: provider.name_id_format ?? undefined,
    },
    domains: provider.domains.map((domain) => ({ domain })),
    created_at: provider.created_at,
    updated_at: provider.updated_at,
  }
}

async function load({ pool }: AuthState, call: Call): Promise<SsoProvider> {
  const id = call.params['idp_id'] ?? ''
  const provider = id.startsWith(RESOURCE_PREFIX)
    ? await findSsoProviderByResource(pool, id.slice(RESOURCE_PREFIX.length))
    : isUuid(id)
      ? await findSsoProvider(pool, id)
      : undefined
  if (!provider) throw errors.ssoProviderNotFound('SSO Identity Provider not found')
  return provider
}

export const adminListSso = adminRoute({
  method: 'GET',
  path: '/admin/sso/providers',
  async handle(call, { pool }) {
    const providers = await listSsoProviders(pool, call.query.get('resource_id') ?? '', call.query.get('resource_id_prefix') ?? '')
    return ok({ items: providers.map((provider) => show(provider, false)) })
  },
})

export const adminCreateSso = adminRoute({
  method: 'POST',
  path: '/admin/sso/providers',
  async handle(call, state) {
    const params = readBody(call, body)
    check(params, true)
    const { text, idp } = await metadataOf(state, params)
    if (await findSsoProviderByEntity(state.pool, idp.entityId))
      throw errors.samlIdpExists(`SAML Identity Provider with this EntityID (${idp.entityId}) already exists`)
    const domains = params.domains ?? []
    for (const domain of domains) {
      const taken = await findSsoProviderByDomain(state.pool, domain)
      if (taken) throw errors.ssoDomainExists(`SSO Domain '${domain}' is already assigned to an SSO identity provider (${taken.id})`)
    }
    const values: SsoValues = {
      resource_id: params.resource_id ?? null,
      disabled: params.disabled ?? null,
      metadata_xml: text,
      metadata_url: params.metadata_url || null,
      attribute_mapping: params.attribute_mapping,
      name_id_format: params.name_id_format || null,
    }
    const id = await transaction(state.pool, (tx) => insertSsoProvider(tx, idp.entityId, values, domains))
    return { status: 201, json: show((await findSsoProvider(state.pool, id))!) }
  },
})

export const adminGetSso = adminRoute({
  method: 'GET',
  path: '/admin/sso/providers/:idp_id',
  handle: async (call, state) => ok(show(await load(state, call))),
})

export const adminUpdateSso = adminRoute({
  method: 'PUT',
  path: '/admin/sso/providers/:idp_id',
  async handle(call, state) {
    const provider = await load(state, call)
    const params = readBody(call, body)
    check(params, false)
    const metadata = params.metadata_xml !== '' || params.metadata_url !== '' ? await metadataOf(state, params) : undefined
    if (metadata && metadata.idp.entityId !== provider.entity_id)
      throw errors.samlEntityMismatch(
        `SAML Metadata can be updated only if the EntityID matches for the provider; expected '${provider.entity_id}' but got '${metadata.idp.entityId}'`,
      )
    for (const domain of params.domains ?? []) {
      const owner = await findSsoProviderByDomain(state.pool, domain)
      if (owner && owner.id !== provider.id)
        throw errors.ssoDomainExists(`SSO domain '${domain}' already assigned to another provider (${owner.id})`)
    }
    const values: SsoValues = {
      resource_id: params.resource_id === undefined ? provider.resource_id : params.resource_id || null,
      disabled: params.disabled ?? provider.disabled,
      metadata_xml: metadata?.text ?? provider.metadata_xml,
      metadata_url: params.metadata_url || provider.metadata_url,
      attribute_mapping: mappingOf(params, provider),
      name_id_format: params.name_id_format || null,
    }
    try {
      await transaction(state.pool, async (tx) => {
        await updateSsoProvider(tx, provider.id, values)
        if (params.domains) await replaceDomains(tx, provider.id, provider.domains, params.domains)
      })
    } catch (error) {
      throw errors.ssoConflict(error)
    }
    return ok(show((await findSsoProvider(state.pool, provider.id)) ?? provider))
  },
})

const mappingOf = ({ attribute_mapping: given }: Params, provider: SsoProvider): AttributeMapping =>
  given.keys === undefined ? provider.attribute_mapping : given

export const adminDeleteSso = adminRoute({
  method: 'DELETE',
  path: '/admin/sso/providers/:idp_id',
  async handle(call, state) {
    const provider = await load(state, call)
    await deleteSsoProvider(state.pool, provider.id)
    return ok(show(provider))
  },
})
