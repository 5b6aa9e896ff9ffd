// Tells the audit log what an account did, in the transaction of the deed, and the service's log as well.
import type { JsonMap } from '../request/body.ts'
import type { Actor, Call } from '../request/call.ts'
import type { AuthState } from '../state.ts'
import { type AuditAction, actorOf, auditPayload, insertAudit } from '../tables/audit-log.ts'
import type { Tx } from '../tables/database.ts'
import type { User } from '../tables/users.ts'

/** Factors and passkeys note the client's address in the row, as upstream does; other deeds leave it empty. */
export async function audit(state: AuthState, tx: Tx, call: Call, who: User | Actor, action: AuditAction, traits?: JsonMap): Promise<void> {
  const payload = auditPayload('viaSso' in who ? who : actorOf(who), action, traits)
  state.log.info({ request_id: call.id, auth_event: payload }, action)
  if (state.env.GOTRUE_AUDIT_LOG_DISABLE_POSTGRES) return
  const address = payload['log_type'] === 'factor' || action.startsWith('passkey_') ? call.address : ''
  await insertAudit(tx, payload, address)
}
