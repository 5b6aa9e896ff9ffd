// Passkeys as the API shows and guards them.
import type { AuthEnv } from '../env.ts'
import { errors } from '../errors.ts'
import type { UserCall } from '../request/call.ts'
import type { Passkey } from '../tables/passkeys.ts'
import { hasVerifiedFactor } from '../tables/users.ts'
import { CeremonyError } from '../webauthn/bytes.ts'
import type { Selection } from '../webauthn/options.ts'

/** A passkey names the account by itself, and asks for the finger where it can. */
export const PASSKEY_SELECTION: Selection = { residentKey: 'required', userVerification: 'preferred' }

export function requirePasskeys(env: AuthEnv): void {
  if (!env.GOTRUE_PASSKEY_ENABLED) throw errors.passkeysDisabled()
}

/** Whoever has a second factor must have shown it before a way in is added or taken away. */
export function requireManagementAal({ user, session }: UserCall): void {
  if (hasVerifiedFactor(user) && session?.aal !== 'aal2') throw errors.aal2ForPasskeys()
}

export const showPasskey = ({ id, friendly_name, created_at, last_used_at }: Passkey) => ({
  id,
  friendly_name: friendly_name || undefined,
  created_at: created_at.toISOString(),
  last_used_at: last_used_at?.toISOString(),
})

/** What is wrong with a credential is told to the log and not to the client. */
export function verified<Value>(check: () => Value): Value {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof CeremonyError)) throw error
    throw errors.passkeyRefused('Credential verification failed', error)
  }
}
