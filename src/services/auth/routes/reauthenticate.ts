import { audit } from '../accounts/audit.ts'
import { errors } from '../errors.ts'
import { sendReauthentication } from '../otp/mail-codes.ts'
import { sendPhoneCode } from '../otp/sms.ts'
import { ok } from '../request/call.ts'
import { userRoute } from '../route.ts'
import { transaction } from '../tables/database.ts'
import { isConfirmed, isPhoneConfirmed } from '../tables/users.ts'

/** Sends a nonce to the user's own address. */
export const reauthenticate = userRoute({
  method: 'GET',
  path: '/reauthenticate',
  async handle(call, state) {
    const { user } = call
    if (user.email === '' && user.phone === '')
      throw errors.validation('Reauthentication requires the user to have an email or a phone number')
    if (user.email !== '' && !isConfirmed(user)) throw errors.verifyEmailFirst()
    if (user.email === '' && !isPhoneConfirmed(user)) throw errors.verifyPhoneFirst()
    const sent = await transaction(state.pool, async (tx) => {
      await audit(state, tx, call, user, 'user_reauthenticate_requested')
      if (user.email === '') return sendPhoneCode(state, tx, call, user, { phone: user.phone, purpose: 'reauthentication', channel: 'sms' })
      await sendReauthentication({ state, tx, call }, user)
      return undefined
    })
    return ok(sent?.messageId ? { message_id: sent.messageId } : {})
  },
})
