// New accounts: the row as a draft, the operator's hooks around its making, and the making itself.
import { randomUUID } from 'node:crypto'
import { errors } from '../errors.ts'
import type { JsonMap } from '../request/body.ts'
import type { Call } from '../request/call.ts'
import type { AuthState } from '../state.ts'
import type { Tx } from '../tables/database.ts'
import { findIdentity, insertIdentity } from '../tables/identities.ts'
import { deleteNewUser, findUserById, insertUser, type NewUser, type User, updateUser } from '../tables/users.ts'
import { removeUnconfirmed } from './change.ts'
import { showUser } from './user-json.ts'

export type Provider = 'email' | 'phone'

export interface DraftOptions {
  readonly aud: string
  readonly email?: string
  readonly phone?: string
  readonly hash?: string
  readonly data?: JsonMap | undefined
  /** None for anonymous users. */
  readonly providers?: readonly string[]
  readonly id?: string
  /** May share its address with another account. */
  readonly isSso?: boolean
}

export function draftUser({ aud, email = '', phone = '', hash = '', data, providers = [], id, isSso = false }: DraftOptions): NewUser {
  return {
    id: id ?? randomUUID(),
    aud,
    email: email.toLowerCase(),
    phone,
    encrypted_password: hash,
    raw_app_meta_data: providers.length > 0 ? { provider: providers[0], providers } : {},
    raw_user_meta_data: data ?? {},
    is_anonymous: providers.length === 0,
    is_sso_user: isSso,
  }
}

/** A draft as a user that nobody has stored: for hooks and for look-alikes. */
export function asUser(draft: NewUser, now = new Date()): User {
  return {
    ...draft,
    role: '',
    email_confirmed_at: null,
    phone_confirmed_at: null,
    confirmed_at: null,
    invited_at: null,
    confirmation_token: '',
    confirmation_sent_at: null,
    recovery_token: '',
    recovery_sent_at: null,
    email_change_token_current: '',
    email_change_token_new: '',
    email_change: '',
    email_change_sent_at: null,
    email_change_confirm_status: 0,
    phone_change_token: '',
    phone_change: '',
    phone_change_sent_at: null,
    reauthentication_token: '',
    reauthentication_sent_at: null,
    last_sign_in_at: null,
    created_at: now,
    updated_at: now,
    banned_until: null,
    deleted_at: null,
    identities: [],
    factors: [],
  }
}

/** Asks the hook, outside of any transaction; its refusal is the answer. */
export async function beforeUserCreated(state: AuthState, call: Call, draft: NewUser): Promise<void> {
  if (state.hooks.enabled('BEFORE_USER_CREATED')) await state.hooks.run('BEFORE_USER_CREATED', call, { user: showUser(asUser(draft)) })
}

/** Tells the hook; what it answers reaches the caller although the user exists. */
export async function afterUserCreated(state: AuthState, call: Call, user: User): Promise<void> {
  if (state.hooks.enabled('AFTER_USER_CREATED')) await state.hooks.run('AFTER_USER_CREATED', call, { user: showUser(user) })
}

/** Stores the draft. Triggers on auth.users run here: one that raises undoes the sign-up. */
export async function storeUser(state: AuthState, tx: Tx, draft: NewUser, role = state.env.GOTRUE_JWT_DEFAULT_GROUP_NAME): Promise<User> {
  try {
    await insertUser(tx, { ...draft, encrypted_password: state.cipher.seal(draft.id, draft.encrypted_password) })
    // A new account whose mail cannot be sent is none: its owner shall be able to ask again.
    tx.undo((later) => deleteNewUser(later, draft.id))
    const stored = await findUserById(tx, draft.id)
    if (!stored) throw new Error('a trigger removed the new row')
    return await updateUser(tx, stored, { role: role.trim() })
  } catch (error) {
    throw errors.failure('Database error saving new user', error)
  }
}

/** The identity of an address of a user who is not confirmed yet: the one there is, or a new one that takes the account over. */
export async function claimIdentity(tx: Tx, user: User, provider: Provider, data: JsonMap = {}): Promise<User> {
  const known = await findIdentity(tx, user.id, provider)
  if (known) return { ...user, identities: [known] }
  const address = provider === 'email' ? { email: user.email } : {}
  const identity = await insertIdentity(tx, user.id, provider, {
    ...data,
    sub: user.id,
    ...address,
    email_verified: false,
    phone_verified: false,
  })
  return removeUnconfirmed(tx, user, identity)
}
