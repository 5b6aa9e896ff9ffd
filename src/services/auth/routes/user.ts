import { z } from 'zod'
import { audit } from '../accounts/audit.ts'
import {
  confirmPhone,
  mergeAppMetadata,
  mergeUserMetadata,
  storePassword,
  syncProviders,
  takeEmailChange,
  takePhoneChange,
} from '../accounts/change.ts'
import { passwordFits } from '../accounts/password.ts'
import { takeNonce } from '../accounts/reauthenticate.ts'
import { showUser } from '../accounts/user-json.ts'
import type { AuthEnv } from '../env.ts'
import { errors } from '../errors.ts'
import { secondsToWait } from '../otp/code.ts'
import { sendEmailChange } from '../otp/mail-codes.ts'
import { sendNotice } from '../otp/notices.ts'
import { isChannel, sendPhoneCode } from '../otp/sms.ts'
import { checkStrength } from '../passwords/strength.ts'
import { acceptEmail, acceptPhone } from '../request/addresses.ts'
import { audienceOf, tokenAudience } from '../request/bearer.ts'
import { object, optionalString, readBody, string } from '../request/body.ts'
import { ok, type UserCall } from '../request/call.ts'
import { acceptChallenge, type Challenge } from '../request/pkce.ts'
import { userRoute } from '../route.ts'
import type { AuthState } from '../state.ts'
import { type Tx, transaction } from '../tables/database.ts'
import { insertFlowState } from '../tables/flow-states.ts'
import { findDuplicateEmail, findUserByPhone, hasVerifiedFactor, lockUser, type User } from '../tables/users.ts'

export const getUser = userRoute({
  method: 'GET',
  path: '/user',
  async handle(call, state) {
    if (audienceOf(state, call) !== tokenAudience(call.claims)) throw errors.validation("Token audience doesn't match request audience")
    return ok(showUser(call.user))
  },
})

const body = z.object({
  email: string,
  phone: string,
  password: optionalString,
  current_password: optionalString,
  nonce: string,
  data: object,
  app_metadata: object,
  channel: string,
  code_challenge: string,
  code_challenge_method: string,
})

interface Update {
  readonly email: string
  readonly phone: string
  readonly channel: string
  readonly password: string | undefined
  readonly currentPassword: string | undefined
  readonly nonce: string
  readonly data: z.output<typeof body>['data']
  readonly appMetadata: z.output<typeof body>['app_metadata']
  readonly challenge: Challenge | undefined
}

/** What users may change about themselves. Metadata and the password take effect at once, an address when its owner has agreed. */
export const putUser = userRoute({
  method: 'PUT',
  path: '/user',
  limit: 'user',
  async handle(call, state) {
    const update = await accept(state, call)
    await authorize(state, call, update)
    const hash = await acceptPassword(state, call, update)
    const changed = await transaction(state.pool, (tx) => change(state, tx, call, update, hash))
    const sent = await sendCodes(state, call, changed, update)
    if (hash !== undefined) await sendNotice(state, call, sent, 'PASSWORD_CHANGED')
    if (call.user.phone !== '' && sent.phone !== call.user.phone)
      await sendNotice(state, call, sent, 'PHONE_CHANGED', { oldPhone: call.user.phone })
    return ok(showUser(sent))
  },
})

async function accept({ env, log }: AuthState, call: UserCall): Promise<Update> {
  const params = readBody(call, body)
  const email = params.email === '' ? '' : acceptEmail(params.email)
  const phone = params.phone === '' ? '' : acceptPhone(params.phone)
  if (phone !== '' && !isChannel(params.channel || 'sms', env)) throw errors.invalidChannel()
  // An empty one is a password too, and too short.
  if (params.password !== undefined) await checkStrength(env, log, params.password)
  return {
    // One's own address again is no change.
    email: email === call.user.email ? '' : email,
    phone: phone === call.user.phone ? '' : phone,
    channel: params.channel || 'sms',
    password: params.password,
    currentPassword: params.current_password,
    nonce: params.nonce,
    data: params.data,
    appMetadata: params.app_metadata,
    challenge: acceptChallenge(params.code_challenge, params.code_challenge_method),
  }
}

