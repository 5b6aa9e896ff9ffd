// auth.custom_oauth_providers: providers that an administrator added by the API.
import type { JsonMap } from '../request/body.ts'
import { assignments, type Db } from './database.ts'

export type CustomProviderType = 'oauth2' | 'oidc'

/** By its column names; the secret may be encrypted. */
export interface CustomProvider {
  readonly id: string
  readonly provider_type: CustomProviderType
  readonly identifier: string
  readonly name: string
  readonly client_id: string
  readonly client_secret: string
  readonly acceptable_client_ids: readonly string[]
  readonly scopes: readonly string[]
  readonly pkce_enabled: boolean
  readonly attribute_mapping: JsonMap
  readonly custom_claims_allowlist: readonly string[]
  readonly authorization_params: JsonMap
  readonly enabled: boolean
  readonly email_optional: boolean
  readonly issuer: string | null
  readonly discovery_url: string | null
  readonly skip_nonce_check: boolean
  readonly cached_discovery: JsonMap | null
  readonly authorization_url: string | null
  readonly token_url: string | null
  readonly userinfo_url: string | null
  readonly jwks_uri: string | null
  readonly created_at: Date
  readonly updated_at: Date
}

const COLUMNS = `id, provider_type, identifier, name, client_id, client_secret, acceptable_client_ids, scopes, pkce_enabled, attribute_mapping,
  custom_claims_allowlist, authorization_params, enabled, email_optional, issuer, discovery_url, skip_nonce_check, cached_discovery,
  authorization_url, token_url, userinfo_url, jwks_uri, created_at, updated_at`

export async function findCustomProvider(db: Db, identifier: string): Promise<CustomProvider | undefined> {
  const { rows } = await db.query<CustomProvider>(`select ${COLUMNS} from auth.custom_oauth_providers where identifier = $1`, [identifier])
  return rows[0]
}

export async function listCustomProviders(db: Db, type: CustomProviderType | undefined): Promise<readonly CustomProvider[]> {
  const { rows } = await db.query<CustomProvider>(
    `select ${COLUMNS} from auth.custom_oauth_providers where $1::text is null or provider_type = $1 order by created_at desc, id`,
    [type ?? null],
  )
  return rows
}

export async function countCustomProviders(db: Db): Promise<number> {
  const { rows } = await db.query<{ total: number }>('select count(*)::int as total from auth.custom_oauth_providers')
  return rows[0]?.total ?? 0
}

export type CustomProviderValues = Partial<Omit<CustomProvider, 'created_at' | 'updated_at'>> & { readonly discovery_cached_at?: Date }

export async function insertCustomProvider(db: Db, values: CustomProviderValues): Promise<CustomProvider> {
  const columns = Object.keys(values)
  const { rows } = await db.query<CustomProvider>(
    `insert into auth.custom_oauth_providers (${columns.map((column) => `"${column}"`).join(', ')})
     values (${columns.map((_, index) => `$${index + 1}`).join(', ')}) returning ${COLUMNS}`,
    Object.values(values),
  )
  return rows[0]!
}

export async function updateCustomProvider(db: Db, id: string, values: CustomProviderValues): Promise<CustomProvider | undefined> {
  const { sql, values: parameters } = assignments({ ...values, updated_at: new Date() }, 2)
  const { rows } = await db.query<CustomProvider>(`update auth.custom_oauth_providers set ${sql} where id = $1 returning ${COLUMNS}`, [
    id,
    ...parameters,
  ])
  return rows[0]
}

/** False when there was none. */
export async function deleteCustomProvider(db: Db, identifier: string): Promise<CustomProvider | undefined> {
  const { rows } = await db.query<CustomProvider>(`delete from auth.custom_oauth_providers where identifier = $1 returning ${COLUMNS}`, [
    identifier,
  ])
  return rows[0]
}
