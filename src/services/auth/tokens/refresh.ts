// Refreshing: one token for the next, whatever the clients lose, repeat or steal. Two requests with one token are put in order by row
// locks that are never waited for: who finds a row locked lets its connection go and comes again a little later.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { audit } from '../accounts/audit.ts'
import { errors, OAuthError } from '../errors.ts'
import { type Call, header } from '../request/call.ts'
import { lastRefresh, sessionLimits, tagOf, validityOf } from '../sessions/validity.ts'
import type { AuthState } from '../state.ts'
import { findCaller } from '../tables/caller.ts'
import { CommitWithError, type Db, type Tx } from '../tables/database.ts'
import {
  deleteToken,
  findActiveToken,
  findRefreshToken,
  insertRefreshToken,
  lockRefreshToken,
  type RefreshToken,
  revokeToken,
  revokeTokensOf,
} from '../tables/refresh-tokens.ts'
import {
  deleteSession,
  findSession,
  findSessionsOf,
  lockSession,
  noteRefresh,
  type Session,
  setRefreshTokenState,
} from '../tables/sessions.ts'
import { findUserById, hasVerifiedFactor, isBanned, tryLockUser, type User } from '../tables/users.ts'
import { makeAccessToken } from './access-token.ts'
import { type TokenAnswer, tokenAnswer } from './answer.ts'
import { decodeRefreshToken, encodeRefreshToken, isSignedBy, type RefreshTokenV2 } from './refresh-token-v2.ts'
import { tokenTransaction } from './transaction.ts'

const RETRY_MS = 5_000

/** Held by somebody else at this moment. */
class Locked extends Error {}

interface Found {
  readonly user: User
  readonly session: Session | undefined
  /** The row of version 1, or the parts of version 2. */
  readonly token: { readonly v1: RefreshToken } | { readonly v2: RefreshTokenV2; readonly key: Buffer }
}

/** `oauthClientId`: of the client that has proved itself. Its sessions are refreshed by it alone, and it refreshes no others. */
export async function refreshSession(state: AuthState, call: Call, text: string, oauthClientId?: string): Promise<TokenAnswer> {
  const v2 = /^[a-z0-9]{12}$/.test(text) ? undefined : decodeRefreshToken(text)
  if (!v2 && !/^[a-z0-9]{12}$/.test(text)) throw errors.refreshMalformed()
  const startedAt = Date.now()
  return state.refreshing.take(v2 ? v2.sessionId : text, () => swapInTime(state, call, { text, v2, oauthClientId }, startedAt))
}

interface Presented {
  readonly text: string
  readonly v2: RefreshTokenV2 | undefined
  readonly oauthClientId: string | undefined
}

/** Another instance may hold the rows: tries again until the time is up. */
async function swapInTime(state: AuthState, call: Call, presented: Presented, startedAt: number): Promise<TokenAnswer> {
  do {
    const found = await find(state, presented.text, presented.v2)
    if (!found) throw errors.refreshNotFound()
    await check(state, call, found, startedAt)
    try {
      return await tokenTransaction(state, (tx) => swap(state, tx, call, presented, startedAt))
    } catch (error) {
      if (!(error instanceof Locked)) throw error
      await sleep(10 + Math.random() * 20)
    }
  } while (Date.now() - startedAt < RETRY_MS)
  throw errors.conflict()
}

async function find(state: AuthState, text: string, v2: RefreshTokenV2 | undefined): Promise<Found | undefined> {
  const { pool } = state
  if (v2) {
    const session = await findSession(pool, v2.sessionId)
    return session && withKey(state, pool, session, v2)
  }
  const token = await findRefreshToken(pool, text)
  if (!token) return undefined
  const { user, session } = await findCaller(pool, token.user_id, token.session_id ?? undefined)
  return user && { user, token: { v1: token }, session }
}

async function withKey(state: AuthState, db: Db, session: Session, v2: RefreshTokenV2): Promise<Found | undefined> {
  const key = Buffer.from(state.cipher.open(session.id, session.refresh_token_hmac_key ?? ''), 'base64url')
  if (key.length === 0 || session.refresh_token_counter === null || !isSignedBy(v2, key)) return undefined
  const user = await findUserById(db, session.user_id)
  return user && { user, session, token: { v2, key } }
}

