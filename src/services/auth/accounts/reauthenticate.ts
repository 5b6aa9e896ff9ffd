// The nonce that shows, for a change that matters, that the person is still the one who signed in.
import { errors } from '../errors.ts'
import { isCurrent, tokenHash } from '../otp/code.ts'
import type { AuthState } from '../state.ts'
import { type Tx, transaction } from '../tables/database.ts'
import { lockUser, type User } from '../tables/users.ts'
import { takeReauthentication } from './change.ts'

/** Uses the nonce up. Throws `reauthentication_not_valid`. */
export async function takeNonce(state: AuthState, user: User, nonce: string): Promise<void> {
  await transaction(state.pool, async (tx: Tx) => {
    const current = await lockUser(tx, user.id)
    if (!current || !nonceFits(state, current, nonce)) throw errors.nonceInvalid()
    await takeReauthentication(tx, current)
  })
}

function nonceFits({ env }: AuthState, user: User, nonce: string): boolean {
  const byMail = user.email !== ''
  const address = byMail ? user.email : user.phone
  if (address === '') throw errors.validation422('Reauthentication requires an email or a phone number')
  const life = byMail ? env.GOTRUE_MAILER_OTP_EXP : env.GOTRUE_SMS_OTP_EXP
  return isCurrent(tokenHash(address, nonce), user.reauthentication_token, user.reauthentication_sent_at, life)
}
