// auth.mfa_factors and auth.mfa_challenges: second factors and the attempts to show them.
import type { Db } from './database.ts'

export type FactorType = 'totp' | 'phone' | 'webauthn'

/** Times are text, as JSON gives them. */
export interface Factor {
  readonly id: string
  readonly user_id: string
  readonly created_at: string
  readonly updated_at: string
  readonly status: 'unverified' | 'verified'
  readonly friendly_name: string | null
  readonly secret: string | null
  readonly factor_type: FactorType
  readonly phone: string | null
  readonly last_challenged_at: string | null
  readonly web_authn_aaguid: string | null
  readonly last_webauthn_challenge_data: unknown
}

const COLUMNS = `id, user_id, to_json(created_at)#>>'{}' as created_at, to_json(updated_at)#>>'{}' as updated_at, status, friendly_name, secret, factor_type, phone,
  to_json(last_challenged_at)#>>'{}' as last_challenged_at, web_authn_aaguid, last_webauthn_challenge_data`

export interface NewFactor {
  readonly id: string
  readonly userId: string
  readonly type: FactorType
  readonly friendlyName: string
  readonly secret?: string
  readonly phone?: string
}

export async function insertFactor(db: Db, factor: NewFactor): Promise<void> {
  await db.query(
    `insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, secret, phone, created_at, updated_at)
     values ($1, $2, $3, $4, 'unverified', $5, $6, clock_timestamp(), clock_timestamp())`,
    [factor.id, factor.userId, factor.friendlyName, factor.type, factor.secret ?? '', factor.phone ?? null],
  )
}

export async function findFactor(db: Db, userId: string, id: string): Promise<Factor | undefined> {
  const { rows } = await db.query<Factor>(`select ${COLUMNS} from auth.mfa_factors where user_id = $1 and id = $2`, [userId, id])
  return rows[0]
}

export async function findFactors(db: Db, userId: string): Promise<readonly Factor[]> {
  const { rows } = await db.query<Factor>(
    `select ${COLUMNS} from auth.mfa_factors where user_id = $1 order by mfa_factors.created_at, id`,
    [userId],
  )
  return rows
}

export async function updateFactor(db: Db, id: string, change: { friendlyName?: string; phone?: string }): Promise<Factor | undefined> {
  const { rows } = await db.query<Factor>(
    `update auth.mfa_factors set friendly_name = coalesce($2, friendly_name), phone = coalesce($3, phone), updated_at = now() where id = $1 returning ${COLUMNS}`,
    [id, change.friendlyName ?? null, change.phone ?? null],
  )
  return rows[0]
}

/** A credential as upstream's library writes it: bytes in base64. */
export interface StoredCredential {
  readonly id: string
  readonly publicKey: string
  readonly attestationType: string
  readonly transport: readonly string[]
  readonly flags: {
    readonly userPresent: boolean
    readonly userVerified: boolean
    readonly backupEligible: boolean
    readonly backupState: boolean
  }
  readonly authenticator: {
    readonly AAGUID: string
    readonly signCount: number
    readonly cloneWarning: boolean
    readonly attachment: string
  }
}

/** Of the user's verified WebAuthn factors. */
export async function findCredentials(db: Db, userId: string): Promise<readonly StoredCredential[]> {
  const { rows } = await db.query<{ credential: StoredCredential }>(
    `select web_authn_credential as credential from auth.mfa_factors
     where user_id = $1 and factor_type = 'webauthn' and status = 'verified' and web_authn_credential is not null order by created_at, id`,
    [userId],
  )
  return rows.map(({ credential }) => credential)
}

export const saveCredential = (db: Db, id: string, credential: StoredCredential, aaguid: string) =>
  db.query(`update auth.mfa_factors set web_authn_credential = $2, web_authn_aaguid = $3, updated_at = now() where id = $1`, [
    id,
    JSON.stringify(credential),
    aaguid,
  ])

/** What the factor was last shown with, for whoever looks at the user. */
export const noteLastChallenge = (db: Db, id: string, data: unknown) =>
  db.query('update auth.mfa_factors set last_webauthn_challenge_data = $2, updated_at = now() where id = $1', [id, JSON.stringify(data)])

export const verifyFactor = (db: Db, id: string) =>
  db.query(`update auth.mfa_factors set status = 'verified', updated_at = now() where id = $1`, [id])
export const deleteFactor = (db: Db, id: string) => db.query('delete from auth.mfa_factors where id = $1', [id])
export const deleteFactorsOf = (db: Db, userId: string) => db.query('delete from auth.mfa_factors where user_id = $1', [userId])
export const deleteUnverifiedFactors = (db: Db, userId: string, type: FactorType) =>
  db.query(`delete from auth.mfa_factors where user_id = $1 and status = 'unverified' and factor_type = $2`, [userId, type])

/** Factors of anybody that were never challenged within their time. */
export const deleteExpiredFactors = (db: Db, seconds: number) =>
  db.query(
    `delete from auth.mfa_factors f where status <> 'verified' and not exists (select from auth.mfa_challenges c where c.factor_id = f.id)
     and created_at + $1 * interval '1 second' < now()`,
    [seconds],
  )

export interface MfaChallenge {
  readonly id: string
  readonly factor_id: string
  readonly created_at: Date
  readonly verified_at: Date | null
  readonly ip_address: string
  readonly otp_code: string
  readonly web_authn_session_data: unknown
}

const CHALLENGE = `id, factor_id, created_at, verified_at, host(ip_address) as ip_address, coalesce(otp_code, '') as otp_code, web_authn_session_data`

export interface NewChallenge {
  readonly id: string
  readonly factorId: string
  readonly address: string
  readonly otpCode?: string | undefined
  /** Of a WebAuthn ceremony. */
  readonly kept?: unknown
}

export async function insertChallenge(db: Db, challenge: NewChallenge): Promise<MfaChallenge> {
  const { rows } = await db.query<MfaChallenge>(
    `insert into auth.mfa_challenges (id, factor_id, created_at, ip_address, otp_code, web_authn_session_data) values ($1, $2, now(), $3, $4, $5)
     returning ${CHALLENGE}`,
    [
      challenge.id,
      challenge.factorId,
      challenge.address,
      challenge.otpCode ?? null,
      challenge.kept === undefined ? null : JSON.stringify(challenge.kept),
    ],
  )
  await db.query('update auth.mfa_factors set last_challenged_at = clock_timestamp(), updated_at = now() where id = $1', [
    challenge.factorId,
  ])
  return rows[0]!
}

export async function findChallenge(db: Db, factorId: string, id: string): Promise<MfaChallenge | undefined> {
  const { rows } = await db.query<MfaChallenge>(`select ${CHALLENGE} from auth.mfa_challenges where factor_id = $1 and id = $2`, [
    factorId,
    id,
  ])
  return rows[0]
}

/** False when the challenge was met before: it is good once. */
export async function useChallenge(db: Db, id: string): Promise<boolean> {
  const { rowCount } = await db.query('update auth.mfa_challenges set verified_at = now() where id = $1 and verified_at is null', [id])
  return rowCount === 1
}

/** False when it was gone already. */
export async function deleteChallenge(db: Db, id: string): Promise<boolean> {
  const { rowCount } = await db.query('delete from auth.mfa_challenges where id = $1', [id])
  return rowCount === 1
}