async function lock(state: AuthState, tx: Tx, text: string, v2: RefreshTokenV2 | undefined): Promise<Found & { session: Session }> {
  const token = v2 ? undefined : await lockRefreshToken(tx, text)
  const sessionId = v2 ? v2.sessionId : token?.session_id
  const session = sessionId ? await lockSession(tx, sessionId) : undefined
  if (!session) throw new Locked()
  if (v2) {
    const found = await withKey(state, tx, session, v2)
    if (!found) throw new Locked()
    return { ...found, session }
  }
  const user = await findUserById(tx, session.user_id)
  if (!user || !token) throw new Locked()
  return { user, session, token: { v1: token } }
}

async function check(state: AuthState, call: Call, { user, session, token }: Found, nowMs: number): Promise<void> {
  call.answerHeaders.set('sb-auth-user-id', user.id)
  if (isBanned(user)) throw errors.refreshBanned()
  if (!session) {
    if ('v1' in token) await deleteToken(state.pool, token.v1.id)
    throw errors.refreshWithoutSession()
  }
  call.answerHeaders.set('sb-auth-session-id', session.id)
  const tokenTime = 'v1' in token ? token.v1.updated_at : undefined
  switch (validityOf(session, sessionLimits(state.env), nowMs, hasVerifiedFactor(user), tokenTime)) {
    case 'over':
      throw errors.sessionExpired()
    case 'idle':
      throw errors.sessionExpired('Inactivity')
    case 'low-aal':
      throw errors.sessionExpired('Low AAL: User Needs MFA Verification')
    case 'valid':
  }
}

async function swap(state: AuthState, tx: Tx, call: Call, presented: Presented, nowMs: number): Promise<TokenAnswer> {
  const { user, session, token } = await lock(state, tx, presented.text, presented.v2)
  checkClient(session, presented.oauthClientId)
  if (state.env.GOTRUE_SESSIONS_SINGLE_PER_USER)
    await checkNewest(state, tx, user, session, 'v1' in token ? token.v1.updated_at : undefined, nowMs)
  const next =
    'v1' in token ? await swapV1(state, tx, call, user, session, token.v1) : await swapV2(state, tx, call, user, session, token, nowMs)
  const access = await makeAccessToken(state, tx, call, user, session, 'token_refresh')
  await noteRefresh(tx, session.id, header(call, 'user-agent'), call.address)
  return tokenAnswer(access, next, user)
}

function checkClient({ oauth_client_id: of }: Session, by: string | undefined): void {
  const refuse = (why: string) => new OAuthError('invalid_client', why)
  if (of && !by) throw refuse('Client authentication required for OAuth session')
  if (of && by !== of) throw refuse("Client does not match the session's OAuth client")
  if (!of && by) throw refuse('Client authentication not allowed for non-OAuth session')
}

/** With one session per user, only the one that was refreshed last goes on. */
async function checkNewest(
  state: AuthState,
  tx: Tx,
  user: User,
  session: Session,
  tokenTime: Date | undefined,
  nowMs: number,
): Promise<void> {
  if (!(await tryLockUser(tx, user.id))) throw new Locked()
  const tags = state.env.GOTRUE_SESSIONS_TAGS
  const rivals = (await findSessionsOf(tx, user.id)).filter(
    (other) =>
      other.id !== session.id &&
      tagOf(other, tags) === tagOf(session, tags) &&
      validityOf(other, sessionLimits(state.env), nowMs, hasVerifiedFactor(user)) === 'valid',
  )
  if (rivals.some((other) => lastRefresh(other) > lastRefresh(session, tokenTime))) throw errors.sessionExpired('Revoked by Newer Login')
}

