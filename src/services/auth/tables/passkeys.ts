// auth.webauthn_credentials and auth.webauthn_challenges: passkeys, and the ceremonies under way.
import { randomUUID } from 'node:crypto'
import type { Db } from './database.ts'

export interface Passkey {
  readonly id: string
  readonly user_id: string
  readonly credential_id: Buffer
  readonly public_key: Buffer
  readonly sign_count: number
  readonly transports: readonly string[]
  readonly backup_eligible: boolean
  readonly friendly_name: string
  readonly created_at: Date
  readonly last_used_at: Date | null
}

const COLUMNS = `id, user_id, credential_id, public_key, sign_count::float8 as sign_count, transports, backup_eligible, friendly_name, created_at, last_used_at`

export async function listPasskeys(db: Db, userId: string): Promise<readonly Passkey[]> {
  const { rows } = await db.query<Passkey>(`select ${COLUMNS} from auth.webauthn_credentials where user_id = $1 order by created_at, id`, [
    userId,
  ])
  return rows
}

export async function findPasskey(db: Db, userId: string, id: string): Promise<Passkey | undefined> {
  const { rows } = await db.query<Passkey>(`select ${COLUMNS} from auth.webauthn_credentials where user_id = $1 and id = $2`, [userId, id])
  return rows[0]
}

export interface NewPasskey {
  readonly userId: string
  readonly credentialId: Buffer
  readonly publicKey: Buffer
  readonly attestationType: string
  readonly aaguid: string
  readonly signCount: number
  readonly transports: readonly string[]
  readonly backupEligible: boolean
  readonly backedUp: boolean
  readonly name: string
}

/** Undefined where the credential is registered already, to whomever. */
export async function insertPasskey(db: Db, passkey: NewPasskey): Promise<Passkey | undefined> {
  const { rows } = await db.query<Passkey>(
    `insert into auth.webauthn_credentials (id, user_id, credential_id, public_key, attestation_type, aaguid, sign_count, transports, backup_eligible,
       backed_up, friendly_name, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now(), now()) on conflict (credential_id) do nothing returning ${COLUMNS}`,
    [
      randomUUID(),
      passkey.userId,
      passkey.credentialId,
      passkey.publicKey,
      passkey.attestationType,
      passkey.aaguid,
      passkey.signCount,
      JSON.stringify(passkey.transports),
      passkey.backupEligible,
      passkey.backedUp,
      passkey.name,
    ],
  )
  return rows[0]
}

export const notePasskeyUse = (db: Db, id: string, signCount: number) =>
  db.query('update auth.webauthn_credentials set sign_count = $2, last_used_at = now(), updated_at = now() where id = $1', [id, signCount])

export async function renamePasskey(db: Db, id: string, name: string): Promise<Passkey | undefined> {
  const { rows } = await db.query<Passkey>(
    `update auth.webauthn_credentials set friendly_name = $2, updated_at = now() where id = $1 returning ${COLUMNS}`,
    [id, name],
  )
  return rows[0]
}

export const deletePasskey = (db: Db, id: string) => db.query('delete from auth.webauthn_credentials where id = $1', [id])
export const deletePasskeysOf = (db: Db, userId: string) => db.query('delete from auth.webauthn_credentials where user_id = $1', [userId])

export type CeremonyKind = 'registration' | 'authentication'

/** `userId` null where nobody is known yet. */
export async function insertCeremony(db: Db, kind: CeremonyKind, userId: string | null, kept: unknown, expiresAt: Date): Promise<string> {
  const id = randomUUID()
  await db.query(
    `insert into auth.webauthn_challenges (id, user_id, challenge_type, session_data, created_at, expires_at) values ($1, $2, $3, $4, now(), $5)`,
    [id, userId, kind, JSON.stringify(kept), expiresAt],
  )
  return id
}

export interface Ceremony {
  readonly session_data: unknown
  readonly expires_at: Date
}

/** Whoever takes it has it: a challenge is good for one attempt. */
export async function takeCeremony(db: Db, kind: CeremonyKind, userId: string | null, id: string): Promise<Ceremony | undefined> {
  const { rows } = await db.query<Ceremony>(
    `delete from auth.webauthn_challenges where id = $1 and challenge_type = $2 and user_id is not distinct from $3::uuid
     returning session_data, expires_at`,
    [id, kind, userId],
  )
  return rows[0]
}
