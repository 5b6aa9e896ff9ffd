// A way in is taken away: what the account was known by goes with it, and another identity's address takes its place.
import { type AuthError, errors } from '../errors.ts'
import type { AuthState } from '../state.ts'
import type { Tx } from '../tables/database.ts'
import { deleteIdentity, findIdentities, type Identity } from '../tables/identities.ts'
import { clearOneTimeTokens } from '../tables/one-time-tokens.ts'
import { findUserByEmail, type User, updateUser } from '../tables/users.ts'
import { syncProviders } from './change.ts'

export async function unlinkIdentity(state: AuthState, tx: Tx, user: User, identity: Identity): Promise<User> {
  await deleteIdentity(tx, identity.id)
  const identities = await findIdentities(tx, user.id)
  const left = { ...user, identities }
  const changed =
    identity.provider === 'phone'
      ? await updateUser(tx, left, { phone: '', phone_confirmed_at: null })
      : await promoteIdentityEmail(state, tx, left, errors.identityEmailConflict)
  return syncProviders(tx, changed)
}

/** The user's address must be that of an identity: a verified one before others, the older before the newer. */
export async function promoteIdentityEmail(state: AuthState, tx: Tx, user: User, conflict: () => AuthError): Promise<User> {
  const { identities } = user
  if (identities.some(({ email }) => (email ?? '') === user.email)) return user
  const isVerified = (identity: Identity) => identity.identity_data['email_verified'] === true
  const ranked = [
    ...identities.filter((identity) => identity.email && isVerified(identity)),
    ...identities.filter((identity) => identity.email && !isVerified(identity)),
    ...identities.filter((identity) => !identity.email),
  ]
  for (const candidate of ranked) {
    const email = candidate.email ?? ''
    if (email !== '' && (await findUserByEmail(tx, email, user.aud))) continue
    await clearOneTimeTokens(tx, user.id)
    const stays = email !== '' && (isVerified(candidate) || state.env.GOTRUE_MAILER_AUTOCONFIRM)
    return updateUser(tx, user, {
      email,
      confirmation_token: '',
      recovery_token: '',
      email_change: '',
      email_change_token_current: '',
      email_change_token_new: '',
      reauthentication_token: '',
      ...(stays ? {} : { email_confirmed_at: null }),
    })
  }
  throw conflict()
}
