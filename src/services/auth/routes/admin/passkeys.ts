import { audit } from '../../accounts/audit.ts'
import { showPasskey } from '../../passkeys/passkeys.ts'
import { ok } from '../../request/call.ts'
import { adminRoute } from '../../route.ts'
import { transaction } from '../../tables/database.ts'
import { deletePasskey, listPasskeys } from '../../tables/passkeys.ts'
import { passkeyOfPath } from '../passkeys/own.ts'
import { userOfPath } from './users.ts'

/** Also where passkeys are switched off: that is when somebody wants to see which there are. */
export const adminListPasskeys = adminRoute({
  method: 'GET',
  path: '/admin/users/:user_id/passkeys',
  async handle(call, state) {
    const user = await userOfPath(state, call)
    return ok((await listPasskeys(state.pool, user.id)).map(showPasskey))
  },
})

export const adminDeletePasskey = adminRoute({
  method: 'DELETE',
  path: '/admin/users/:user_id/passkeys/:passkey_id',
  async handle(call, state) {
    const user = await userOfPath(state, call)
    const passkey = await passkeyOfPath(state, user.id, call)
    await transaction(state.pool, async (tx) => {
      await deletePasskey(tx, passkey.id)
      await audit(state, tx, call, call.actor, 'passkey_deleted', { user_id: user.id, passkey_id: passkey.id })
    })
    return { status: 204 }
  },
})
