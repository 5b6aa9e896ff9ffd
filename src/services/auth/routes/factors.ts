import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { audit } from '../accounts/audit.ts'
import { errors } from '../errors.ts'
import { newSecret, otpauthUri, qrSvg } from '../mfa/totp.ts'
import { sendNotice } from '../otp/notices.ts'
import { acceptPhone, isUuid } from '../request/addresses.ts'
import { readBody, string } from '../request/body.ts'
import { type Answer, ok, type UserCall } from '../request/call.ts'
import { userRoute } from '../route.ts'
import type { AuthState } from '../state.ts'
import { transaction } from '../tables/database.ts'
import {
  deleteExpiredFactors,
  deleteFactor,
  type Factor,
  findFactor,
  findFactors,
  insertFactor,
  type NewFactor,
} from '../tables/factors.ts'
import { downgradeSessions } from '../tables/sessions.ts'

const body = z.object({ factor_type: string, friendly_name: string, issuer: string, phone: string })
type Params = z.output<typeof body>

/** A new second factor, not yet verified. */
export const enroll = userRoute({
  method: 'POST',
  path: '/factors',
  anonymous: false,
  async handle(call, state) {
    if (!call.session) throw errors.failure('A valid session and a registered user are required to enroll a factor')
    const params = readBody(call, body)
    const { env } = state
    switch (params.factor_type) {
      case 'totp':
        if (!env.GOTRUE_MFA_TOTP_ENROLL_ENABLED) throw errors.enrollDisabled('mfa_totp_enroll_not_enabled', 'TOTP')
        return enrollTotp(state, call, params)
      case 'phone':
        if (!env.GOTRUE_MFA_PHONE_ENROLL_ENABLED) throw errors.enrollDisabled('mfa_phone_enroll_not_enabled', 'Phone')
        return enrollPhone(state, call, params)
      case 'webauthn':
        if (!env.GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED) throw errors.enrollDisabled('mfa_webauthn_enroll_not_enabled', 'WebAuthn')
        return enrollWebAuthn(state, call, params)
      default:
        throw errors.validation('factor_type needs to be totp, phone, or webauthn')
    }
  },
})

async function enrollTotp(state: AuthState, call: UserCall, params: Params): Promise<Answer> {
  const issuer = params.issuer || new URL(state.env.GOTRUE_SITE_URL).host
  await checkRoom(state, call, params.friendly_name)
  if (call.user.email === '') throw errors.failure('Error generating QR Code')
  const secret = newSecret()
  const uri = otpauthUri(issuer, call.user.email, secret)
  const id = randomUUID()
  await store(
    state,
    call,
    { id, userId: call.user.id, type: 'totp', friendlyName: params.friendly_name, secret: state.cipher.seal(id, secret) },
    { factor_id: id },
  )
  return ok({ id, type: 'totp', friendly_name: params.friendly_name, totp: { qr_code: qrSvg(uri), secret, uri } })
}

async function enrollPhone(state: AuthState, call: UserCall, params: Params): Promise<Answer> {
  if (params.phone === '') throw errors.validation('Phone number required to enroll Phone factor')
  const phone = acceptPhone(params.phone)
  const same = call.user.factors.filter((factor) => factor.factor_type === 'phone' && factor.phone === phone)
  if (same.some(({ status }) => status === 'verified')) throw errors.verifiedPhoneExists()
  for (const factor of same) await deleteFactor(state.pool, factor.id)
  await checkRoom(state, call, params.friendly_name)
  const id = randomUUID()
  const factor = { id, userId: call.user.id, type: 'phone', friendlyName: params.friendly_name, phone } as const
  await store(state, call, factor, { factor_id: id, factor_type: 'phone' })
  return ok({ id, type: 'phone', friendly_name: params.friendly_name, phone: params.phone })
}

/** The credential comes with the first challenge. */
async function enrollWebAuthn(state: AuthState, call: UserCall, params: Params): Promise<Answer> {
  await checkRoom(state, call, params.friendly_name)
  const id = randomUUID()
  const factor = { id, userId: call.user.id, type: 'webauthn', friendlyName: params.friendly_name } as const
  await store(state, call, factor, { factor_id: id, factor_type: 'webauthn' })
  return ok({ id, type: 'webauthn', friendly_name: params.friendly_name })
}

async function store(state: AuthState, call: UserCall, factor: NewFactor, traits: Record<string, unknown>): Promise<void> {
  await transaction(state.pool, async (tx) => {
    await insertFactor(tx, factor)
    await audit(state, tx, call, call.user, 'factor_in_progress', traits)
  })
}

async function checkRoom(state: AuthState, call: UserCall, name: string): Promise<void> {
  const { env, pool } = state
  await deleteExpiredFactors(pool, env.GOTRUE_MFA_FACTOR_EXPIRY_DURATION / 1_000)
  const factors = await findFactors(pool, call.user.id)
  const verified = factors.filter(({ status }) => status === 'verified').length
  // Also a second one without a name, as upstream has it.
  if (factors.some((factor) => (factor.friendly_name ?? '') === name)) throw errors.factorNameTaken(name)
  if (factors.length >= env.GOTRUE_MFA_MAX_ENROLLED_FACTORS || verified >= env.GOTRUE_MFA_MAX_VERIFIED_FACTORS)
    throw errors.tooManyFactors()
  if (verified > 0 && call.session?.aal !== 'aal2') throw errors.aal2ToEnroll()
}

/** The caller's own factor of the path. */
export async function ownFactor(state: AuthState, userId: string, id: string | undefined): Promise<Factor> {
  if (!isUuid(id ?? '')) throw errors.validation404('factor_id must be an UUID')
  const factor = await findFactor(state.pool, userId, id!)
  if (!factor) throw errors.factorNotFound()
  return factor
}

export const amrMethodOf = (factor: Factor): string => (factor.factor_type === 'totp' ? 'totp' : `mfa/${factor.factor_type}`)

/** Gives a factor up; sessions that rose by it fall. */
export const unenroll = userRoute({
  method: 'DELETE',
  path: '/factors/:factor_id',
  anonymous: false,
  async handle(call, state) {
    const factor = await ownFactor(state, call.user.id, call.params['factor_id'])
    if (!call.session) throw errors.failure('A valid session and factor are required to unenroll a factor')
    if (factor.status === 'verified' && call.session.aal !== 'aal2') throw errors.aal2ToUnenroll()
    await transaction(state.pool, async (tx) => {
      await deleteFactor(tx, factor.id)
      await audit(state, tx, call, call.user, 'factor_unenrolled', {
        factor_id: factor.id,
        factor_status: factor.status,
        session_id: call.session?.id,
      })
      await downgradeSessions(tx, call.user.id, factor.id, amrMethodOf(factor))
    })
    await sendNotice(state, call, call.user, 'MFA_FACTOR_UNENROLLED', { factorType: factor.factor_type })
    return ok({ id: factor.id })
  },
})
