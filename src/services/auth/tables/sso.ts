// auth.sso_providers with their SAML side and domains, and auth.saml_relay_states: sign-ins under way.
import { randomUUID } from 'node:crypto'
import type { AttributeMapping } from '../saml/assertion.ts'
import type { Db, Tx } from './database.ts'

export interface SsoProvider {
  readonly id: string
  readonly resource_id: string | null
  readonly disabled: boolean | null
  readonly created_at: Date
  readonly updated_at: Date
  readonly domains: readonly string[]
  readonly entity_id: string
  readonly metadata_xml: string
  readonly metadata_url: string | null
  readonly attribute_mapping: AttributeMapping
  readonly name_id_format: string | null
  readonly saml_updated_at: Date
}

const SELECT = `select p.id, p.resource_id, p.disabled, p.created_at, p.updated_at, s.entity_id, s.metadata_xml, s.metadata_url,
  coalesce(s.attribute_mapping, '{}') as attribute_mapping, s.name_id_format, s.updated_at as saml_updated_at,
  coalesce((select json_agg(d.domain order by d.created_at, d.domain) from auth.sso_domains d where d.sso_provider_id = p.id), '[]') as domains
  from auth.sso_providers p join auth.saml_providers s on s.sso_provider_id = p.id`

async function findOne(db: Db, where: string, value: string): Promise<SsoProvider | undefined> {
  const { rows } = await db.query<SsoProvider>(`${SELECT} where ${where} limit 1`, [value])
  return rows[0]
}
export const findSsoProvider = (db: Db, id: string) => findOne(db, 'p.id = $1', id)
export const findSsoProviderByResource = (db: Db, id: string) => findOne(db, 'p.resource_id = $1', id)
export const findSsoProviderByEntity = (db: Db, entityId: string) => findOne(db, 's.entity_id = $1', entityId)
export const findSsoProviderByDomain = (db: Db, domain: string) =>
  findOne(db, 'p.id in (select d.sso_provider_id from auth.sso_domains d where d.domain = $1)', domain)

export async function listSsoProviders(db: Db, resourceId: string, resourcePrefix: string): Promise<readonly SsoProvider[]> {
  const { rows } = await db.query<SsoProvider>(
    `${SELECT} where ($1 = '' or p.resource_id = $1) and ($1 <> '' or $2 = '' or starts_with(p.resource_id, $2)) order by p.created_at, p.id`,
    [resourceId, resourcePrefix],
  )
  return rows
}

export interface SsoValues {
  readonly resource_id: string | null
  readonly disabled: boolean | null
  readonly metadata_xml: string
  readonly metadata_url: string | null
  readonly attribute_mapping: AttributeMapping
  readonly name_id_format: string | null
}

export async function insertSsoProvider(tx: Tx, entityId: string, values: SsoValues, domains: readonly string[]): Promise<string> {
  const id = randomUUID()
  await tx.query('insert into auth.sso_providers (id, resource_id, disabled, created_at, updated_at) values ($1, $2, $3, now(), now())', [
    id,
    values.resource_id,
    values.disabled,
  ])
  await tx.query(
    `insert into auth.saml_providers (id, sso_provider_id, entity_id, metadata_xml, metadata_url, attribute_mapping, name_id_format, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, now(), now())`,
    [randomUUID(), id, entityId, values.metadata_xml, values.metadata_url, values.attribute_mapping, values.name_id_format],
  )
  await addDomains(tx, id, domains)
  return id
}

export async function updateSsoProvider(tx: Tx, id: string, values: SsoValues): Promise<void> {
  await tx.query('update auth.sso_providers set resource_id = $2, disabled = $3, updated_at = now() where id = $1', [
    id,
    values.resource_id,
    values.disabled,
  ])
  await tx.query(
    `update auth.saml_providers set metadata_xml = $2, metadata_url = $3, attribute_mapping = $4, name_id_format = $5, updated_at = now()
     where sso_provider_id = $1`,
    [id, values.metadata_xml, values.metadata_url, values.attribute_mapping, values.name_id_format],
  )
}

async function addDomains(tx: Tx, id: string, domains: readonly string[]): Promise<void> {
  for (const domain of domains)
    await tx.query('insert into auth.sso_domains (id, sso_provider_id, domain, created_at, updated_at) values ($1, $2, $3, now(), now())', [
      randomUUID(),
      id,
      domain,
    ])
}

/** Exactly these from now on. */
export async function replaceDomains(tx: Tx, id: string, before: readonly string[], domains: readonly string[]): Promise<void> {
  await tx.query('delete from auth.sso_domains where sso_provider_id = $1 and not domain = any($2::text[])', [id, domains])
  await addDomains(
    tx,
    id,
    domains.filter((domain) => !before.includes(domain)),
  )
}

export const deleteSsoProvider = (db: Db, id: string) => db.query('delete from auth.sso_providers where id = $1', [id])

/** Newer metadata of a provider that publishes it. */
export const refreshMetadata = (db: Db, id: string, xml: string) =>
  db.query('update auth.saml_providers set metadata_xml = $2, updated_at = now() where sso_provider_id = $1', [id, xml])

export interface RelayState {
  readonly id: string
  readonly sso_provider_id: string
  readonly request_id: string
  readonly redirect_to: string
  readonly created_at: Date
  readonly flow_state_id: string | null
}

export async function insertRelayState(db: Db, state: Omit<RelayState, 'id' | 'created_at'>): Promise<string> {
  const id = randomUUID()
  await db.query(
    `insert into auth.saml_relay_states (id, sso_provider_id, request_id, redirect_to, flow_state_id, created_at, updated_at)
     values ($1, $2, $3, $4, $5, now(), now())`,
    [id, state.sso_provider_id, state.request_id, state.redirect_to, state.flow_state_id],
  )
  return id
}

/** Gone once it was read: a response is good once. */
export async function takeRelayState(db: Db, id: string): Promise<RelayState | undefined> {
  const { rows } = await db.query<RelayState>(
    `delete from auth.saml_relay_states where id = $1
     returning id, sso_provider_id, request_id, coalesce(redirect_to, '') as redirect_to, created_at, flow_state_id`,
    [id],
  )
  return rows[0]
}
