// Access tokens: the claims of a user in a session, changed by the hook where there is one, signed.
import { z } from 'zod'
import { signJwt } from '../../../jwt/sign.ts'
import { errors } from '../errors.ts'
import type { JsonMap } from '../request/body.ts'
import type { Call } from '../request/call.ts'
import { type AmrEntry, assurance } from '../sessions/assurance.ts'
import type { AuthState } from '../state.ts'
import type { Tx } from '../tables/database.ts'
import { findSession, type Session } from '../tables/sessions.ts'
import { hasVerifiedFactor, type User } from '../tables/users.ts'

export interface AccessToken {
  readonly token: string
  /** Unix seconds. */
  readonly expiresAt: number
  readonly expiresIn: number
}

export interface AccessTokenClaims {
  readonly iss?: string
  readonly sub: string
  readonly aud: string
  readonly exp: number
  readonly iat: number
  readonly email: string
  readonly phone: string
  readonly app_metadata: JsonMap
  readonly user_metadata: JsonMap
  readonly role: string
  readonly aal: string
  readonly amr: readonly AmrEntry[]
  readonly session_id: string
  readonly is_anonymous: boolean
  readonly client_id?: string
  readonly scope?: string
}

/** What a hook must give back, whatever it adds. */
const hookClaims = z.looseObject({
  aud: z.union([z.string(), z.array(z.string())]),
  exp: z.number(),
  iat: z.number(),
  sub: z.string(),
  email: z.string(),
  phone: z.string(),
  role: z.string(),
  aal: z.string(),
  session_id: z.string(),
  is_anonymous: z.boolean(),
})

/** `of` is the session, or the id of one that has just been written. */
export async function makeAccessToken(
  state: AuthState,
  tx: Tx,
  call: Call,
  user: User,
  of: Session | string,
  method: string,
): Promise<AccessToken> {
  const session = typeof of === 'string' ? await findSession(tx, of) : of
  if (!session) throw errors.failure('error generating jwt token', new Error('the session is gone'))
  const iat = Math.floor(Date.now() / 1000)
  const expiresAt = expiry(state, user, session, iat)
  const claims = claimsOf(state, user, session, iat, expiresAt)
  const signed = state.hooks.enabled('CUSTOM_ACCESS_TOKEN') ? await throughHook(state, tx, call, user, claims, method) : { ...claims }
  return { token: await signJwt(signed, state.keys.signing), expiresAt, expiresIn: state.env.GOTRUE_JWT_EXP }
}

/** A session that lacks the second factor its user has may be allowed for a while only, and no token outlives that. */
function expiry(state: AuthState, user: User, session: Session, iat: number): number {
  const whole = iat + state.env.GOTRUE_JWT_EXP
  const lowAalMs = state.env.GOTRUE_SESSIONS_ALLOW_LOW_AAL
  if (!lowAalMs || !hasVerifiedFactor(user) || assurance(session, user).aal !== 'aal1') return whole
  return Math.min(whole, Math.floor((session.created_at.getTime() + lowAalMs) / 1000))
}

function claimsOf(state: AuthState, user: User, session: Session, iat: number, exp: number): AccessTokenClaims {
  const { aal, amr } = assurance(session, user)
  return {
    ...(state.env.GOTRUE_JWT_ISSUER ? { iss: state.env.GOTRUE_JWT_ISSUER } : {}),
    sub: user.id,
    aud: user.aud,
    exp,
    iat,
    email: user.email,
    phone: user.phone,
    app_metadata: user.raw_app_meta_data,
    user_metadata: user.raw_user_meta_data,
    role: user.role,
    aal,
    amr,
    session_id: session.id,
    is_anonymous: user.is_anonymous,
    ...(session.oauth_client_id ? { client_id: session.oauth_client_id } : {}),
    ...(session.scopes ? { scope: session.scopes } : {}),
  }
}

async function throughHook(state: AuthState, tx: Tx, call: Call, user: User, claims: AccessTokenClaims, method: string): Promise<JsonMap> {
  const output = await state.hooks.run('CUSTOM_ACCESS_TOKEN', call, { user_id: user.id, claims, authentication_method: method }, tx)
  const given = output['claims']
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw errors.failure('output claims field is missing')
  const checked = hookClaims.safeParse(given)
  if (!checked.success) {
    const wrong = checked.error.issues.map(({ path, message }) => `- ${path.join('.')}: ${message}`).join('\n')
    throw errors.failure(`output claims do not conform to the expected schema: \n${wrong}\n`)
  }
  return given as JsonMap
}
