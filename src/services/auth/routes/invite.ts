import { z } from 'zod'
import { audit } from '../accounts/audit.ts'
import { afterUserCreated, beforeUserCreated } from '../accounts/create.ts'
import { inviteDraft, storeInvited } from '../accounts/invite.ts'
import { showUser } from '../accounts/user-json.ts'
import { errors } from '../errors.ts'
import { sendInvite } from '../otp/mail-codes.ts'
import { acceptEmail } from '../request/addresses.ts'
import { audienceOf } from '../request/bearer.ts'
import { object, readBody, string } from '../request/body.ts'
import { ok } from '../request/call.ts'
import { adminRoute } from '../route.ts'
import { transaction } from '../tables/database.ts'
import { findDuplicateEmail, isConfirmed } from '../tables/users.ts'

const body = z.object({ email: string, data: object })

/** An account for somebody else, who gets a link to take it; again as often as they have not. */
export const invite = adminRoute({
  method: 'POST',
  path: '/invite',
  async handle(call, state) {
    const params = readBody(call, body)
    const email = acceptEmail(params.email)
    const aud = audienceOf(state, call)
    const known = await findDuplicateEmail(state.pool, email, aud)
    if (known && isConfirmed(known)) throw errors.emailExists()
    const draft = inviteDraft(email, aud, params.data)
    if (!known) await beforeUserCreated(state, call, draft)
    const user = await transaction(state.pool, async (tx) => {
      const invited = known ?? (await storeInvited(state, tx, draft))
      await audit(state, tx, call, call.actor, 'user_invited', { user_id: invited.id, user_email: invited.email })
      return sendInvite({ state, tx, call }, invited)
    })
    if (!known) await afterUserCreated(state, call, user)
    return ok(showUser(user))
  },
})
