// auth.identities: the ways by which a user is known (`email`, `phone`, a provider).
import type { JsonMap } from '../request/body.ts'
import type { Db } from './database.ts'

/** Times are text, as JSON gives them. */
export interface Identity {
  readonly id: string
  readonly provider_id: string
  readonly user_id: string
  readonly identity_data: JsonMap
  readonly provider: string
  readonly last_sign_in_at: string | null
  readonly created_at: string
  readonly updated_at: string
  readonly email: string | null
}

const COLUMNS = `id, provider_id, user_id, identity_data, provider, to_json(last_sign_in_at)#>>'{}' as last_sign_in_at, to_json(created_at)#>>'{}' as created_at,
  to_json(updated_at)#>>'{}' as updated_at, email`

export async function findIdentities(db: Db, userId: string): Promise<readonly Identity[]> {
  const { rows } = await db.query<Identity>(
    `select ${COLUMNS} from auth.identities where user_id = $1 order by identities.created_at, id`,
    [userId],
  )
  return rows
}

export async function findIdentity(db: Db, providerId: string, provider: string): Promise<Identity | undefined> {
  const { rows } = await db.query<Identity>(`select ${COLUMNS} from auth.identities where provider_id = $1 and provider = $2`, [
    providerId,
    provider,
  ])
  return rows[0]
}

export async function findIdentitiesByEmail(db: Db, emails: readonly string[]): Promise<readonly Identity[]> {
  const { rows } = await db.query<Identity>(`select ${COLUMNS} from auth.identities where email = any($1::text[])`, [emails])
  return rows
}

/** What the provider says today stands for what it said before. */
export async function replaceIdentityData(db: Db, id: string, data: JsonMap): Promise<Identity> {
  const { rows } = await db.query<Identity>(
    `update auth.identities set identity_data = $2, updated_at = now() where id = $1 returning ${COLUMNS}`,
    [id, data],
  )
  return rows[0]!
}

/** `data.sub` is the id at the provider. */
export async function insertIdentity(db: Db, userId: string, provider: string, data: JsonMap): Promise<Identity> {
  const { rows } = await db.query<Identity>(
    `insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
     values ($1, $2, $3, $4, now(), now(), now()) returning ${COLUMNS}`,
    [data['sub'], userId, data, provider],
  )
  return rows[0]!
}

/** Merges into the data at the first level. */
export const updateIdentityData = (db: Db, id: string, updates: JsonMap) =>
  db.query('update auth.identities set identity_data = coalesce(identity_data, $3) || $2, updated_at = now() where id = $1', [
    id,
    updates,
    {},
  ])

export const deleteIdentity = (db: Db, id: string) => db.query('delete from auth.identities where id = $1', [id])

export const deleteOtherIdentities = (db: Db, userId: string, keep: string) =>
  db.query('delete from auth.identities where user_id = $1 and id <> $2', [userId, keep])

/** Soft deletion: the row stays, what it says goes. */
export const blankIdentity = (db: Db, id: string, providerId: string) =>
  db.query(`update auth.identities set identity_data = '{}', provider_id = $2, updated_at = now() where id = $1`, [id, providerId])

/** Distinct providers of a user, the oldest first. */
export async function findProviders(db: Db, userId: string): Promise<readonly string[]> {
  const { rows } = await db.query<{ provider: string }>(
    'select provider from auth.identities where user_id = $1 group by provider order by min(created_at), provider',
    [userId],
  )
  return rows.map(({ provider }) => provider)
}
