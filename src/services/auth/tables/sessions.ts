// auth.sessions and auth.mfa_amr_claims: one row per sign-in, and by which methods it was made.
import { randomUUID } from 'node:crypto'
import type { Db } from './database.ts'
import type { Column } from './text-row.ts'

export type Aal = 'aal1' | 'aal2' | 'aal3'

export interface AmrClaim {
  readonly method: string
  /** Unix seconds. */
  readonly timestamp: number
}

export interface Session {
  readonly id: string
  readonly user_id: string
  readonly created_at: Date
  readonly factor_id: string | null
  readonly aal: Aal
  readonly not_after: Date | null
  readonly refreshed_at: Date | null
  readonly tag: string | null
  readonly oauth_client_id: string | null
  readonly scopes: string | null
  readonly refresh_token_hmac_key: string | null
  readonly refresh_token_counter: number | null
  /** Newest first. */
  readonly amr: readonly AmrClaim[]
}

// refreshed_at has no zone and is UTC; the driver would read it as local time.
export const SESSION_COLUMNS = `s.id, s.user_id, s.created_at, s.factor_id, coalesce(s.aal, 'aal1') as aal, s.not_after, s.refreshed_at at time zone 'utc' as refreshed_at, s.tag,
  s.oauth_client_id, s.scopes, s.refresh_token_hmac_key, s.refresh_token_counter::float8 as refresh_token_counter,
  coalesce((select json_agg(json_build_object('method', a.authentication_method, 'timestamp', floor(extract(epoch from a.updated_at))::bigint)
    order by a.updated_at desc) from auth.mfa_amr_claims a where a.session_id = s.id), '[]') as amr`
/** The columns of SESSION_COLUMNS, in order. */
export const SESSION_SHAPE: readonly Column[] = [
  ['id', 'text'],
  ['user_id', 'text'],
  ['created_at', 'time'],
  ['factor_id', 'text'],
  ['aal', 'text'],
  ['not_after', 'time'],
  ['refreshed_at', 'time'],
  ['tag', 'text'],
  ['oauth_client_id', 'text'],
  ['scopes', 'text'],
  ['refresh_token_hmac_key', 'text'],
  ['refresh_token_counter', 'number'],
  ['amr', 'json'],
]

export async function findSession(db: Db, id: string): Promise<Session | undefined> {
  const { rows } = await db.query<Session>(`select ${SESSION_COLUMNS} from auth.sessions s where s.id = $1`, [id])
  return rows[0]
}

/** Undefined also while another transaction holds the row: the caller tries again. */
export async function lockSession(db: Db, id: string): Promise<Session | undefined> {
  const { rowCount } = await db.query('select 1 from auth.sessions where id = $1 for update skip locked', [id])
  return rowCount ? findSession(db, id) : undefined
}

export async function findSessionsOf(db: Db, userId: string): Promise<readonly Session[]> {
  const { rows } = await db.query<Session>(`select ${SESSION_COLUMNS} from auth.sessions s where s.user_id = $1`, [userId])
  return rows
}

export interface NewSession {
  readonly id: string
  readonly userId: string
  readonly userAgent: string
  readonly address: string
  readonly tag?: string | undefined
  readonly hmacKey?: string
  readonly counter?: number
  /** Of an OAuth client, and what it was granted, with blanks between. */
  readonly oauthClientId?: string | undefined
  readonly scopes?: string | undefined
  readonly notAfter?: Date | undefined
}

export async function insertSession(db: Db, session: NewSession): Promise<void> {
  await db.query(
    `insert into auth.sessions (id, user_id, aal, created_at, updated_at, user_agent, ip, tag, refresh_token_hmac_key, refresh_token_counter, oauth_client_id, scopes,
       not_after)
     values ($1, $2, 'aal1', now(), now(), nullif($3, ''), nullif($4, '')::inet, $5, $6, $7, $8, $9, $10)`,
    [
      session.id,
      session.userId,
      session.userAgent,
      session.address,
      session.tag ?? null,
      session.hmacKey ?? null,
      session.counter ?? null,
      session.oauthClientId ?? null,
      session.scopes ?? null,
      session.notAfter ?? null,
    ],
  )
}

/** Notes a sign-in method of the session; the same method again renews its time. */
export async function addAmr(db: Db, sessionId: string, method: string): Promise<void> {
  await db.query(
    `insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method) values ($1, $2, now(), clock_timestamp(), $3)
     on conflict on constraint mfa_amr_claims_session_id_authentication_method_pkey do update set updated_at = clock_timestamp()`,
    [randomUUID(), sessionId, method],
  )
}

export const noteRefresh = (db: Db, id: string, userAgent: string, address: string) =>
  db.query(
    `update auth.sessions set refreshed_at = clock_timestamp() at time zone 'utc', user_agent = nullif($2, ''), ip = nullif($3, '')::inet, updated_at = now()
     where id = $1`,
    [id, userAgent, address],
  )

export const setRefreshTokenState = (db: Db, id: string, hmacKey: string, counter: number) =>
  db.query('update auth.sessions set refresh_token_hmac_key = $2, refresh_token_counter = $3, updated_at = now() where id = $1', [
    id,
    hmacKey,
    counter,
  ])

export const setAal = (db: Db, id: string, aal: Aal, factorId: string | null) =>
  db.query('update auth.sessions set aal = $2, factor_id = $3, updated_at = now() where id = $1', [id, aal, factorId])

export const deleteSession = (db: Db, id: string) => db.query('delete from auth.sessions where id = $1', [id])
export const deleteSessionsOf = (db: Db, userId: string) => db.query('delete from auth.sessions where user_id = $1', [userId])
/** What a client holds of a user ends with the consent. */
export const deleteClientSessions = (db: Db, userId: string, oauthClientId: string) =>
  db.query('delete from auth.sessions where user_id = $1 and oauth_client_id = $2', [userId, oauthClientId])
export const deleteOtherSessions = (db: Db, userId: string, keep: string) =>
  db.query('delete from auth.sessions where user_id = $1 and id <> $2', [userId, keep])

/** After a factor was verified every session below aal2 ends. */
export const deleteWeakSessions = (db: Db, userId: string) =>
  db.query(`delete from auth.sessions where user_id = $1 and aal < 'aal2'`, [userId])

/** A factor goes: sessions that used it fall to aal1 and no longer name it among their methods. */
export async function downgradeSessions(db: Db, userId: string, factorId: string, method: string): Promise<void> {
  await db.query(
    `delete from auth.mfa_amr_claims a using auth.sessions s where a.session_id = s.id and s.factor_id = $1 and a.authentication_method = $2`,
    [factorId, method],
  )
  await db.query(`update auth.sessions set aal = 'aal1', factor_id = null, updated_at = now() where user_id = $1 and factor_id = $2`, [
    userId,
    factorId,
  ])
}
