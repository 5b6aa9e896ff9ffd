// Codes and links that come back: whose they are, whether they still hold, and what they confirm. Each is good once: the user's row is
// locked before anything is decided.
import { errors } from '../errors.ts'
import { isCurrent, isExpired } from '../otp/code.ts'
import { testCode } from '../otp/sms.ts'
import { randomPassword } from '../passwords/random.ts'
import type { Call } from '../request/call.ts'
import { sameText } from '../request/pkce.ts'
import type { AuthState } from '../state.ts'
import type { Tx } from '../tables/database.ts'
import { updateIdentityData } from '../tables/identities.ts'
import { clearOneTimeToken, findUserIdByToken, hasToken, lockUserByToken, type TokenKind } from '../tables/one-time-tokens.ts'
import {
  findUserByEmail,
  findUserByPhone,
  findUserByPhoneChange,
  isBanned,
  isConfirmed,
  lockUser,
  type User,
  updateUser,
} from '../tables/users.ts'
import { audit } from './audit.ts'
import {
  confirmEmail,
  confirmPhone,
  storePassword,
  syncProviders,
  takeEmailChange,
  takePhoneChange,
  takeRecovery,
  withIdentities,
} from './change.ts'

export type VerifyType = 'signup' | 'invite' | 'recovery' | 'magiclink' | 'email_change' | 'sms' | 'phone_change'

export interface Proof {
  readonly user: User
  /** `email` has become what its code is for. */
  readonly type: VerifyType
  readonly hash: string
}

/** Of the types that a link can have. */
const LINK_KINDS: Readonly<Record<string, readonly TokenKind[]>> = {
  email: ['confirmation_token', 'recovery_token'],
  signup: ['confirmation_token'],
  invite: ['confirmation_token'],
  recovery: ['recovery_token'],
  magiclink: ['recovery_token'],
  email_change: ['email_change_token_current', 'email_change_token_new'],
}

/** By the hash that a link carries. */
export async function proveByHash(state: AuthState, tx: Tx, type: string, hash: string): Promise<Proof> {
  const kinds = Object.hasOwn(LINK_KINDS, type) ? LINK_KINDS[type]! : undefined
  if (!kinds) throw errors.validation('Invalid email verification type')
  const user = await lockUserByToken(tx, hash, kinds)
  if (!user) throw errors.linkExpired()
  if (isBanned(user)) throw errors.banned()
  const isRecovery = type === 'recovery' || type === 'magiclink' || (type === 'email' && sameText(user.recovery_token, hash))
  const sentAt = type === 'email_change' ? user.email_change_sent_at : isRecovery ? user.recovery_sent_at : user.confirmation_sent_at
  if (isExpired(sentAt, state.env.GOTRUE_MAILER_OTP_EXP)) throw errors.linkExpired()
  return { user, hash, type: type === 'email' ? (isRecovery ? 'magiclink' : 'signup') : (type as VerifyType) }
}

export interface CodeProof {
  readonly type: string
  readonly email: string
  readonly phone: string
  readonly code: string
  readonly hash: string
  /** The provider that made the code has said that it is right. */
  readonly checked?: boolean
}

/**
 * Where the SMS provider makes and checks the codes: the proof with its verdict. Asked outside of any transaction, for it may take seconds,
 * and only about numbers that belong to somebody.
 */
export async function checkByProvider(state: AuthState, proof: CodeProof, aud: string): Promise<CodeProof> {
  const { type, phone, code } = proof
  const { check } = state.sms
  if (!check || (type !== 'sms' && type !== 'phone_change')) return proof
  const test = testCode(state.env, phone)
  if (test !== undefined && sameText(code, test)) return proof
  const holder = type === 'sms' ? await findUserByPhone(state.pool, phone, aud) : await findUserByPhoneChange(state.pool, phone, aud)
  if (!holder) throw errors.otpExpired()
  if (isBanned(holder)) throw errors.banned()
  try {
    await check(phone, code)
  } catch (error) {
    throw errors.otpExpired(error)
  }
  return { ...proof, checked: true }
}

/** By address and code. */
export async function proveByCode(state: AuthState, tx: Tx, proof: CodeProof, aud: string): Promise<Proof> {
  const found = await findHolder(state, tx, proof, aud)
  const user = found && (await lockUser(tx, found.id))
  if (!user) throw errors.otpExpired()
  if (isBanned(user)) throw errors.banned()
  const type = codeType(state, user, proof)
  if (!type) throw errors.otpExpired()
  return { user, type, hash: proof.hash }
}

async function findHolder(
  state: AuthState,
  tx: Tx,
  { type, email, phone, hash }: CodeProof,
  aud: string,
): Promise<{ id: string } | undefined> {
  if (type === 'phone_change') return findUserByPhoneChange(tx, phone, aud)
  if (type === 'sms') return findUserByPhone(tx, phone, aud)
  if (type !== 'email_change') return findUserByEmail(tx, email, aud)
  const kinds: TokenKind[] = state.env.GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED
    ? ['email_change_token_current', 'email_change_token_new']
    : ['email_change_token_new']
  const id = (await findUserIdByToken(tx, hash, kinds)) ?? (await findUserIdByToken(tx, `pkce_${hash}`, kinds))
  return id === undefined ? undefined : { id }
}

