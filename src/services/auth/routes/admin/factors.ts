import { z } from 'zod'
import { audit } from '../../accounts/audit.ts'
import { showFactor } from '../../accounts/user-json.ts'
import { errors } from '../../errors.ts'
import { acceptPhone } from '../../request/addresses.ts'
import { readBody, string } from '../../request/body.ts'
import { ok } from '../../request/call.ts'
import { adminRoute } from '../../route.ts'
import { transaction } from '../../tables/database.ts'
import { deleteFactor, updateFactor } from '../../tables/factors.ts'
import { downgradeSessions } from '../../tables/sessions.ts'
import { amrMethodOf, ownFactor } from '../factors.ts'
import { userOfPath } from './users.ts'

export const adminListFactors = adminRoute({
  method: 'GET',
  path: '/admin/users/:user_id/factors',
  handle: async (call, state) => ok((await userOfPath(state, call)).factors.map(showFactor)),
})

const body = z.object({ friendly_name: string, phone: string })

export const adminUpdateFactor = adminRoute({
  method: 'PUT',
  path: '/admin/users/:user_id/factors/:factor_id',
  async handle(call, state) {
    const user = await userOfPath(state, call)
    const factor = await ownFactor(state, user.id, call.params['factor_id'])
    const params = readBody(call, body)
    const change = {
      ...(params.friendly_name ? { friendlyName: params.friendly_name } : {}),
      ...(params.phone && factor.factor_type === 'phone' ? { phone: acceptPhone(params.phone) } : {}),
    }
    const changed = await transaction(state.pool, async (tx) => {
      const row = await updateFactor(tx, factor.id, change)
      if (!row) throw errors.factorNotFound()
      await audit(state, tx, call, user, 'factor_updated', { user_id: user.id, factor_id: factor.id, factor_type: factor.factor_type })
      return row
    })
    return ok(showFactor(changed))
  },
})

export const adminDeleteFactor = adminRoute({
  method: 'DELETE',
  path: '/admin/users/:user_id/factors/:factor_id',
  async handle(call, state) {
    const user = await userOfPath(state, call)
    const factor = await ownFactor(state, user.id, call.params['factor_id'])
    await transaction(state.pool, async (tx) => {
      await audit(state, tx, call, user, 'factor_deleted', { user_id: user.id, factor_id: factor.id })
      await deleteFactor(tx, factor.id)
      await downgradeSessions(tx, user.id, factor.id, amrMethodOf(factor))
    })
    return ok(showFactor(factor))
  },
})
