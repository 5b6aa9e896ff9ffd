// auth.oauth_authorizations: requests of OAuth clients on their way from the browser to a code, and the codes until they are used.
import { randomBytes, randomUUID } from 'node:crypto'
import type { Db, Tx } from './database.ts'

export interface Authorization {
  readonly id: string
  readonly authorization_id: string
  readonly client_id: string
  readonly user_id: string | null
  readonly redirect_uri: string
  readonly scope: string
  readonly state: string | null
  readonly resource: string | null
  readonly code_challenge: string | null
  readonly code_challenge_method: 's256' | 'plain' | null
  readonly nonce: string | null
  readonly status: 'pending' | 'approved' | 'denied' | 'expired'
  readonly authorization_code: string | null
  readonly expires_at: Date
}

const COLUMNS = `id, authorization_id, client_id, user_id, redirect_uri, scope, state, resource, code_challenge, code_challenge_method, nonce, status,
  authorization_code, expires_at`

export interface NewAuthorization {
  readonly clientId: string
  readonly redirectUri: string
  readonly scope: string
  readonly state: string
  readonly resource: string
  readonly challenge: string
  readonly method: 's256' | 'plain'
  readonly nonce: string
  readonly lifeMs: number
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
/** 160 random bits in 32 characters: who has it may answer the request. */
const newAuthorizationId = (): string => [...randomBytes(32)].map((byte) => ALPHABET[byte & 31]).join('')

/** Gives the id that the consent page gets. */
export async function insertAuthorization(db: Db, request: NewAuthorization): Promise<string> {
  const id = newAuthorizationId()
  await db.query(
    `insert into auth.oauth_authorizations (id, authorization_id, client_id, redirect_uri, scope, state, resource, code_challenge, code_challenge_method, nonce,
       response_type, status, created_at, expires_at)
     values ($1, $2, $3, $4, $5, nullif($6, ''), nullif($7, ''), $8, $9, nullif($10, ''), 'code', 'pending', now(), now() + $11 * interval '1 millisecond')`,
    [
      randomUUID(),
      id,
      request.clientId,
      request.redirectUri,
      request.scope,
      request.state,
      request.resource,
      request.challenge,
      request.method,
      request.nonce,
      request.lifeMs,
    ],
  )
  return id
}

/** Undefined also while another request holds the row: of two answers to one request only the first counts. */
export async function lockAuthorization(tx: Tx, authorizationId: string): Promise<Authorization | undefined> {
  const { rows } = await tx.query<Authorization>(
    `select ${COLUMNS} from auth.oauth_authorizations where authorization_id = $1 limit 1 for update skip locked`,
    [authorizationId],
  )
  return rows[0]
}

export async function findAuthorizationByCode(db: Db, code: string): Promise<Authorization | undefined> {
  const { rows } = await db.query<Authorization>(
    `select ${COLUMNS} from auth.oauth_authorizations where authorization_code = $1 and status = 'approved'`,
    [code],
  )
  return rows[0]
}

export const setAuthorizationUser = (tx: Tx, id: string, userId: string) =>
  tx.query('update auth.oauth_authorizations set user_id = $2 where id = $1', [id, userId])

/** Gives the code. */
export async function approveAuthorization(tx: Tx, id: string): Promise<string> {
  const code = randomUUID()
  await tx.query(`update auth.oauth_authorizations set status = 'approved', approved_at = now(), authorization_code = $2 where id = $1`, [
    id,
    code,
  ])
  return code
}

export const setAuthorizationStatus = (tx: Tx, id: string, status: 'denied' | 'expired') =>
  tx.query('update auth.oauth_authorizations set status = $2 where id = $1', [id, status])

/** False when another request was quicker: a code is good once. */
export async function takeAuthorization(tx: Tx, id: string): Promise<boolean> {
  const { rowCount } = await tx.query('delete from auth.oauth_authorizations where id = $1', [id])
  return rowCount === 1
}