async function authorize(state: AuthState, call: UserCall, update: Update): Promise<void> {
  const { user, session } = call
  const { email, phone, password } = update
  if (update.appMetadata && !isAdminUser(state.env, user)) throw errors.appMetadataRefused()
  if (hasVerifiedFactor(user) && session?.aal !== 'aal2' && (password || email || phone)) throw errors.aal2ToUpdate()
  if (user.is_anonymous && password && !email && !phone)
    throw errors.validation422('Updating password of an anonymous user without an email or phone is not allowed')
  if (user.is_sso_user && (password || email || phone || update.nonce)) throw errors.ssoManaged()
  const aud = audienceOf(state, call)
  if (email && (await findDuplicateEmail(state.pool, email, aud, user.id))) throw errors.emailExists()
  if (phone && (await findUserByPhone(state.pool, phone, aud))) throw errors.phoneExists()
}

const isAdminUser = (env: AuthEnv, { role }: User): boolean =>
  role === env.GOTRUE_JWT_ADMIN_GROUP_NAME || env.GOTRUE_JWT_ADMIN_ROLES.includes(role)

const DAY_MS = 86_400_000

/** The hash to store; undefined when the password stays. */
async function acceptPassword(state: AuthState, call: UserCall, update: Update): Promise<string | undefined> {
  const { password, nonce, currentPassword } = update
  if (password === undefined) return undefined
  const { env, passwords } = state
  const { user, session } = call
  const isOld = !session || Date.now() > session.created_at.getTime() + DAY_MS
  if (env.GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION && isOld) {
    if (nonce === '') throw errors.reauthenticationNeeded()
    await takeNonce(state, user, nonce)
  }
  if (env.GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD && user.encrypted_password !== '' && !cameByCode(call)) {
    if (!currentPassword) throw errors.currentPasswordRequired()
    if (!(await passwordFits(state, user, currentPassword))) throw errors.currentPasswordInvalid()
  }
  if (await passwordFits(state, user, password)) throw errors.samePassword()
  return passwords.hash(password)
}

/** Signed in by a code or link (a recovery, say): the current password may be the very thing that was lost. */
const cameByCode = ({ session }: UserCall): boolean =>
  session?.amr.some(({ method }) => ['otp', 'recovery', 'magiclink', 'invite'].includes(method)) ?? false

async function change(state: AuthState, tx: Tx, call: UserCall, update: Update, hash: string | undefined): Promise<User> {
  const { env } = state
  let user = await lockUser(tx, call.user.id)
  if (!user) throw errors.subNotFound()
  if (hash !== undefined) {
    user = await storePassword(tx, user, state.cipher.seal(user.id, hash), call.session?.id)
    await audit(state, tx, call, user, 'user_updated_password')
  }
  if (update.data) user = await mergeUserMetadata(tx, user, update.data)
  if (update.appMetadata) user = await mergeAppMetadata(tx, user, update.appMetadata)
  if (update.email && user.is_anonymous && env.GOTRUE_MAILER_AUTOCONFIRM) {
    // Like signing up where sign-ups are confirmed at once; permanent users always confirm a new address.
    user = await syncProviders(tx, await takeEmailChange(tx, { ...user, email_change: update.email }))
    await audit(state, tx, call, user, 'user_modified')
  } else if (update.email) {
    const wait = secondsToWait(user.email_change_sent_at, env.GOTRUE_SMTP_MAX_FREQUENCY)
    if (wait !== undefined) throw errors.mailTooSoon(wait)
    if (update.challenge) await insertFlowState(tx, 'email_change', 'email_change', update.challenge, user.id)
  }
  if (update.phone && env.GOTRUE_SMS_AUTOCONFIRM) {
    user = await syncProviders(tx, await takePhoneChange(tx, { ...user, phone_change: update.phone }, update.phone))
    user = await confirmPhone(tx, user)
  }
  await audit(state, tx, call, user, 'user_modified')
  return user
}

/** In a transaction of its own: what was changed stays when a mail cannot be sent. */
async function sendCodes(state: AuthState, call: UserCall, user: User, update: Update): Promise<User> {
  const mails = update.email !== '' && user.email !== update.email
  const messages = update.phone !== '' && user.phone !== update.phone
  if (!mails && !messages) return user
  return transaction(state.pool, async (tx) => {
    const mailed = mails ? await sendEmailChange({ state, tx, call }, user, update.email, update.challenge !== undefined) : user
    if (!messages) return mailed
    const { phone, channel } = update
    return (await sendPhoneCode(state, tx, call, mailed, { phone, purpose: 'phone_change', channel })).user
  })
}
