// Signing up with an address: for the route of that name, and for codes asked for by someone who has no account yet.
import { errors } from '../errors.ts'
import { sendConfirmation } from '../otp/mail-codes.ts'
import { isChannel, sendPhoneCode } from '../otp/sms.ts'
import { checkStrength } from '../passwords/strength.ts'
import { acceptEmail, acceptPhone } from '../request/addresses.ts'
import { audienceOf } from '../request/bearer.ts'
import type { JsonMap } from '../request/body.ts'
import type { Call } from '../request/call.ts'
import { acceptChallenge, type Challenge, checkChallenge } from '../request/pkce.ts'
import type { AuthState } from '../state.ts'
import { type Tx, transaction } from '../tables/database.ts'
import { insertFlowState } from '../tables/flow-states.ts'
import { findDuplicateEmail, findUserByPhone, isConfirmed, isPhoneConfirmed, type User } from '../tables/users.ts'
import type { TokenAnswer } from '../tokens/answer.ts'
import { issueSession } from '../tokens/issue.ts'
import { tokenTransaction } from '../tokens/transaction.ts'
import { audit } from './audit.ts'
import { confirmEmail, confirmPhone } from './change.ts'
import { afterUserCreated, asUser, beforeUserCreated, claimIdentity, draftUser, type Provider, storeUser } from './create.ts'
import { type ShownUser, showUser } from './user-json.ts'

export interface SignUp {
  readonly email: string
  readonly phone: string
  readonly password: string
  readonly data: JsonMap | undefined
  readonly channel: string
  readonly codeChallenge: string
  readonly codeChallengeMethod: string
  /** A password that the service made up needs no rules. */
  readonly madeUp?: boolean
}

/** A user without tokens where the address must be confirmed first, a session where not. */
export async function signUp(state: AuthState, call: Call, params: SignUp): Promise<ShownUser | TokenAnswer> {
  if (state.env.GOTRUE_DISABLE_SIGNUP) throw errors.signupDisabled()
  const provider: Provider = params.email !== '' ? 'email' : 'phone'
  await check(state, params, provider)
  const challenge = acceptChallenge(params.codeChallenge, params.codeChallengeMethod)
  const address = acceptAddress(state, params, provider)
  const aud = audienceOf(state, call)
  // Hashed whether or not the address is known, so that the time does not tell.
  const hash = await state.passwords.hash(params.password)
  const known = provider === 'email' ? await findDuplicateEmail(state.pool, address, aud) : await findUserByPhone(state.pool, address, aud)
  if (known && (provider === 'email' ? isConfirmed(known) : isPhoneConfirmed(known)))
    return repeated(state, call, known, params, provider, address, aud)

  const draft = draftUser({ aud, [provider]: address, hash, data: params.data, providers: [provider] })
  if (!known) await beforeUserCreated(state, call, draft)
  const user = await transaction(state.pool, async (tx) => {
    // What an unconfirmed user has stays: nobody has shown yet that the account is theirs.
    const stored = known ?? (await storeUser(state, tx, draft))
    const claimed = await claimIdentity(tx, stored, provider, params.data)
    return provider === 'email' ? startEmail(state, tx, call, claimed, challenge) : startPhone(state, tx, call, claimed, params.channel)
  })
  if (!known) await afterUserCreated(state, call, user)
  if (isConfirmed(user) || isPhoneConfirmed(user))
    return tokenTransaction(state, async (tx) => {
      await audit(state, tx, call, user, 'login', { provider })
      return issueSession(state, tx, call, user, 'password')
    })
  if (user.invited_at) return showUser({ ...user, raw_user_meta_data: {}, identities: [] })
  return showUser(user)
}

async function check(state: AuthState, params: SignUp, provider: Provider): Promise<void> {
  if (params.password === '') throw errors.validation('Signup requires a valid password')
  if (!params.madeUp) await checkStrength(state.env, state.log, params.password)
  if (params.email !== '' && params.phone !== '')
    throw errors.validation('Only an email address or phone number should be provided on signup.')
  if (provider === 'phone' && !isChannel(params.channel || 'sms', state.env)) throw errors.invalidChannel()
  if (params.phone !== '' && params.codeChallenge !== '') throw errors.validation('PKCE not supported for phone signups')
  checkChallenge(params.codeChallenge, params.codeChallengeMethod)
}

function acceptAddress({ env }: AuthState, params: SignUp, provider: Provider): string {
  if (provider === 'email') {
    if (!env.GOTRUE_EXTERNAL_EMAIL_ENABLED) throw errors.emailSignupsDisabled()
    return acceptEmail(params.email)
  }
  if (!env.GOTRUE_EXTERNAL_PHONE_ENABLED) throw errors.phoneSignupsDisabled()
  return acceptPhone(params.phone)
}

async function startEmail(state: AuthState, tx: Tx, call: Call, user: User, challenge: Challenge | undefined): Promise<User> {
  if (isConfirmed(user)) return user
  if (state.env.GOTRUE_MAILER_AUTOCONFIRM) {
    await audit(state, tx, call, user, 'user_signedup', { provider: 'email' })
    return confirmEmail(tx, user)
  }
  await audit(state, tx, call, user, 'user_confirmation_requested', { provider: 'email' })
  if (challenge) await insertFlowState(tx, 'email', 'email/signup', challenge, user.id)
  return sendConfirmation({ state, tx, call }, user, challenge !== undefined)
}

async function startPhone(state: AuthState, tx: Tx, call: Call, user: User, channel: string): Promise<User> {
  if (isPhoneConfirmed(user)) return user
  if (state.env.GOTRUE_SMS_AUTOCONFIRM) {
    await audit(state, tx, call, user, 'user_signedup', { provider: 'phone', channel: channel || 'sms' })
    return confirmPhone(tx, user)
  }
  await audit(state, tx, call, user, 'user_confirmation_requested', { provider: 'phone' })
  return (await sendPhoneCode(state, tx, call, user, { phone: user.phone, purpose: 'confirmation', channel: channel || 'sms' })).user
}

/** A confirmed address: told plainly where sign-ups are confirmed at once, else answered with a look-alike, so that nobody learns who is here. */
async function repeated(
  state: AuthState,
  call: Call,
  known: User,
  params: SignUp,
  provider: Provider,
  address: string,
  aud: string,
): Promise<ShownUser> {
  await transaction(state.pool, (tx) => audit(state, tx, call, known, 'user_repeated_signup', { provider }))
  if (state.env.GOTRUE_MAILER_AUTOCONFIRM || state.env.GOTRUE_SMS_AUTOCONFIRM) throw errors.userExists()
  const draft = draftUser({ aud, [provider]: address, data: params.data, providers: [provider] })
  const now = new Date()
  return showUser({ ...asUser(draft, now), confirmation_sent_at: now })
}
