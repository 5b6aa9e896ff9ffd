// What happens to an account as a whole: confirmed, recovered, given another address or password, blurred. Each function takes the user
// as it was and gives it as it is; the caller's transaction holds all of it together.
import { createHash } from 'node:crypto'
import type { JsonMap } from '../request/body.ts'
import type { Tx } from '../tables/database.ts'
import { deleteFactorsOf } from '../tables/factors.ts'
import {
  blankIdentity,
  deleteOtherIdentities,
  findIdentities,
  findIdentity,
  findProviders,
  type Identity,
  insertIdentity,
  updateIdentityData,
} from '../tables/identities.ts'
import { clearOneTimeTokens } from '../tables/one-time-tokens.ts'
import { deletePasskeysOf } from '../tables/passkeys.ts'
import { deleteOtherSessions, deleteSessionsOf } from '../tables/sessions.ts'
import { isConfirmed, mergeMap, type User, updateUser } from '../tables/users.ts'

export const mergeUserMetadata = (tx: Tx, user: User, updates: JsonMap) =>
  updateUser(tx, user, { raw_user_meta_data: mergeMap(user.raw_user_meta_data, updates) })

export const mergeAppMetadata = (tx: Tx, user: User, updates: JsonMap) =>
  updateUser(tx, user, { raw_app_meta_data: mergeMap(user.raw_app_meta_data, updates) })

/** `providers` of app_metadata are those of the identities; `provider` is the oldest. */
export async function syncProviders(tx: Tx, user: User): Promise<User> {
  const providers = await findProviders(tx, user.id)
  return mergeAppMetadata(tx, user, { providers, ...(providers.length > 0 ? { provider: providers[0] } : {}) })
}

export async function confirmEmail(tx: Tx, user: User): Promise<User> {
  await clearOneTimeTokens(tx, user.id)
  return updateUser(tx, user, {
    confirmation_token: '',
    email_confirmed_at: new Date(),
    raw_user_meta_data: mergeMap(user.raw_user_meta_data, { email_verified: true }),
  })
}

export async function confirmPhone(tx: Tx, user: User): Promise<User> {
  await clearOneTimeTokens(tx, user.id)
  return updateUser(tx, user, { confirmation_token: '', phone_confirmed_at: new Date() })
}

export async function takeRecovery(tx: Tx, user: User): Promise<User> {
  await clearOneTimeTokens(tx, user.id)
  return updateUser(tx, user, { recovery_token: '' })
}

export async function takeReauthentication(tx: Tx, user: User): Promise<User> {
  await clearOneTimeTokens(tx, user.id)
  return updateUser(tx, user, { reauthentication_token: '' })
}

/** The identity of `email` or `phone` gets these data, or is made. */
export async function putIdentity(tx: Tx, user: User, provider: 'email' | 'phone', data: JsonMap): Promise<void> {
  const identity = await findIdentity(tx, user.id, provider)
  if (identity) await updateIdentityData(tx, identity.id, data)
  else await insertIdentity(tx, user.id, provider, { email_verified: false, phone_verified: false, ...data, sub: user.id })
}

export const withIdentities = async (tx: Tx, user: User): Promise<User> => ({ ...user, identities: await findIdentities(tx, user.id) })

/** The pending address becomes the address; an anonymous user becomes a permanent one. */
export async function takeEmailChange(tx: Tx, user: User): Promise<User> {
  const email = user.email_change
  await putIdentity(tx, user, 'email', { email, email_verified: true })
  await clearOneTimeTokens(tx, user.id)
  const changed = await updateUser(tx, user, {
    email,
    email_change: '',
    email_change_token_current: '',
    email_change_token_new: '',
    email_change_confirm_status: 0,
    is_anonymous: false,
  })
  return withIdentities(tx, isConfirmed(changed) ? changed : await confirmEmail(tx, changed))
}

export async function takePhoneChange(tx: Tx, user: User, phone: string): Promise<User> {
  await putIdentity(tx, user, 'phone', { phone, phone_verified: true })
  await clearOneTimeTokens(tx, user.id)
  const changed = await updateUser(tx, user, {
    phone: user.phone_change,
    phone_change: '',
    phone_change_token: '',
    phone_confirmed_at: new Date(),
    is_anonymous: false,
  })
  return withIdentities(tx, changed)
}

/**
 * Stores a password hash (`''` for none), voids everything that was mailed under the old password, and ends all sessions but `keep`.
 */
export async function storePassword(tx: Tx, user: User, hash: string, keep: string | undefined): Promise<User> {
  await clearOneTimeTokens(tx, user.id)
  if (keep === undefined) await deleteSessionsOf(tx, user.id)
  else await deleteOtherSessions(tx, user.id, keep)
  return updateUser(tx, user, {
    encrypted_password: hash,
    confirmation_token: '',
    confirmation_sent_at: null,
    recovery_token: '',
    recovery_sent_at: null,
    email_change_token_current: '',
    email_change_token_new: '',
    email_change_sent_at: null,
    phone_change_token: '',
    phone_change_sent_at: null,
    reauthentication_token: '',
    reauthentication_sent_at: null,
  })
}

/**
 * Nobody has shown yet that the account is theirs: what others put into it goes when this identity signs up, so that they cannot
 * wait in it for the owner.
 */
export async function removeUnconfirmed(tx: Tx, user: User, identity: Identity): Promise<User> {
  const keepsPassword = identity.provider === 'email' || identity.provider === 'phone'
  await deleteOtherIdentities(tx, user.id, identity.id)
  const changed = await updateUser(tx, user, {
    ...(keepsPassword ? {} : { encrypted_password: '' }),
    raw_user_meta_data: identity.identity_data,
  })
  return syncProviders(tx, { ...changed, identities: [identity] })
}

const blur = (userId: string, value: string): string =>
  createHash('sha256')
    .update(userId + value)
    .digest('base64url')

/** The row stays for what refers to it; whoever it was can no longer be read from it, and the address is free again. */
export async function softDelete(tx: Tx, user: User): Promise<void> {
  await clearOneTimeTokens(tx, user.id)
  await deleteSessionsOf(tx, user.id)
  await deleteFactorsOf(tx, user.id)
  await deletePasskeysOf(tx, user.id)
  for (const identity of await findIdentities(tx, user.id))
    await blankIdentity(tx, identity.id, blur(user.id, `${identity.provider}:${identity.provider_id}`))
  await updateUser(tx, user, {
    email: blur(user.id, user.email),
    phone: blur(user.id, user.phone).slice(0, 15),
    email_change: blur(user.id, user.email_change),
    phone_change: blur(user.id, user.phone_change).slice(0, 15),
    encrypted_password: '',
    confirmation_token: '',
    recovery_token: '',
    email_change_token_current: '',
    email_change_token_new: '',
    phone_change_token: '',
    raw_user_meta_data: {},
    raw_app_meta_data: {},
    deleted_at: new Date(),
  })
}