async function swapV1(state: AuthState, tx: Tx, call: Call, user: User, session: Session, token: RefreshToken): Promise<string> {
  const active = token.revoked ? await findActiveToken(tx, session.id) : undefined
  // The client never got the last answer: it gets the token of that answer again.
  if (active && active.parent === token.token) {
    await audit(state, tx, call, user, 'token_refreshed')
    return announceV1(call, active.token)
  }
  if (token.revoked) {
    const reusableUntil = token.updated_at.getTime() + state.env.GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL * 1_000
    if (Date.now() > reusableUntil) {
      if (state.env.GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED) await revokeTokensOf(tx, session.id)
      throw new CommitWithError(errors.refreshUsed())
    }
  }
  await audit(state, tx, call, user, 'token_refreshed')
  if (shouldUpgrade(state, session)) return upgrade(state, tx, call, session)
  return announceV1(call, await replaceToken(state, tx, call, user, token))
}

/** Revokes the token and makes its child. */
export async function replaceToken(state: AuthState, tx: Tx, call: Call, user: User, token: RefreshToken): Promise<string> {
  await audit(state, tx, call, user, 'token_revoked')
  await revokeToken(tx, token.id)
  const next = await insertRefreshToken(tx, user.id, token.session_id!, token.token)
  return next
}

function announceV1(call: Call, token: string): string {
  call.answerHeaders.set('sb-auth-refresh-token-prefix', token.slice(0, 5))
  return token
}

/** A share of the sessions, the same ones each time, moves to version 2 tokens at its next refresh. */
function shouldUpgrade(state: AuthState, session: Session): boolean {
  const { GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: version, GOTRUE_SECURITY_REFRESH_TOKEN_UPGRADE_PERCENTAGE: share } = state.env
  return version === 2 && Number.parseInt(session.id.slice(-8), 16) % 100 < share
}

async function upgrade(state: AuthState, tx: Tx, call: Call, session: Session): Promise<string> {
  const key = randomBytes(32)
  await revokeTokensOf(tx, session.id)
  await setRefreshTokenState(tx, session.id, state.cipher.seal(session.id, key.toString('base64url')), 0)
  call.answerHeaders.set('sb-auth-refresh-token-counter', '0')
  return encodeRefreshToken(session.id, 0, key)
}

async function swapV2(
  state: AuthState,
  tx: Tx,
  call: Call,
  user: User,
  session: Session,
  { v2, key }: { readonly v2: RefreshTokenV2; readonly key: Buffer },
  nowMs: number,
): Promise<string> {
  const current = session.refresh_token_counter!
  const behind = current - v2.counter
  if (behind < 0) throw errors.refreshForeign()
  if (behind > 0) await checkReuse(state, tx, call, session, behind, nowMs)
  else call.answerHeaders.set('sb-auth-refresh-token-reuse', 'false')
  const counter = behind === 0 ? current + 1 : current
  await setRefreshTokenState(tx, session.id, session.refresh_token_hmac_key!, counter)
  call.answerHeaders.set('sb-auth-refresh-token-counter', String(counter))
  await audit(state, tx, call, user, 'token_refreshed')
  return encodeRefreshToken(session.id, counter, key)
}

/** Passes where the reuse has a harmless reason; otherwise somebody else has the token, and the session ends. */
async function checkReuse(state: AuthState, tx: Tx, call: Call, session: Session, behind: number, nowMs: number): Promise<void> {
  const { env } = state
  const sinceLast = Math.abs(nowMs - lastRefresh(session))
  const causes = [
    ...(sinceLast < env.GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL * 1_000 ? ['concurrent-refresh'] : []),
    ...(behind === 1 ? ['fail-to-save'] : []),
    ...(env.GOTRUE_SECURITY_REFRESH_TOKEN_ALLOW_REUSE ? ['always-allow'] : []),
  ]
  call.answerHeaders.set('sb-auth-refresh-token-reuse', 'true')
  if (causes.length > 0) {
    call.answerHeaders.set('sb-auth-refresh-token-reuse-cause', causes.join(','))
    return
  }
  if (env.GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED) {
    await deleteSession(tx, session.id)
    call.answerHeaders.set('sb-auth-refresh-token-rotated', 'true')
  }
  throw new CommitWithError(errors.refreshUsed())
}
