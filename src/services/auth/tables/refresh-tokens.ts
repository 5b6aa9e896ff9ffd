// auth.refresh_tokens: the chain of version 1 tokens of a session, each naming its parent.
import { randomBytes } from 'node:crypto'
import { NIL_UUID } from '../request/addresses.ts'
import type { Db } from './database.ts'

export interface RefreshToken {
  readonly id: string
  readonly token: string
  readonly user_id: string
  readonly parent: string
  readonly session_id: string | null
  readonly revoked: boolean
  readonly updated_at: Date
}

const COLUMNS = `id::text, token, user_id, coalesce(parent, '') as parent, session_id, coalesce(revoked, false) as revoked, updated_at`
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** 12 characters of base32 in lower case: 60 random bits. */
export const newRefreshToken = (): string => [...randomBytes(12)].map((byte) => ALPHABET[byte & 31]).join('')

export async function findRefreshToken(db: Db, token: string): Promise<RefreshToken | undefined> {
  const { rows } = await db.query<RefreshToken>(`select ${COLUMNS} from auth.refresh_tokens where token = $1 limit 1`, [token])
  return rows[0]
}

/** Undefined also while another transaction holds the row. */
export async function lockRefreshToken(db: Db, token: string): Promise<RefreshToken | undefined> {
  const { rows } = await db.query<RefreshToken>(
    `select ${COLUMNS} from auth.refresh_tokens where token = $1 limit 1 for update skip locked`,
    [token],
  )
  return rows[0]
}

/** The newest token of the session that is not revoked. */
export async function findActiveToken(db: Db, sessionId: string): Promise<RefreshToken | undefined> {
  const { rows } = await db.query<RefreshToken>(
    `select ${COLUMNS} from auth.refresh_tokens where session_id = $1 and revoked is false order by refresh_tokens.id desc limit 1`,
    [sessionId],
  )
  return rows[0]
}

export async function findFirstToken(db: Db, sessionId: string): Promise<RefreshToken | undefined> {
  const { rows } = await db.query<RefreshToken>(
    `select ${COLUMNS} from auth.refresh_tokens where session_id = $1 order by created_at, refresh_tokens.id limit 1`,
    [sessionId],
  )
  return rows[0]
}

export async function insertRefreshToken(db: Db, userId: string, sessionId: string, parent: string | null): Promise<string> {
  const token = newRefreshToken()
  await db.query(
    `insert into auth.refresh_tokens (instance_id, token, user_id, parent, session_id, revoked, created_at, updated_at)
     values ($1, $2, $3, $4, $5, false, now(), now())`,
    [NIL_UUID, token, userId, parent, sessionId],
  )
  return token
}

export const revokeToken = (db: Db, id: string) =>
  db.query('update auth.refresh_tokens set revoked = true, updated_at = now() where id = $1', [id])
export const revokeTokensOf = (db: Db, sessionId: string) =>
  db.query('update auth.refresh_tokens set revoked = true, updated_at = now() where session_id = $1 and revoked = false', [sessionId])
export const deleteToken = (db: Db, id: string) => db.query('delete from auth.refresh_tokens where id = $1', [id])
