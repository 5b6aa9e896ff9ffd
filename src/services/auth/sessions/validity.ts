// How long a session may be refreshed: its end, the time-box, inactivity, and the grace for sessions without the second factor.
import type { AuthEnv } from '../env.ts'
import type { Session } from '../tables/sessions.ts'

export type Validity = 'valid' | 'over' | 'idle' | 'low-aal'

export interface SessionLimits {
  readonly timeboxMs: number | undefined
  readonly inactivityMs: number | undefined
  readonly lowAalMs: number | undefined
}

export const sessionLimits = (env: AuthEnv): SessionLimits => ({
  timeboxMs: env.GOTRUE_SESSIONS_TIMEBOX,
  inactivityMs: env.GOTRUE_SESSIONS_INACTIVITY_TIMEOUT,
  lowAalMs: env.GOTRUE_SESSIONS_ALLOW_LOW_AAL,
})

/** `tokenTime`: when the version 1 token presented was last changed; counts where the session was never refreshed. */
export function lastRefresh(session: Session, tokenTime?: Date): number {
  if (session.refreshed_at) return session.refreshed_at.getTime()
  return Math.max(session.created_at.getTime(), tokenTime?.getTime() ?? 0)
}

export function validityOf(session: Session, limits: SessionLimits, nowMs: number, userHasFactor: boolean, tokenTime?: Date): Validity {
  const { timeboxMs, inactivityMs, lowAalMs } = limits
  const born = session.created_at.getTime()
  if (session.not_after && nowMs > session.not_after.getTime()) return 'over'
  if (timeboxMs && nowMs > born + timeboxMs) return 'over'
  if (inactivityMs && nowMs > lastRefresh(session, tokenTime) + inactivityMs) return 'idle'
  if (lowAalMs && userHasFactor && session.aal === 'aal1' && nowMs > born + lowAalMs) return 'low-aal'
  return 'valid'
}

/** The tag by which `single per user` counts; unknown ones count as the first. */
export const tagOf = (session: Session, tags: readonly string[]): string =>
  session.tag && tags.includes(session.tag) ? session.tag : (tags[0] ?? '')
