import { expect, test } from 'vitest'
import type { Session } from '../tables/sessions.ts'
import type { User } from '../tables/users.ts'
import { assurance } from './assurance.ts'
import { lastRefresh, tagOf, validityOf } from './validity.ts'

const at = (minutes: number) => new Date(minutes * 60_000)
const session = (more: Partial<Session> = {}) =>
  ({ aal: 'aal1', amr: [], created_at: at(0), refreshed_at: null, not_after: null, tag: null, ...more }) as Session
const limits = { timeboxMs: 60 * 60_000, inactivityMs: 30 * 60_000, lowAalMs: 10 * 60_000 }
const none = { timeboxMs: undefined, inactivityMs: undefined, lowAalMs: undefined }

test.each([
  // session                              limits  now  factor  verdict
  [session(), none, 9_999, false, 'valid'],
  [session({ not_after: at(5) }), none, 6, false, 'over'],
  [session({ refreshed_at: at(50) }), limits, 59, false, 'valid'],
  [session({ refreshed_at: at(60) }), limits, 61, false, 'over'],
  [session(), limits, 29, false, 'valid'],
  [session(), limits, 31, false, 'idle'],
  [session({ refreshed_at: at(20) }), limits, 45, false, 'valid'],
  [session(), limits, 9, true, 'valid'],
  [session(), limits, 11, true, 'low-aal'],
  [session({ aal: 'aal2' }), limits, 11, true, 'valid'],
])('session %# is %s', (given, within, minute, factor, verdict) => {
  expect(validityOf(given, within, at(minute).getTime(), factor)).toBe(verdict)
})

test('lastRefresh() is that of the session, else of its token, else its birth', () => {
  expect(lastRefresh(session({ refreshed_at: at(3) }), at(9))).toBe(at(3).getTime())
  expect(lastRefresh(session(), at(9))).toBe(at(9).getTime())
  expect(lastRefresh(session())).toBe(0)
})

test('tagOf() counts unknown tags as the first', () => {
  expect([null, 'x', 'b'].map((tag) => tagOf(session({ tag }), ['a', 'b']))).toEqual(['a', 'a', 'b'])
  expect(tagOf(session({ tag: 'x' }), [])).toBe('')
})

test('assurance() is aal2 by a second factor, and names the SAML provider of a user who has no other identity', () => {
  const user = (...providers: string[]) => ({ identities: providers.map((provider) => ({ provider })) }) as unknown as User
  const amr = (...methods: string[]) => session({ amr: methods.map((method) => ({ method, timestamp: 1 })) })
  expect(assurance(amr('password'), user('email')).aal).toBe('aal1')
  for (const method of ['totp', 'mfa/phone', 'mfa/webauthn']) expect(assurance(amr(method, 'password'), user('email')).aal).toBe('aal2')
  expect(assurance(amr('sso/saml'), user('sso:p1')).amr[0]).toEqual({ method: 'sso/saml', timestamp: 1, provider: 'p1' })
  expect(assurance(amr('sso/saml'), user('sso:p1', 'email')).amr[0]).toEqual({ method: 'sso/saml', timestamp: 1 })
})
