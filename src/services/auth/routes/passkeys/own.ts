import { z } from 'zod'
import { audit } from '../../accounts/audit.ts'
import { errors } from '../../errors.ts'
import { requireManagementAal, requirePasskeys, showPasskey } from '../../passkeys/passkeys.ts'
import { isUuid } from '../../request/addresses.ts'
import { readBody, string } from '../../request/body.ts'
import { type Call, ok } from '../../request/call.ts'
import { userRoute } from '../../route.ts'
import type { AuthState } from '../../state.ts'
import { transaction } from '../../tables/database.ts'
import { deletePasskey, findPasskey, listPasskeys, type Passkey, renamePasskey } from '../../tables/passkeys.ts'

const MAX_NAME = 120
const notFound = () => errors.validation404('Passkey not found')

export async function passkeyOfPath(state: AuthState, userId: string, call: Call): Promise<Passkey> {
  const id = call.params['passkey_id'] ?? ''
  const passkey = isUuid(id) ? await findPasskey(state.pool, userId, id) : undefined
  if (!passkey) throw notFound()
  return passkey
}

export const listOwnPasskeys = userRoute({
  method: 'GET',
  path: '/passkeys',
  gate: requirePasskeys,
  handle: async (call, state) => ok((await listPasskeys(state.pool, call.user.id)).map(showPasskey)),
})

const body = z.object({ friendly_name: string })

export const renameOwnPasskey = userRoute({
  method: 'PATCH',
  path: '/passkeys/:passkey_id',
  gate: requirePasskeys,
  async handle(call, state) {
    if (!isUuid(call.params['passkey_id'] ?? '')) throw notFound()
    const { friendly_name: name } = readBody(call, body)
    if (name === '') throw errors.validation('friendly_name is required')
    if ([...name].length > MAX_NAME) throw errors.validation('friendly_name must be 120 characters or less')
    const passkey = await passkeyOfPath(state, call.user.id, call)
    const renamed = await transaction(state.pool, async (tx) => {
      const row = await renamePasskey(tx, passkey.id, name)
      if (!row) throw notFound()
      await audit(state, tx, call, call.user, 'passkey_updated', { passkey_id: passkey.id })
      return row
    })
    return ok(showPasskey(renamed))
  },
})

export const deleteOwnPasskey = userRoute({
  method: 'DELETE',
  path: '/passkeys/:passkey_id',
  gate: requirePasskeys,
  async handle(call, state) {
    requireManagementAal(call)
    const passkey = await passkeyOfPath(state, call.user.id, call)
    await transaction(state.pool, async (tx) => {
      await deletePasskey(tx, passkey.id)
      await audit(state, tx, call, call.user, 'passkey_deleted', { passkey_id: passkey.id })
    })
    return { status: 204 }
  },
})
