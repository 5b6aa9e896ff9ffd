import { z } from 'zod'
import { audit } from '../accounts/audit.ts'
import { magicLink } from '../accounts/magic-link.ts'
import { signUp } from '../accounts/sign-up.ts'
import { errors } from '../errors.ts'
import { isChannel, sendPhoneCode } from '../otp/sms.ts'
import { randomPassword } from '../passwords/random.ts'
import { acceptEmail, acceptPhone } from '../request/addresses.ts'
import { audienceOf } from '../request/bearer.ts'
import { boolean, object, readBody, string } from '../request/body.ts'
import { type Answer, type Call, ok } from '../request/call.ts'
import { checkChallenge } from '../request/pkce.ts'
import { publicRoute } from '../route.ts'
import type { AuthState } from '../state.ts'
import { transaction } from '../tables/database.ts'
import { findUserByEmail, findUserByPhone, isPhoneConfirmed, type User } from '../tables/users.ts'

const body = z.object({
  email: string,
  phone: string,
  create_user: boolean(true),
  data: object,
  channel: string,
  code_challenge: string,
  code_challenge_method: string,
})
type Params = z.output<typeof body>

/** A code or link to an address; an unknown one is signed up, unless the caller forbids it. */
export const otp = publicRoute({
  method: 'POST',
  path: '/otp',
  limit: 'otp',
  captcha: true,
  async handle(call, state) {
    const params = readBody(call, body)
    if (params.email !== '' && params.phone !== '') throw errors.validation('Only an email address or phone number should be provided')
    if (params.email !== '' && params.channel !== '') throw errors.validation('Channel should only be specified with Phone OTP')
    checkChallenge(params.code_challenge, params.code_challenge_method)
    if (!params.create_user && !(await exists(state, call, params))) throw errors.otpDisabled()
    if (params.email !== '')
      return magicLink(state, call, { ...params, codeChallenge: params.code_challenge, codeChallengeMethod: params.code_challenge_method })
    if (params.phone === '') throw errors.validation('One of email or phone must be set')
    return phoneOtp(state, call, params)
  },
})

async function exists(state: AuthState, call: Call, { email, phone }: Params): Promise<boolean> {
  const aud = audienceOf(state, call)
  if (email !== '') return (await findUserByEmail(state.pool, acceptEmail(email), aud)) !== undefined
  return phone === '' || (await findUserByPhone(state.pool, acceptPhone(phone), aud)) !== undefined
}

async function phoneOtp(state: AuthState, call: Call, params: Params): Promise<Answer> {
  if (!state.env.GOTRUE_EXTERNAL_PHONE_ENABLED) throw errors.phoneUnsupported()
  const channel = params.channel || 'sms'
  if (!isChannel(channel, state.env)) throw errors.invalidChannel()
  const phone = acceptPhone(params.phone)
  const aud = audienceOf(state, call)
  const known = await findUserByPhone(state.pool, phone, aud)
  if (known && isPhoneConfirmed(known)) return send(state, call, known, phone, channel)
  await signUp(state, call, {
    email: '',
    phone,
    password: randomPassword(),
    madeUp: true,
    data: params.data,
    channel,
    codeChallenge: '',
    codeChallengeMethod: '',
  })
  if (!state.env.GOTRUE_SMS_AUTOCONFIRM) return ok({})
  const made = await findUserByPhone(state.pool, phone, aud)
  if (!made) throw errors.failure('Database error finding user')
  return send(state, call, made, phone, channel)
}

async function send(state: AuthState, call: Call, user: User, phone: string, channel: string): Promise<Answer> {
  const sent = await transaction(state.pool, async (tx) => {
    await audit(state, tx, call, user, 'user_recovery_requested', { channel })
    return sendPhoneCode(state, tx, call, user, { phone, purpose: 'confirmation', channel })
  })
  return ok(sent.messageId ? { message_id: sent.messageId } : {})
}
