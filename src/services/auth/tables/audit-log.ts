// auth.audit_log_entries: who did what. Written in the transaction of what it tells of.
import { randomUUID } from 'node:crypto'
import { NIL_UUID } from '../request/addresses.ts'
import type { JsonMap } from '../request/body.ts'
import type { Actor } from '../request/call.ts'
import type { Db } from './database.ts'
import type { User } from './users.ts'

const LOG_TYPES = {
  login: 'account',
  logout: 'account',
  invite_accepted: 'account',
  user_signedup: 'team',
  user_invited: 'team',
  user_deleted: 'team',
  token_revoked: 'token',
  token_refreshed: 'token',
  user_modified: 'user',
  user_recovery_requested: 'user',
  user_reauthenticate_requested: 'user',
  user_confirmation_requested: 'user',
  user_repeated_signup: 'user',
  user_updated_password: 'user',
  identity_linked: 'user',
  identity_unlinked: 'user',
  passkey_created: 'user',
  passkey_updated: 'user',
  passkey_deleted: 'user',
  factor_in_progress: 'factor',
  factor_unenrolled: 'factor',
  challenge_created: 'factor',
  verification_attempted: 'factor',
  factor_deleted: 'factor',
  factor_updated: 'factor',
} as const
export type AuditAction = keyof typeof LOG_TYPES

export interface AuditEntry {
  readonly id: string
  readonly payload: JsonMap
  readonly created_at: Date
  readonly ip_address: string
}

export const actorOf = (user: User): Actor => ({
  id: user.id,
  username: user.phone || user.email,
  viaSso: user.is_sso_user,
  ...('full_name' in user.raw_user_meta_data ? { name: user.raw_user_meta_data['full_name'] } : {}),
})

export function auditPayload(actor: Actor, action: AuditAction, traits?: JsonMap): JsonMap {
  return {
    actor_id: actor.id,
    actor_via_sso: actor.viaSso,
    actor_username: actor.username,
    action,
    log_type: LOG_TYPES[action],
    ...(actor.name === undefined ? {} : { actor_name: actor.name }),
    ...(traits ? { traits } : {}),
  }
}

export const insertAudit = (db: Db, payload: JsonMap, address: string) =>
  db.query(
    'insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address) values ($1, $2, $3, clock_timestamp(), $4)',
    [NIL_UUID, randomUUID(), payload, address],
  )

export async function listAudit(
  db: Db,
  columns: readonly string[],
  value: string,
  offset: number,
  limit: number,
): Promise<{ readonly entries: readonly AuditEntry[]; readonly total: number }> {
  const where = `instance_id = $1 and ($2 = '' or exists (select from unnest($3::text[]) as c where payload->>c ilike '%' || $2 || '%'))`
  const values = [NIL_UUID, columns.length > 0 ? value : '', columns]
  const { rows: counted } = await db.query<{ total: string }>(`select count(*) as total from auth.audit_log_entries where ${where}`, values)
  const { rows } = await db.query<AuditEntry>(
    `select id, payload, created_at, ip_address from auth.audit_log_entries where ${where} order by created_at desc limit $4 offset $5`,
    [...values, limit, offset],
  )
  return { entries: rows, total: Number(counted[0]?.total ?? 0) }
}
