import { z } from 'zod'
import { audit } from '../accounts/audit.ts'
import type { AuthEnv } from '../env.ts'
import { errors } from '../errors.ts'
import { sendConfirmation, sendEmailChange } from '../otp/mail-codes.ts'
import { type SentCode, sendPhoneCode } from '../otp/sms.ts'
import { acceptEmail, acceptPhone } from '../request/addresses.ts'
import { audienceOf } from '../request/bearer.ts'
import { readBody, string } from '../request/body.ts'
import { type Call, ok } from '../request/call.ts'
import { acceptChallenge, type Challenge, checkChallenge } from '../request/pkce.ts'
import { publicRoute } from '../route.ts'
import type { AuthState } from '../state.ts'
import { type Tx, transaction } from '../tables/database.ts'
import { insertFlowState } from '../tables/flow-states.ts'
import { findUserByEmail, findUserByPhone, isConfirmed, isPhoneConfirmed, type User } from '../tables/users.ts'

const body = z.object({ type: string, email: string, phone: string, code_challenge: string, code_challenge_method: string })
type Kind = 'signup' | 'email_change' | 'sms' | 'phone_change'

/** The same code or link again, newly made. Where there is nothing to send the answer is the same. */
export const resend = publicRoute({
  method: 'POST',
  path: '/resend',
  limit: 'resend',
  captcha: true,
  async handle(call, state) {
    const params = readBody(call, body)
    const kind = acceptKind(params.type, params.email, params.phone)
    const address = acceptAddress(state.env, params.email, params.phone)
    checkChallenge(params.code_challenge, params.code_challenge_method)
    const aud = audienceOf(state, call)
    const user = params.email !== '' ? await findUserByEmail(state.pool, address, aud) : await findUserByPhone(state.pool, address, aud)
    if (!user || !isPending(user, kind)) return ok({})
    const challenge = acceptChallenge(params.code_challenge, params.code_challenge_method)
    const sent = await transaction(state.pool, (tx) => send(state, tx, call, user, kind, challenge))
    return ok(sent?.messageId ? { message_id: sent.messageId } : {})
  },
})

function acceptKind(type: string, email: string, phone: string): Kind {
  if (type !== 'signup' && type !== 'email_change' && type !== 'sms' && type !== 'phone_change')
    throw errors.validation('Missing one of these types: signup, email_change, sms, phone_change')
  if (type === 'signup' && email === '') throw errors.validation('Type provided requires an email address')
  if (type === 'sms' && phone === '') throw errors.validation('Type provided requires a phone number')
  return type
}

function acceptAddress(env: AuthEnv, email: string, phone: string): string {
  if (email !== '' && phone !== '') throw errors.validation('Only an email address or phone number should be provided.')
  if (email !== '') {
    if (!env.GOTRUE_EXTERNAL_EMAIL_ENABLED) throw errors.emailLoginsDisabled400()
    return acceptEmail(email)
  }
  if (phone === '') throw errors.validation('Missing email address or phone number')
  if (!env.GOTRUE_EXTERNAL_PHONE_ENABLED) throw errors.phoneLoginsDisabled400()
  return acceptPhone(phone)
}

function isPending(user: User, kind: Kind): boolean {
  switch (kind) {
    case 'signup':
      return !isConfirmed(user)
    case 'sms':
      return !isPhoneConfirmed(user)
    case 'email_change':
      return user.email_change !== ''
    case 'phone_change':
      return user.phone_change !== ''
  }
}

async function send(
  state: AuthState,
  tx: Tx,
  call: Call,
  user: User,
  kind: Kind,
  challenge: Challenge | undefined,
): Promise<SentCode | undefined> {
  const pkce = challenge !== undefined
  switch (kind) {
    case 'signup':
      await audit(state, tx, call, user, 'user_confirmation_requested')
      if (challenge) await insertFlowState(tx, 'email', 'email/signup', challenge, user.id)
      await sendConfirmation({ state, tx, call }, user, pkce)
      return undefined
    case 'email_change':
      if (challenge) await insertFlowState(tx, 'email_change', 'email_change', challenge, user.id)
      await sendEmailChange({ state, tx, call }, user, user.email_change, pkce)
      return undefined
    case 'sms':
      await audit(state, tx, call, user, 'user_recovery_requested')
      return sendPhoneCode(state, tx, call, user, { phone: user.phone, purpose: 'confirmation', channel: 'sms' })
    case 'phone_change':
      return sendPhoneCode(state, tx, call, user, { phone: user.phone_change, purpose: 'phone_change', channel: 'sms' })
  }
}