/** The type if the code is the one that was sent for it. */
function codeType({ env, sms }: AuthState, user: User, { type, phone, code, hash, checked }: CodeProof): VerifyType | undefined {
  const mail = env.GOTRUE_MAILER_OTP_EXP
  const confirms = isCurrent(hash, user.confirmation_token, user.confirmation_sent_at, type === 'sms' ? env.GOTRUE_SMS_OTP_EXP : mail)
  const recovers = isCurrent(hash, user.recovery_token, user.recovery_sent_at, mail)
  switch (type) {
    case 'email':
      return confirms ? 'signup' : recovers ? 'magiclink' : undefined
    case 'signup':
    case 'invite':
      return confirms ? type : undefined
    case 'recovery':
    case 'magiclink':
      return recovers ? type : undefined
    case 'email_change': {
      const current = isCurrent(hash, user.email_change_token_current, user.email_change_sent_at, mail)
      return isCurrent(hash, user.email_change_token_new, user.email_change_sent_at, mail) || current ? type : undefined
    }
    case 'sms':
    case 'phone_change': {
      const test = testCode(env, phone)
      if (test !== undefined && sameText(code, test)) return type
      // Our own column still says whether a code is out: it is good once.
      if (sms.check) return checked && (type === 'sms' ? user.confirmation_token : user.phone_change_token) !== '' ? type : undefined
      if (type === 'sms') return confirms ? type : undefined
      return isCurrent(hash, user.phone_change_token, user.phone_change_sent_at, env.GOTRUE_SMS_OTP_EXP) ? type : undefined
    }
    default:
      return undefined
  }
}

/** What the proof leads to; undefined after the first half of a secure email change. */
export async function act(state: AuthState, tx: Tx, call: Call, proof: Proof): Promise<User | undefined> {
  const changed = await confirm(state, tx, call, proof)
  return changed && syncProviders(tx, changed)
}

async function confirm(state: AuthState, tx: Tx, call: Call, proof: Proof): Promise<User | undefined> {
  const { user, type } = proof
  switch (type) {
    case 'signup':
    case 'invite':
      return confirmSignUp(state, tx, call, user)
    case 'recovery':
    case 'magiclink': {
      const taken = await takeRecovery(tx, user)
      await audit(state, tx, call, user, isConfirmed(user) ? 'login' : 'user_signedup')
      return isConfirmed(user) ? taken : confirmEmail(tx, taken)
    }
    case 'email_change':
      return confirmEmailChange(state, tx, call, proof)
    case 'sms':
      await audit(state, tx, call, user, 'user_signedup')
      return permanent(tx, await confirmPhone(tx, user))
    case 'phone_change':
      await audit(state, tx, call, user, 'user_modified')
      return takePhoneChange(tx, user, user.phone_change)
  }
}

const permanent = (tx: Tx, user: User): Promise<User> | User => (user.is_anonymous ? updateUser(tx, user, { is_anonymous: false }) : user)

async function confirmSignUp(state: AuthState, tx: Tx, call: Call, user: User): Promise<User> {
  // An invited user has no password: a made up one stands until they set their own.
  const ready =
    user.encrypted_password === '' && user.invited_at !== null
      ? await storePassword(tx, user, state.cipher.seal(user.id, await state.passwords.hash(randomPassword())), undefined)
      : user
  await audit(state, tx, call, user, 'user_signedup')
  const confirmed = await confirmEmail(tx, ready)
  for (const identity of user.identities)
    if (identity.email && identity.email === user.email) await updateIdentityData(tx, identity.id, { email_verified: true })
  return withIdentities(tx, confirmed)
}

async function confirmEmailChange(state: AuthState, tx: Tx, call: Call, { user, hash }: Proof): Promise<User | undefined> {
  const { env } = state
  const needsBoth = !env.GOTRUE_MAILER_AUTOCONFIRM && env.GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED && user.email !== ''
  if (needsBoth && user.email_change_confirm_status === 0) {
    const isCurrentHalf = await isHalf(tx, hash, user.email_change_token_current, 'email_change_token_current')
    const kind: TokenKind = isCurrentHalf ? 'email_change_token_current' : 'email_change_token_new'
    await clearOneTimeToken(tx, user.id, kind)
    await updateUser(tx, user, { email_change_confirm_status: 1, [kind]: '' })
    return undefined
  }
  await audit(state, tx, call, user, 'user_modified')
  return takeEmailChange(tx, user)
}

const isHalf = async (tx: Tx, hash: string, column: string, kind: TokenKind): Promise<boolean> =>
  sameText(hash, column) || sameText(`pkce_${hash}`, column) || (await hasToken(tx, hash, kind))
