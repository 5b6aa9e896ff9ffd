import { z } from 'zod'
import { audit } from '../accounts/audit.ts'
import { errors } from '../errors.ts'
import { sendRecovery } from '../otp/mail-codes.ts'
import { acceptEmail } from '../request/addresses.ts'
import { audienceOf } from '../request/bearer.ts'
import { readBody, string } from '../request/body.ts'
import { ok } from '../request/call.ts'
import { acceptChallenge, checkChallenge } from '../request/pkce.ts'
import { publicRoute } from '../route.ts'
import { transaction } from '../tables/database.ts'
import { insertFlowState } from '../tables/flow-states.ts'
import { findUserByEmail } from '../tables/users.ts'

const body = z.object({ email: string, code_challenge: string, code_challenge_method: string })

/** A link that lets a new password be set. The answer is the same for an address nobody has. */
export const recover = publicRoute({
  method: 'POST',
  path: '/recover',
  limit: 'recover',
  captcha: true,
  async handle(call, state) {
    if (!state.env.GOTRUE_EXTERNAL_EMAIL_ENABLED) throw errors.emailLoginsDisabled400()
    const params = readBody(call, body)
    if (params.email === '') throw errors.validation('Password recovery requires an email')
    const email = acceptEmail(params.email)
    checkChallenge(params.code_challenge, params.code_challenge_method)
    const user = await findUserByEmail(state.pool, email, audienceOf(state, call))
    if (!user) return ok({})
    const challenge = acceptChallenge(params.code_challenge, params.code_challenge_method)
    await transaction(state.pool, async (tx) => {
      if (challenge) await insertFlowState(tx, 'recovery', 'recovery', challenge, user.id)
      await audit(state, tx, call, user, 'user_recovery_requested')
      await sendRecovery({ state, tx, call }, user, 'recovery', challenge !== undefined)
    })
    return ok({})
  },
})
