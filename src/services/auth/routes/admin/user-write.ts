import { z } from 'zod'
import { audit } from '../../accounts/audit.ts'
import {
  confirmEmail,
  confirmPhone,
  mergeAppMetadata,
  mergeUserMetadata,
  putIdentity,
  storePassword,
  withIdentities,
} from '../../accounts/change.ts'
import { draftUser, type Provider } from '../../accounts/create.ts'
import { showUser } from '../../accounts/user-json.ts'
import { AuthError, errors } from '../../errors.ts'
import { isKnownHash } from '../../passwords/hash.ts'
import { randomPassword } from '../../passwords/random.ts'
import { checkStrength } from '../../passwords/strength.ts'
import { acceptEmail, acceptPhone, isUuid, NIL_UUID } from '../../request/addresses.ts'
import { audienceOf } from '../../request/bearer.ts'
import { boolean, object, optionalString, readBody, string } from '../../request/body.ts'
import { type AdminCall, ok } from '../../request/call.ts'
import { acceptBan } from '../../request/go-duration.ts'
import { adminRoute } from '../../route.ts'
import type { AuthState } from '../../state.ts'
import { type Tx, transaction } from '../../tables/database.ts'
import { insertIdentity } from '../../tables/identities.ts'
import { findDuplicateEmail, findUserById, findUserByPhone, insertUser, lockUser, type User, updateUser } from '../../tables/users.ts'
import { userOfPath, userTraits } from './users.ts'

const body = z.object({
  id: string,
  aud: string,
  role: string,
  email: string,
  phone: string,
  password: optionalString,
  password_hash: string,
  email_confirm: boolean(false),
  phone_confirm: boolean(false),
  user_metadata: object,
  app_metadata: object,
  ban_duration: string,
})
type Params = z.output<typeof body>

const bannedUntil = (ms: number): Date | null => (ms === 0 ? null : new Date(Date.now() + ms))

/** An account as the administrator wants it; nothing is mailed. */
export const adminCreateUser = adminRoute({
  method: 'POST',
  path: '/admin/users',
  async handle(call, state) {
    const params = readBody(call, body)
    const aud = params.aud || audienceOf(state, call)
    if (params.email === '' && params.phone === '') throw errors.validation('Cannot create a user without either an email or phone')
    const email = params.email === '' ? '' : acceptEmail(params.email)
    if (email && (await findDuplicateEmail(state.pool, email, aud))) throw errors.emailExists()
    const phone = params.phone === '' ? '' : acceptPhone(params.phone)
    if (phone && (await findUserByPhone(state.pool, phone, aud))) throw errors.phoneTaken()
    const hash = await hashOf(state, params)
    const id = acceptId(params.id)
    const banMs = acceptBan(params.ban_duration)
    const providers: Provider[] = [...(email ? ['email' as const] : []), ...(phone ? ['phone' as const] : [])]
    const draft = draftUser({ aud, email, phone, hash, data: params.user_metadata, providers, ...(id ? { id } : {}) })
    try {
      const user = await transaction(state.pool, async (tx) => {
        await insertUser(tx, { ...draft, encrypted_password: state.cipher.seal(draft.id, draft.encrypted_password) })
        for (const provider of providers) {
          const address = provider === 'email' ? { email } : { phone }
          await insertIdentity(tx, draft.id, provider, { sub: draft.id, ...address, email_verified: false, phone_verified: false })
        }
        const made = await findUserById(tx, draft.id)
        if (!made) throw new Error('a trigger removed the new row')
        await audit(state, tx, call, call.actor, 'user_signedup', userTraits(made))
        const named = await updateUser(tx, made, {
          role: (params.role || state.env.GOTRUE_JWT_DEFAULT_GROUP_NAME).trim(),
          ...(banMs === undefined ? {} : { banned_until: bannedUntil(banMs) }),
        })
        const described = params.app_metadata ? await mergeAppMetadata(tx, named, params.app_metadata) : named
        return confirm(tx, described, params)
      })
      return ok(showUser(user))
    } catch (error) {
      throw errors.failure('Database error creating new user', error)
    }
  },
})

async function confirm(tx: Tx, user: User, params: Params): Promise<User> {
  const mailed = params.email_confirm ? await confirmEmail(tx, user) : user
  return params.phone_confirm ? confirmPhone(tx, mailed) : mailed
}

/** No rules for passwords here; an imported hash must be one that can be checked later. */
async function hashOf(state: AuthState, params: Params): Promise<string> {
  if (params.password !== undefined && params.password_hash !== '')
    throw errors.validation('Only a password or a password hash should be provided')
  if (params.password_hash !== '') {
    if (!isKnownHash(params.password_hash)) throw errors.failure('Error creating user', new Error('the password hash is of no known kind'))
    return params.password_hash
  }
  return state.passwords.hash(params.password || randomPassword())
}

function acceptId(id: string): string | undefined {
  if (id === '') return undefined
  if (!isUuid(id)) throw errors.validation('ID must conform to the uuid v4 format')
  if (id === NIL_UUID) throw errors.validation('ID cannot be a nil uuid')
  return id.toLowerCase()
}

/** Changes take effect at once, without a mail. */
export const adminUpdateUser = adminRoute({
  method: 'PUT',
  path: '/admin/users/:user_id',
  async handle(call, state) {
    const found = await userOfPath(state, call)
    const raw = readBody(call, body)
    const params = {
      ...raw,
      email: raw.email === '' ? '' : acceptEmail(raw.email),
      phone: raw.phone === '' ? '' : acceptPhone(raw.phone),
    }
    const banMs = acceptBan(params.ban_duration)
    if (params.password !== undefined) await checkStrength(state.env, state.log, params.password)
    const hash = params.password === undefined ? undefined : await state.passwords.hash(params.password)
    try {
      const user = await transaction(state.pool, (tx) => update(state, tx, call, found.id, params, hash, banMs))
      return ok(showUser(user))
    } catch (error) {
      throw errors.failure('Error updating user', error instanceof AuthError ? error.cause : error)
    }
  },
})

async function update(
  state: AuthState,
  tx: Tx,
  call: AdminCall,
  id: string,
  params: Params,
  hash: string | undefined,
  banMs: number | undefined,
): Promise<User> {
  let user = await lockUser(tx, id)
  if (!user) throw errors.userNotFound()
  if (params.role) user = await updateUser(tx, user, { role: params.role.trim() })
  user = await confirm(tx, user, params)
  if (hash !== undefined) user = await storePassword(tx, user, state.cipher.seal(user.id, hash), undefined)
  if (params.email) {
    await putIdentity(tx, user, 'email', { email: params.email, email_verified: params.email_confirm })
    user = await updateUser(tx, user, { email: params.email, ...(params.email_confirm ? { is_anonymous: false } : {}) })
  }
  if (params.phone) {
    await putIdentity(tx, user, 'phone', { phone: params.phone, phone_verified: params.phone_confirm })
    user = await updateUser(tx, user, { phone: params.phone, ...(params.phone_confirm ? { is_anonymous: false } : {}) })
  }
  if (params.app_metadata) user = await mergeAppMetadata(tx, user, params.app_metadata)
  if (params.user_metadata) user = await mergeUserMetadata(tx, user, params.user_metadata)
  if (banMs !== undefined) user = await updateUser(tx, user, { banned_until: bannedUntil(banMs) })
  await audit(state, tx, call, call.actor, 'user_modified', userTraits(user))
  return withIdentities(tx, user)
}
