// auth.flow_state: sign-ins under way by PKCE, from the request to the exchange of the code.
import { randomUUID } from 'node:crypto'
import type { Challenge } from '../request/pkce.ts'
import type { Db } from './database.ts'

export interface FlowState {
  readonly id: string
  readonly user_id: string | null
  readonly auth_code: string | null
  readonly code_challenge_method: 's256' | 'plain' | null
  readonly code_challenge: string | null
  readonly provider_type: string
  readonly provider_access_token: string | null
  readonly provider_refresh_token: string | null
  readonly authentication_method: string
  readonly created_at: Date
  readonly auth_code_issued_at: Date | null
}

const COLUMNS = `id, user_id, auth_code, code_challenge_method, code_challenge, provider_type, provider_access_token, provider_refresh_token, authentication_method,
  created_at, auth_code_issued_at`

export async function insertFlowState(db: Db, providerType: string, method: string, challenge: Challenge, userId: string): Promise<void> {
  await db.query(
    `insert into auth.flow_state (id, user_id, auth_code, code_challenge_method, code_challenge, provider_type, provider_access_token, provider_refresh_token,
       authentication_method, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, '', '', $7, now(), now())`,
    [randomUUID(), userId, randomUUID(), challenge.method, challenge.challenge, providerType, method],
  )
}

export async function findFlowStateByCode(db: Db, code: string): Promise<FlowState | undefined> {
  const { rows } = await db.query<FlowState>(`select ${COLUMNS} from auth.flow_state where auth_code = $1 limit 1`, [code])
  return rows[0]
}

/** The newest flow of the user that was begun in this way; its code is issued now. */
export async function issueAuthCode(db: Db, userId: string, method: string): Promise<string | undefined> {
  const { rows } = await db.query<{ auth_code: string }>(
    `update auth.flow_state set auth_code_issued_at = now(), updated_at = now()
     where id = (select id from auth.flow_state where user_id = $1 and authentication_method = $2 order by created_at desc limit 1) returning auth_code`,
    [userId, method],
  )
  return rows[0]?.auth_code
}

/** False when another request was quicker: a code is good once. */
export async function takeFlowState(db: Db, id: string): Promise<boolean> {
  const { rowCount } = await db.query('delete from auth.flow_state where id = $1', [id])
  return rowCount === 1
}

/** A sign-in at a provider: everything that must be known again when the browser comes back. */
export interface ProviderFlow extends FlowState {
  readonly invite_token: string | null
  readonly referrer: string | null
  readonly oauth_client_state_id: string | null
  readonly linking_target_id: string | null
  readonly email_optional: boolean
}

export interface NewProviderFlow {
  readonly id: string
  readonly providerType: string
  readonly method: string
  /** Of the client; without one the session goes into the fragment. */
  readonly challenge: Challenge | undefined
  readonly inviteToken?: string
  readonly referrer: string
  readonly clientStateId?: string
  readonly linkingTargetId?: string
  readonly emailOptional?: boolean
}

export async function insertProviderFlow(db: Db, flow: NewProviderFlow): Promise<void> {
  await db.query(
    `insert into auth.flow_state (id, auth_code, code_challenge_method, code_challenge, provider_type, provider_access_token, provider_refresh_token,
       authentication_method, created_at, updated_at, invite_token, referrer, oauth_client_state_id, linking_target_id, email_optional)
     values ($1, $2, $3, $4, $5, '', '', $6, now(), now(), nullif($7, ''), nullif($8, ''), $9, $10, $11)`,
    [
      flow.id,
      flow.challenge ? randomUUID() : null,
      flow.challenge?.method ?? null,
      flow.challenge?.challenge ?? null,
      flow.providerType,
      flow.method,
      flow.inviteToken ?? '',
      flow.referrer,
      flow.clientStateId ?? null,
      flow.linkingTargetId ?? null,
      flow.emailOptional ?? false,
    ],
  )
}

export async function findProviderFlow(db: Db, id: string): Promise<ProviderFlow | undefined> {
  const { rows } = await db.query<ProviderFlow>(
    `select ${COLUMNS}, invite_token, referrer, oauth_client_state_id, linking_target_id, email_optional from auth.flow_state where id = $1`,
    [id],
  )
  return rows[0]
}

/** The flow now has its user, and its code may be exchanged; false when another request was quicker. */
export async function claimFlowState(
  db: Db,
  id: string,
  userId: string,
  { accessToken, refreshToken }: { readonly accessToken: string; readonly refreshToken: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update auth.flow_state set user_id = $2, provider_access_token = $3, provider_refresh_token = $4, auth_code_issued_at = now(), updated_at = now()
     where id = $1 and user_id is null`,
    [id, userId, accessToken, refreshToken],
  )
  return rowCount === 1
}
