// auth.oauth_client_states: the verifiers of sign-ins at providers that want PKCE of us.
import { randomUUID } from 'node:crypto'
import type { Db } from './database.ts'

export interface ClientState {
  readonly provider_type: string
  readonly code_verifier: string | null
  readonly created_at: Date
}

export async function insertClientState(db: Db, providerType: string, verifier: string): Promise<string> {
  const id = randomUUID()
  await db.query('insert into auth.oauth_client_states (id, provider_type, code_verifier, created_at) values ($1, $2, $3, now())', [
    id,
    providerType,
    verifier,
  ])
  return id
}

/** Gone once it was read. */
export async function takeClientState(db: Db, id: string): Promise<ClientState | undefined> {
  const { rows } = await db.query<ClientState>(
    'delete from auth.oauth_client_states where id = $1 returning provider_type, code_verifier, created_at',
    [id],
  )
  return rows[0]
}
