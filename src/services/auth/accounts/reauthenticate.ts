// The nonce that shows, for a change that matters, that the person is still the one who signed in.
import { errors } from '../errors.ts'
import { isCurrent, tokenHash } from '../otp/code.ts'
import { testCode } from '../otp/sms.ts'
import type { AuthState } from '../state.ts'
import { type Tx, transaction } from '../tables/database.ts'
import { lockUser, type User } from '../tables/users.ts'
import { takeReauthentication } from './change.ts'

/** Uses the nonce up. Throws `reauthentication_not_valid`. */
export async function takeNonce(state: AuthState, user: User, nonce: string): Promise<void> {
  const checked = await checkByProvider(state, user, nonce)
  await transaction(state.pool, async (tx: Tx) => {
    const current = await lockUser(tx, user.id)
    if (!current || !(checked ? current.reauthentication_token !== '' : nonceFits(state, current, nonce))) throw errors.nonceInvalid()
    await takeReauthentication(tx, current)
  })
}

/** True where the SMS provider made the code and says that it is right, false where the code is ours. */
async function checkByProvider({ env, sms }: AuthState, user: User, nonce: string): Promise<boolean> {
  if (!sms.check || user.email !== '' || user.phone === '' || testCode(env, user.phone) !== undefined) return false
  if (user.reauthentication_token === '') throw errors.nonceInvalid()
  try {
    await sms.check(user.phone, nonce)
  } catch (error) {
    throw errors.otpExpired(error)
  }
  return true
}

function nonceFits({ env }: AuthState, user: User, nonce: string): boolean {
  const byMail = user.email !== ''
  const address = byMail ? user.email : user.phone
  if (address === '') throw errors.validation422('Reauthentication requires an email or a phone number')
  const life = byMail ? env.GOTRUE_MAILER_OTP_EXP : env.GOTRUE_SMS_OTP_EXP
  return isCurrent(tokenHash(address, nonce), user.reauthentication_token, user.reauthentication_sent_at, life)
}
