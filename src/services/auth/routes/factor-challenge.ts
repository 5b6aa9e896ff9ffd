import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { audit } from '../accounts/audit.ts'
import { showUser } from '../accounts/user-json.ts'
import { AuthError, errors } from '../errors.ts'
import { type Asked, askWebAuthn } from '../mfa/webauthn.ts'
import { newCode, secondsToWait } from '../otp/code.ts'
import { isChannel } from '../otp/sms.ts'
import { readBody, string } from '../request/body.ts'
import { ok, type UserCall } from '../request/call.ts'
import { userRoute } from '../route.ts'
import type { AuthState } from '../state.ts'
import { transaction } from '../tables/database.ts'
import { type Factor, insertChallenge } from '../tables/factors.ts'
import { ownFactor } from './factors.ts'

const body = z.object({ channel: string })

/** Asks for a factor to be shown; a phone gets its code now. */
export const challenge = userRoute({
  method: 'POST',
  path: '/factors/:factor_id/challenge',
  limit: 'challenge',
  anonymous: false,
  async handle(call, state) {
    const factor = await ownFactor(state, call.user.id, call.params['factor_id'])
    const { code, asked } = await prepare(state, call, factor)
    const id = randomUUID()
    const made = await transaction(state.pool, async (tx) => {
      const row = await insertChallenge(tx, {
        id,
        factorId: factor.id,
        address: call.address,
        otpCode: code && state.cipher.seal(id, code),
        kept: asked?.kept,
      })
      await audit(state, tx, call, call.user, 'challenge_created', { factor_id: factor.id, factor_status: factor.status })
      return row
    })
    const expires = Math.floor(made.created_at.getTime() / 1_000 + state.env.GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION)
    return ok({ id: made.id, type: factor.factor_type, expires_at: expires, webauthn: asked?.shown })
  },
})

interface Prepared {
  /** That a phone was sent. */
  readonly code?: string
  readonly asked?: Asked
}

async function prepare(state: AuthState, call: UserCall, factor: Factor): Promise<Prepared> {
  const { env } = state
  switch (factor.factor_type) {
    case 'totp':
      if (!env.GOTRUE_MFA_TOTP_VERIFY_ENABLED) throw errors.mfaVerifyDisabled('mfa_totp_verify_not_enabled', 'TOTP')
      return {}
    case 'webauthn':
      if (!env.GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED) throw errors.mfaVerifyDisabled('mfa_webauthn_verify_not_enabled', 'WebAuthn')
      readBody(call, body)
      return { asked: await askWebAuthn(state, call, factor) }
    case 'phone':
      if (!env.GOTRUE_MFA_PHONE_VERIFY_ENABLED) throw errors.mfaVerifyDisabled('mfa_phone_verify_not_enabled', 'Phone')
      return { code: await sendCode(state, call, factor) }
  }
}

async function sendCode(state: AuthState, call: UserCall, factor: Factor): Promise<string> {
  const { env } = state
  const channel = readBody(call, body).channel || 'sms'
  if (!isChannel(channel, env)) throw errors.invalidChannel()
  const last = factor.last_challenged_at === null ? null : new Date(factor.last_challenged_at)
  const wait = secondsToWait(last, env.GOTRUE_MFA_PHONE_MAX_FREQUENCY)
  if (wait !== undefined) throw errors.smsTooSoon(wait)
  const code = newCode(env.GOTRUE_MFA_PHONE_OTP_LENGTH)
  await deliver(state, call, factor.phone ?? '', code, channel)
  return code
}

async function deliver(state: AuthState, call: UserCall, phone: string, otp: string, channel: string): Promise<void> {
  if (!state.hooks.enabled('SEND_SMS')) {
    if (!state.sms.available) throw errors.failure('Failed to get SMS provider')
    try {
      await state.sms.send({ phone, code: otp, channel, mfa: true })
    } catch (error) {
      throw errors.failure('error sending message', error)
    }
    return
  }
  try {
    await state.hooks.run('SEND_SMS', call, { user: showUser(call.user), sms: { otp, phone, sms_type: 'mfa' } })
  } catch (error) {
    if (error instanceof AuthError) throw errors.failure('error invoking hook', error)
    throw error
  }
}
