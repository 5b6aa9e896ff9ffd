// How sure we are of who is in a session: its level and the methods that led there.
import type { Session } from '../tables/sessions.ts'
import type { User } from '../tables/users.ts'

export interface AmrEntry {
  readonly method: string
  readonly timestamp: number
  readonly provider?: string
}

const SECOND_FACTORS = new Set(['totp', 'mfa/phone', 'mfa/webauthn'])

/** Methods newest first. The entry of SAML names its provider where the user has no other identity. */
export function assurance(session: Session, user: User): { readonly aal: 'aal1' | 'aal2'; readonly amr: readonly AmrEntry[] } {
  const aal = session.amr.some(({ method }) => SECOND_FACTORS.has(method)) ? 'aal2' : 'aal1'
  const [only, another] = user.identities
  const provider = only && !another && only.provider.startsWith('sso:') ? only.provider.slice(4) : undefined
  const amr = session.amr.map((entry): AmrEntry => (entry.method === 'sso/saml' && provider ? { ...entry, provider } : entry))
  return { aal, amr }
}
