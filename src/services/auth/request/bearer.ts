// Who is calling: the bearer token, the user and the session behind it. The order of the checks is upstream's, for each has its own answer.
import { JwtError } from '../../../jwt/error.ts'
import type { Claims } from '../../../jwt/verifier.ts'
import { errors } from '../errors.ts'
import { sessionLimits, validityOf } from '../sessions/validity.ts'
import type { AuthState } from '../state.ts'
import { findCaller } from '../tables/caller.ts'
import { findSession } from '../tables/sessions.ts'
import { isBanned } from '../tables/users.ts'
import { refusalOf } from '../tokens/keys.ts'
import { isUuid, NIL_UUID } from './addresses.ts'
import { type AdminCall, type Call, header, type UserCall } from './call.ts'

function bearerOf(call: Call): string {
  const token = /^bearer (\S+)$/i.exec(header(call, 'authorization'))?.[1]
  if (token === undefined) throw errors.noBearer()
  return token
}

async function claimsOf(state: AuthState, token: string): Promise<Claims> {
  const known = state.keys.verifier.cached(token)
  if (known) return known
  try {
    return await state.keys.verifier.verify(token)
  } catch (error) {
    if (!(error instanceof JwtError)) throw error
    throw errors.badJwt(`invalid JWT: unable to parse or verify signature, ${refusalOf(error)}`, error)
  }
}

const text = (claims: Claims, name: string): string => (typeof claims[name] === 'string' ? claims[name] : '')

/** The call of a signed-in user. */
export async function requireUser(state: AuthState, call: Call): Promise<UserCall> {
  const token = bearerOf(call)
  const claims = await claimsOf(state, token)
  const sub = text(claims, 'sub')
  if (sub === '') throw errors.badJwt('invalid claim: missing sub claim')
  if (!isUuid(sub)) throw errors.subNotUuid()
  const sessionId = text(claims, 'session_id')
  const named = sessionId !== '' && sessionId !== NIL_UUID
  const { user, session } = await findCaller(state.pool, sub, named && isUuid(sessionId) ? sessionId : undefined)
  if (!user) throw errors.subNotFound()
  if (named && !isUuid(sessionId)) throw errors.badJwt('invalid claim: session_id claim must be a UUID')
  if (named && !session) throw errors.sessionNotFound()
  if (isBanned(user)) throw errors.banned()
  return { ...call, token, claims, user, session }
}

/** The call of an administrator: a token of an admin role, and of a living session if it names one. */
export async function requireAdmin(state: AuthState, call: Call): Promise<AdminCall> {
  const claims = await claimsOf(state, bearerOf(call))
  const role = text(claims, 'role')
  if (!state.env.GOTRUE_JWT_ADMIN_ROLES.includes(role)) throw errors.notAdmin()
  const sessionId = text(claims, 'session_id')
  if (sessionId !== '' && sessionId !== NIL_UUID) {
    if (!isUuid(sessionId)) throw errors.badJwt('invalid claim: session_id claim must be a UUID')
    const session = await findSession(state.pool, sessionId)
    if (!session) throw errors.sessionNotFound()
    if (validityOf(session, sessionLimits(state.env), Date.now(), false) !== 'valid') throw errors.sessionInvalid()
  }
  return { ...call, claims, actor: { id: NIL_UUID, username: role, viaSso: false } }
}

/** Administrators are never asked for a captcha. */
export async function isAdmin(state: AuthState, call: Call): Promise<boolean> {
  if (header(call, 'authorization') === '') return false
  try {
    await requireAdmin(state, call)
    return true
  } catch {
    return false // whoever it is, it is no administrator; the route itself says what is wrong
  }
}

/** For whom the request is: the header, the token of a user, else GOTRUE_JWT_AUD. */
export function audienceOf(state: AuthState, call: Call & { readonly claims?: Claims }): string {
  const named = header(call, 'x-jwt-aud')
  if (named !== '') return named
  const { claims } = call
  if (claims && !state.env.GOTRUE_JWT_ADMIN_ROLES.includes(text(claims, 'role'))) {
    const own = tokenAudience(claims)
    if (own !== '') return own
  }
  return state.env.GOTRUE_JWT_AUD
}

export function tokenAudience(claims: Claims): string {
  const aud = claims['aud']
  const first: unknown = Array.isArray(aud) ? aud[0] : aud
  return typeof first === 'string' ? first : ''
}
