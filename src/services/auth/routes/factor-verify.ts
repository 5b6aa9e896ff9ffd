import { z } from 'zod'
import { audit } from '../accounts/audit.ts'
import { errors } from '../errors.ts'
import { raiseSession } from '../mfa/session.ts'
import { isTotp } from '../mfa/totp.ts'
import { acceptWebAuthn, type Proof, proveWebAuthn, webAuthnParams } from '../mfa/webauthn.ts'
import { sendNotice } from '../otp/notices.ts'
import { isUuid } from '../request/addresses.ts'
import { readBody, string } from '../request/body.ts'
import { ok, type UserCall } from '../request/call.ts'
import { sameText } from '../request/pkce.ts'
import { userRoute } from '../route.ts'
import type { AuthState } from '../state.ts'
import { deleteChallenge, type Factor, findChallenge, type MfaChallenge, useChallenge, verifyFactor } from '../tables/factors.ts'
import { deleteSessionsOf } from '../tables/sessions.ts'
import { tokenTransaction } from '../tokens/transaction.ts'
import { ownFactor } from './factors.ts'

const body = z.object({ challenge_id: string, code: string, webauthn: webAuthnParams })
const REJECTED = 'Further MFA verification attempts will be rejected.'

/** The factor is shown: the session rises. */
export const verifyFactorRoute = userRoute({
  method: 'POST',
  path: '/factors/:factor_id/verify',
  limit: 'factor-verify',
  anonymous: false,
  async handle(call, state) {
    const factor = await ownFactor(state, call.user.id, call.params['factor_id'])
    const params = readBody(call, body)
    if (params.challenge_id !== '' && !isUuid(params.challenge_id)) throw errors.badJson('uuid: incorrect UUID format in challenge_id')
    if (params.code === '' && factor.factor_type !== 'webauthn') throw errors.validation('Code needs to be non-empty')
    checkEnabled(state, factor)
    const presented = factor.factor_type === 'webauthn' ? acceptWebAuthn(params.webauthn) : undefined
    const challenge = await openChallenge(state, call, factor, params.challenge_id)
    const proof = presented
      ? await proveWebAuthn(state, call, factor, challenge, presented)
      : await proveCode(state, call, factor, challenge, params.code)
    const answer = await tokenTransaction(state, async (tx) => {
      await audit(state, tx, call, call.user, 'verification_attempted', {
        factor_id: factor.id,
        challenge_id: challenge.id,
        factor_type: factor.factor_type,
      })
      await proof(tx)
      if (factor.status !== 'verified') await verifyFactor(tx, factor.id)
      return raiseSession(state, tx, call, factor, METHODS[factor.factor_type])
    })
    if (factor.status !== 'verified') await sendNotice(state, call, call.user, 'MFA_FACTOR_ENROLLED', { factorType: factor.factor_type })
    return ok(answer)
  },
})

const METHODS = { totp: 'totp', phone: 'mfa/phone', webauthn: 'mfa/webauthn' } as const

/** The code of an app, or the one that was sent. */
async function proveCode(state: AuthState, call: UserCall, factor: Factor, challenge: MfaChallenge, code: string): Promise<Proof> {
  const valid = await fits(state, factor, challenge, code)
  await askHook(state, call, factor, valid)
  if (!valid) throw factor.factor_type === 'totp' ? errors.totpWrong() : errors.phoneCodeWrong()
  return async (tx) => {
    if (!(await useChallenge(tx, challenge.id))) throw errors.challengeElsewhere()
  }
}

async function fits(state: AuthState, factor: Factor, challenge: MfaChallenge, code: string): Promise<boolean> {
  if (factor.factor_type === 'totp') return isTotp(state.cipher.open(factor.id, factor.secret ?? ''), code)
  const { check } = state.sms
  if (!check) return sameText(state.cipher.open(challenge.id, challenge.otp_code), code)
  try {
    await check(factor.phone ?? '', code)
    return true
  } catch (error) {
    throw errors.otpExpired(error)
  }
}

function checkEnabled({ env }: AuthState, factor: Factor): void {
  if (factor.factor_type === 'totp' && !env.GOTRUE_MFA_TOTP_VERIFY_ENABLED)
    throw errors.mfaVerifyDisabled('mfa_totp_verify_not_enabled', 'TOTP')
  if (factor.factor_type === 'phone' && !env.GOTRUE_MFA_PHONE_VERIFY_ENABLED)
    throw errors.mfaVerifyDisabled('mfa_phone_verify_not_enabled', 'Phone')
  // The code is that of enrolling, as upstream has it.
  if (factor.factor_type === 'webauthn' && !env.GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED)
    throw errors.mfaVerifyDisabled('mfa_webauthn_enroll_not_enabled', 'WebAuthn')
}

async function openChallenge(state: AuthState, call: UserCall, factor: Factor, id: string): Promise<MfaChallenge> {
  const challenge = id === '' ? undefined : await findChallenge(state.pool, factor.id, id)
  if (!challenge) throw errors.challengeNotFound()
  if (challenge.verified_at !== null || challenge.ip_address !== call.address) throw errors.challengeElsewhere()
  if (Date.now() > challenge.created_at.getTime() + state.env.GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION * 1_000) {
    await deleteChallenge(state.pool, challenge.id)
    throw errors.challengeExpired(challenge.id)
  }
  return challenge
}

async function askHook(state: AuthState, call: UserCall, factor: Factor, valid: boolean): Promise<void> {
  if (!state.hooks.enabled('MFA_VERIFICATION_ATTEMPT')) return
  const payload = { user_id: call.user.id, factor_id: factor.id, factor_type: factor.factor_type, valid }
  const output = await state.hooks.run('MFA_VERIFICATION_ATTEMPT', call, payload)
  if (output['decision'] !== 'reject') return
  await deleteSessionsOf(state.pool, call.user.id)
  const message = output['message']
  throw errors.mfaRejected(typeof message === 'string' && message !== '' ? message : REJECTED)
}
