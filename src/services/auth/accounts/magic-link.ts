// A link by mail that signs in; someone without a confirmed account is signed up and gets the confirmation, which does the same.
import { errors } from '../errors.ts'
import { sendRecovery } from '../otp/mail-codes.ts'
import { randomPassword } from '../passwords/random.ts'
import { acceptEmail } from '../request/addresses.ts'
import { audienceOf } from '../request/bearer.ts'
import type { JsonMap } from '../request/body.ts'
import { type Answer, type Call, ok } from '../request/call.ts'
import { acceptChallenge, checkChallenge } from '../request/pkce.ts'
import type { AuthState } from '../state.ts'
import { transaction } from '../tables/database.ts'
import { insertFlowState } from '../tables/flow-states.ts'
import { findUserByEmail, isConfirmed, type User } from '../tables/users.ts'
import { audit } from './audit.ts'
import { signUp } from './sign-up.ts'

export interface MagicLink {
  readonly email: string
  readonly data: JsonMap | undefined
  readonly codeChallenge: string
  readonly codeChallengeMethod: string
}

export async function magicLink(state: AuthState, call: Call, params: MagicLink): Promise<Answer> {
  const { env } = state
  if (!env.GOTRUE_EXTERNAL_EMAIL_ENABLED) throw errors.emailLoginsDisabled()
  if (!env.GOTRUE_EXTERNAL_EMAIL_MAGIC_LINK_ENABLED) throw errors.magicLinkDisabled()
  if (params.email === '') throw errors.validation422('Password recovery requires an email')
  const email = acceptEmail(params.email)
  checkChallenge(params.codeChallenge, params.codeChallengeMethod)
  const aud = audienceOf(state, call)
  const known = await findUserByEmail(state.pool, email, aud)
  if (known && isConfirmed(known)) return send(state, call, known, params)
  await signUp(state, call, { ...params, email, phone: '', channel: '', password: randomPassword(), madeUp: true })
  if (!env.GOTRUE_MAILER_AUTOCONFIRM) return ok({})
  const made = await findUserByEmail(state.pool, email, aud)
  if (!made) throw errors.failure('Database error finding user')
  return send(state, call, made, params)
}

async function send(state: AuthState, call: Call, user: User, params: MagicLink): Promise<Answer> {
  const challenge = acceptChallenge(params.codeChallenge, params.codeChallengeMethod)
  await transaction(state.pool, async (tx) => {
    await audit(state, tx, call, user, 'user_recovery_requested')
    if (challenge) await insertFlowState(tx, 'magiclink', 'magiclink', challenge, user.id)
    await sendRecovery({ state, tx, call }, user, 'magiclink', challenge !== undefined)
  })
  return ok({})
}
