import { z } from 'zod'
import { audit } from '../../accounts/audit.ts'
import { passwordFits } from '../../accounts/password.ts'
import { errors, WeakPasswordError } from '../../errors.ts'
import { checkStrength } from '../../passwords/strength.ts'
import { plainPhone } from '../../request/addresses.ts'
import { audienceOf } from '../../request/bearer.ts'
import { readBody, string } from '../../request/body.ts'
import type { Call } from '../../request/call.ts'
import type { AuthState } from '../../state.ts'
import { deleteSessionsOf } from '../../tables/sessions.ts'
import { findUserByEmail, findUserByPhone, isBanned, isConfirmed, isPhoneConfirmed, type User } from '../../tables/users.ts'
import type { TokenAnswer } from '../../tokens/answer.ts'
import { issueSession } from '../../tokens/issue.ts'
import { tokenTransaction } from '../../tokens/transaction.ts'

const body = z.object({ email: string, phone: string, password: string })
const REJECTED = 'Further password verification attempts will be rejected.'

export async function passwordGrant(call: Call, state: AuthState): Promise<TokenAnswer> {
  const { email, phone, password } = readBody(call, body)
  if (email !== '' && phone !== '') throw errors.validation('Only an email address or phone number should be provided on login.')
  const user = await find(state, call, email, phone)
  if (!user || user.encrypted_password === '') {
    await state.passwords.refuse(password)
    throw errors.invalidLogin()
  }
  if (isBanned(user)) throw errors.loginBanned()
  const valid = await passwordFits(state, user, password)
  const weakness = valid ? await weaknessOf(state, password) : undefined
  await askHook(state, call, user, valid)
  if (!valid) throw errors.invalidLogin()
  if (email !== '' && !isConfirmed(user)) throw errors.emailNotConfirmed()
  if (phone !== '' && !isPhoneConfirmed(user)) throw errors.phoneNotConfirmed()
  const answer = await tokenTransaction(state, async (tx) => {
    await audit(state, tx, call, user, 'login', { provider: email !== '' ? 'email' : 'phone' })
    return issueSession(state, tx, call, user, 'password')
  })
  return weakness ? { ...answer, weak_password: weakness } : answer
}

async function find(state: AuthState, call: Call, email: string, phone: string): Promise<User | undefined> {
  const aud = audienceOf(state, call)
  if (email !== '') {
    if (!state.env.GOTRUE_EXTERNAL_EMAIL_ENABLED) throw errors.emailLoginsDisabled()
    return findUserByEmail(state.pool, email, aud)
  }
  if (phone === '') throw errors.validation('missing email or phone')
  if (!state.env.GOTRUE_EXTERNAL_PHONE_ENABLED) throw errors.phoneLoginsDisabled()
  return findUserByPhone(state.pool, plainPhone(phone), aud)
}

/** A right but weak password still signs in, and the answer says so. */
async function weaknessOf(state: AuthState, password: string): Promise<TokenAnswer['weak_password']> {
  try {
    await checkStrength(state.env, state.log, password)
    return undefined
  } catch (error) {
    if (error instanceof WeakPasswordError) return { message: error.message, reasons: error.reasons }
    state.log.warn({ err: error }, 'the strength of a password could not be checked at sign-in')
    return undefined
  }
}

async function askHook(state: AuthState, call: Call, user: User, valid: boolean): Promise<void> {
  if (!state.hooks.enabled('PASSWORD_VERIFICATION_ATTEMPT')) return
  const output = await state.hooks.run('PASSWORD_VERIFICATION_ATTEMPT', call, { user_id: user.id, valid })
  if (output['decision'] !== 'reject') return
  if (output['should_logout_user'] === true) await deleteSessionsOf(state.pool, user.id)
  const message = output['message']
  throw errors.loginRejected(typeof message === 'string' && message !== '' ? message : REJECTED)
}
