// auth.oauth_clients: the applications that may ask for access. A deleted client keeps its row and is never found again.
import type { Db } from './database.ts'

export type ClientType = 'public' | 'confidential'
export type TokenAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'none'
export type RegistrationType = 'dynamic' | 'manual'

export interface OAuthClient {
  readonly id: string
  /** base64url of SHA-256; empty for public clients. */
  readonly secretHash: string
  readonly registrationType: RegistrationType
  readonly redirectUris: readonly string[]
  readonly grantTypes: readonly string[]
  readonly name: string
  readonly uri: string
  readonly logoUri: string
  readonly type: ClientType
  readonly authMethod: TokenAuthMethod
  readonly createdAt: Date
  readonly updatedAt: Date
}

interface Row {
  readonly id: string
  readonly client_secret_hash: string
  readonly registration_type: RegistrationType
  readonly redirect_uris: string
  readonly grant_types: string
  readonly client_name: string
  readonly client_uri: string
  readonly logo_uri: string
  readonly client_type: ClientType
  readonly token_endpoint_auth_method: TokenAuthMethod
  readonly created_at: Date
  readonly updated_at: Date
}

const COLUMNS = `id, coalesce(client_secret_hash, '') as client_secret_hash, registration_type, redirect_uris, grant_types, coalesce(client_name, '') as client_name,
  coalesce(client_uri, '') as client_uri, coalesce(logo_uri, '') as logo_uri, client_type, token_endpoint_auth_method, created_at, updated_at`

// Lists are one text with commas between, as upstream keeps them.
const toList = (text: string): readonly string[] => (text === '' ? [] : text.split(','))
const fromList = (items: readonly string[]): string => items.join(',')

const clientOf = (row: Row): OAuthClient => ({
  id: row.id,
  secretHash: row.client_secret_hash,
  registrationType: row.registration_type,
  redirectUris: toList(row.redirect_uris),
  grantTypes: toList(row.grant_types),
  name: row.client_name,
  uri: row.client_uri,
  logoUri: row.logo_uri,
  type: row.client_type,
  authMethod: row.token_endpoint_auth_method,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

export async function insertClient(db: Db, client: Omit<OAuthClient, 'createdAt' | 'updatedAt'>): Promise<OAuthClient> {
  const { rows } = await db.query<Row>(
    `insert into auth.oauth_clients (id, client_secret_hash, registration_type, redirect_uris, grant_types, client_name, client_uri, logo_uri, client_type,
       token_endpoint_auth_method, created_at, updated_at)
     values ($1, $2, $3, $4, $5, nullif($6, ''), nullif($7, ''), nullif($8, ''), $9, $10, now(), now()) returning ${COLUMNS}`,
    [
      client.id,
      client.secretHash,
      client.registrationType,
      fromList(client.redirectUris),
      fromList(client.grantTypes),
      client.name,
      client.uri,
      client.logoUri,
      client.type,
      client.authMethod,
    ],
  )
  return clientOf(rows[0]!)
}

export async function findClient(db: Db, id: string): Promise<OAuthClient | undefined> {
  const { rows } = await db.query<Row>(`select ${COLUMNS} from auth.oauth_clients where id = $1 and deleted_at is null`, [id])
  return rows[0] && clientOf(rows[0])
}

export async function listClients(db: Db): Promise<readonly OAuthClient[]> {
  const { rows } = await db.query<Row>(`select ${COLUMNS} from auth.oauth_clients where deleted_at is null order by created_at desc`)
  return rows.map(clientOf)
}

export async function updateClient(db: Db, client: OAuthClient): Promise<OAuthClient | undefined> {
  const { rows } = await db.query<Row>(
    `update auth.oauth_clients set client_secret_hash = $2, redirect_uris = $3, grant_types = $4, client_name = nullif($5, ''), client_uri = nullif($6, ''),
       logo_uri = nullif($7, ''), token_endpoint_auth_method = $8, updated_at = now() where id = $1 and deleted_at is null returning ${COLUMNS}`,
    [
      client.id,
      client.secretHash,
      fromList(client.redirectUris),
      fromList(client.grantTypes),
      client.name,
      client.uri,
      client.logoUri,
      client.authMethod,
    ],
  )
  return rows[0] && clientOf(rows[0])
}

export const deleteClient = (db: Db, id: string) =>
  db.query('update auth.oauth_clients set deleted_at = now(), updated_at = now() where id = $1 and deleted_at is null', [id])
