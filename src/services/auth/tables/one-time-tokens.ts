// auth.one_time_tokens: the hashes of links that are out. One per user and kind; whoever deletes the row has used it.
import { randomUUID } from 'node:crypto'
import type { Db } from './database.ts'
import { lockUser, type User } from './users.ts'

export type TokenKind =
  | 'confirmation_token'
  | 'reauthentication_token'
  | 'recovery_token'
  | 'email_change_token_new'
  | 'email_change_token_current'
  | 'phone_change_token'

/** Replaces the user's token of that kind. */
export async function putOneTimeToken(db: Db, userId: string, kind: TokenKind, hash: string, relatesTo: string): Promise<void> {
  await db.query(
    `insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at)
     values ($1, $2, $3, $4, $5, now() at time zone 'utc', now() at time zone 'utc')
     on conflict (user_id, token_type) do update set id = excluded.id, token_hash = excluded.token_hash, relates_to = excluded.relates_to,
       created_at = excluded.created_at, updated_at = excluded.updated_at`,
    [randomUUID(), userId, kind, hash, relatesTo.toLowerCase()],
  )
}

export const clearOneTimeTokens = (db: Db, userId: string) => db.query('delete from auth.one_time_tokens where user_id = $1', [userId])
export const clearOneTimeToken = (db: Db, userId: string, kind: TokenKind) =>
  db.query('delete from auth.one_time_tokens where user_id = $1 and token_type = $2', [userId, kind])

async function holderOf(db: Db, hash: string, kinds: readonly TokenKind[]): Promise<string | undefined> {
  const { rows } = await db.query<{ user_id: string }>(
    'select user_id from auth.one_time_tokens where token_hash = $1 and token_type = any($2::text[]::auth.one_time_token_type[]) limit 1',
    [hash, kinds],
  )
  return rows[0]?.user_id
}

/** The user whose token of one of these kinds this is. */
export async function findUserIdByToken(db: Db, hash: string, kinds: readonly TokenKind[]): Promise<string | undefined> {
  return holderOf(db, hash, kinds)
}

/**
 * The same with the user locked: of several requests with one token the first gets the user, the others wait for it and then find
 * the token gone.
 */
export async function lockUserByToken(db: Db, hash: string, kinds: readonly TokenKind[]): Promise<User | undefined> {
  const id = await holderOf(db, hash, kinds)
  if (id === undefined) return undefined
  const user = await lockUser(db, id)
  return (await holderOf(db, hash, kinds)) === id ? user : undefined
}

export const hasToken = async (db: Db, hash: string, kind: TokenKind): Promise<boolean> => (await holderOf(db, hash, [kind])) !== undefined

/** Puts the token before (`''` for none) in the place of one that reached nobody. False when that one is no longer the user's. */
export async function takeBackToken(
  db: Db,
  userId: string,
  kind: TokenKind,
  hash: string,
  before: { readonly hash: string; readonly relatesTo: string },
): Promise<boolean> {
  const { rowCount } = await db.query('delete from auth.one_time_tokens where user_id = $1 and token_type = $2 and token_hash = $3', [
    userId,
    kind,
    hash,
  ])
  if (rowCount && before.hash !== '') await putOneTimeToken(db, userId, kind, before.hash, before.relatesTo)
  return rowCount === 1
}
