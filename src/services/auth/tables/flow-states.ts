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
