// A new session and its first pair of tokens: the last step of every way in.
import { randomBytes, randomUUID } from 'node:crypto'
import { errors } from '../errors.ts'
import { type Call, header } from '../request/call.ts'
import type { AuthState } from '../state.ts'
import type { Tx } from '../tables/database.ts'
import { insertRefreshToken } from '../tables/refresh-tokens.ts'
import { addAmr, insertSession } from '../tables/sessions.ts'
import { type User, updateUser } from '../tables/users.ts'
import { makeAccessToken } from './access-token.ts'
import { type TokenAnswer, tokenAnswer } from './answer.ts'
import { encodeRefreshToken } from './refresh-token-v2.ts'

export interface IssueOptions {
  /** For an OAuth client: only it can refresh the session. */
  readonly oauthClientId?: string
  readonly scopes?: string
  /** The session ends then, whatever else. */
  readonly notAfter?: Date
}

/** `method` goes into the session's amr: `password`, `otp`, `anonymous`, `magiclink`, ... */
export async function issueSession(
  state: AuthState,
  tx: Tx,
  call: Call,
  user: User,
  method: string,
  options: IssueOptions = {},
): Promise<TokenAnswer> {
  const sessionId = randomUUID()
  const session = { id: sessionId, userId: user.id, userAgent: header(call, 'user-agent'), address: call.address, ...options }
  call.answerHeaders.set('sb-auth-user-id', user.id)
  let refreshToken: string
  let signedIn: User
  try {
    if (state.env.GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION === 2) {
      const key = randomBytes(32)
      await insertSession(tx, { ...session, hmacKey: state.cipher.seal(sessionId, key.toString('base64url')), counter: 0 })
      refreshToken = encodeRefreshToken(sessionId, 0, key)
      call.answerHeaders.set('sb-auth-refresh-token-counter', '0')
    } else {
      await insertSession(tx, session)
      refreshToken = await insertRefreshToken(tx, user.id, sessionId, null)
      call.answerHeaders.set('sb-auth-refresh-token-prefix', refreshToken.slice(0, 5))
    }
    signedIn = await updateUser(tx, user, { last_sign_in_at: new Date() })
    await addAmr(tx, sessionId, method)
  } catch (error) {
    throw errors.failure('Database error granting user', error)
  }
  call.answerHeaders.set('sb-auth-session-id', sessionId)
  const access = await makeAccessToken(state, tx, call, signedIn, sessionId, method)
  return tokenAnswer(access, refreshToken, signedIn)
}
