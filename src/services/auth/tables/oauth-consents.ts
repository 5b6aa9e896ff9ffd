// auth.oauth_consents: what a person has allowed a client, one row each; revoked ones stay as a record.
import { randomUUID } from 'node:crypto'
import type { Db } from './database.ts'

export interface Consent {
  readonly client_id: string
  /** With blanks between. */
  readonly scopes: string
  readonly granted_at: Date
}

export async function findActiveConsent(db: Db, userId: string, clientId: string): Promise<Consent | undefined> {
  const { rows } = await db.query<Consent>(
    'select client_id, scopes, granted_at from auth.oauth_consents where user_id = $1 and client_id = $2 and revoked_at is null',
    [userId, clientId],
  )
  return rows[0]
}

export interface Grant extends Consent {
  readonly client_name: string
  readonly client_uri: string
  readonly logo_uri: string
}

/** Of clients that still exist, the newest first. */
export async function listGrants(db: Db, userId: string): Promise<readonly Grant[]> {
  const { rows } = await db.query<Grant>(
    `select s.client_id, s.scopes, s.granted_at, coalesce(c.client_name, '') as client_name, coalesce(c.client_uri, '') as client_uri,
       coalesce(c.logo_uri, '') as logo_uri
     from auth.oauth_consents s join auth.oauth_clients c on c.id = s.client_id and c.deleted_at is null
     where s.user_id = $1 and s.revoked_at is null order by s.granted_at desc`,
    [userId],
  )
  return rows
}

/** Consent given anew counts instead of what was given or revoked before. */
export const putConsent = (db: Db, userId: string, clientId: string, scopes: string) =>
  db.query(
    `insert into auth.oauth_consents (id, user_id, client_id, scopes, granted_at) values ($1, $2, $3, $4, now())
     on conflict on constraint oauth_consents_user_client_unique do update set scopes = excluded.scopes, granted_at = now(), revoked_at = null`,
    [randomUUID(), userId, clientId, scopes],
  )

/** False where there was nothing to revoke. */
export async function revokeConsent(db: Db, userId: string, clientId: string): Promise<boolean> {
  const { rowCount } = await db.query(
    'update auth.oauth_consents set revoked_at = now() where user_id = $1 and client_id = $2 and revoked_at is null',
    [userId, clientId],
  )
  return rowCount === 1
}
