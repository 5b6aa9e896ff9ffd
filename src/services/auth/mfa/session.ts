// A second factor was shown: the session rises to aal2, its token is replaced, and every weaker session of the user ends.
import { errors } from '../errors.ts'
import type { UserCall } from '../request/call.ts'
import { assurance } from '../sessions/assurance.ts'
import type { AuthState } from '../state.ts'
import type { Tx } from '../tables/database.ts'
import { deleteUnverifiedFactors, type Factor } from '../tables/factors.ts'
import { findActiveToken, findFirstToken } from '../tables/refresh-tokens.ts'
import { addAmr, deleteWeakSessions, findSession, setAal, setRefreshTokenState } from '../tables/sessions.ts'
import { findUserById } from '../tables/users.ts'
import { makeAccessToken } from '../tokens/access-token.ts'
import { type TokenAnswer, tokenAnswer } from '../tokens/answer.ts'
import { replaceToken } from '../tokens/refresh.ts'
import { encodeRefreshToken } from '../tokens/refresh-token-v2.ts'

export async function raiseSession(
  state: AuthState,
  tx: Tx,
  call: UserCall,
  factor: Factor,
  method: 'totp' | 'mfa/phone' | 'mfa/webauthn',
): Promise<TokenAnswer> {
  const sessionId = call.session?.id
  if (sessionId === undefined) throw errors.failure('Cannot read SessionId claim as UUID')
  await addAmr(tx, sessionId, method)
  const session = await findSession(tx, sessionId)
  const user = await findUserById(tx, call.user.id)
  if (!session || !user) throw errors.failure('Database error finding session')
  const refreshToken = await nextToken(state, tx, call, session.id)
  await setAal(tx, session.id, assurance(session, user).aal, factor.id)
  const access = await makeAccessToken(state, tx, call, user, session.id, method)
  await deleteWeakSessions(tx, user.id)
  await deleteUnverifiedFactors(tx, user.id, factor.factor_type)
  const after = await findUserById(tx, user.id)
  return tokenAnswer(access, refreshToken, after ?? user)
}

/** Version 2 counts on by two: the token from before must not pass for one whose answer was lost, or it would reach aal2 by itself. */
async function nextToken(state: AuthState, tx: Tx, call: UserCall, sessionId: string): Promise<string> {
  const session = await findSession(tx, sessionId)
  if (session?.refresh_token_hmac_key && session.refresh_token_counter !== null) {
    const counter = session.refresh_token_counter + 2
    await setRefreshTokenState(tx, sessionId, session.refresh_token_hmac_key, counter)
    return encodeRefreshToken(sessionId, counter, Buffer.from(state.cipher.open(sessionId, session.refresh_token_hmac_key), 'base64url'))
  }
  const current = (await findActiveToken(tx, sessionId)) ?? (await findFirstToken(tx, sessionId))
  if (!current) throw errors.failure('Database error finding refresh token')
  return replaceToken(state, tx, call, call.user, current)
}
