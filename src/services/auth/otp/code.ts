// One-time codes and what is stored of them: the hash of address and code.
import { createHash, randomInt } from 'node:crypto'
import { sameText } from '../request/pkce.ts'

export const PKCE_PREFIX = 'pkce_'

/** Uniformly random digits, zero padded. */
export const newCode = (length: number): string => String(randomInt(10 ** length)).padStart(length, '0')

/** Lower hex SHA-224 of address and code: what mailed links carry and the database holds. */
export const tokenHash = (address: string, code: string): string =>
  createHash('sha224')
    .update(address + code)
    .digest('hex')

export const withFlow = (hash: string, pkce: boolean): string => (pkce ? PKCE_PREFIX + hash : hash)

export const isExpired = (sentAt: Date | null, lifeSeconds: number, nowMs = Date.now()): boolean =>
  sentAt === null || nowMs > sentAt.getTime() + lifeSeconds * 1_000

/** Whether the hash is the stored one (of either flow) and still in its time. */
export function isCurrent(hash: string, stored: string, sentAt: Date | null, lifeSeconds: number): boolean {
  if (stored === '' || isExpired(sentAt, lifeSeconds)) return false
  const same = sameText(hash, stored)
  return sameText(PKCE_PREFIX + hash, stored) || same
}

/** Whole seconds until the same kind may be sent again; undefined when it may be sent now. */
export function secondsToWait(sentAt: Date | null, frequencyMs: number, nowMs = Date.now()): number | undefined {
  if (sentAt === null) return undefined
  const left = sentAt.getTime() + frequencyMs - nowMs
  return left > 0 ? Math.trunc(left / 1_000) : undefined
}
