import { audit } from '../accounts/audit.ts'
import { errors } from '../errors.ts'
import { userRoute } from '../route.ts'
import { transaction } from '../tables/database.ts'
import { deleteOtherSessions, deleteSession, deleteSessionsOf } from '../tables/sessions.ts'

/** Ends sessions: all, this one, or all others. */
export const logout = userRoute({
  method: 'POST',
  path: '/logout',
  async handle(call, state) {
    const scope = call.query.get('scope') ?? ''
    if (!['', 'global', 'local', 'others'].includes(scope)) throw errors.validation(`Unsupported logout scope ${JSON.stringify(scope)}`)
    const { user, session } = call
    await transaction(state.pool, async (tx) => {
      await audit(state, tx, call, user, 'logout')
      // A token without a session says nothing about which one to spare.
      if (!session || scope === '' || scope === 'global') await deleteSessionsOf(tx, user.id)
      else if (scope === 'local') await deleteSession(tx, session.id)
      else await deleteOtherSessions(tx, user.id, session.id)
    })
    return { status: 204 }
  },
})
