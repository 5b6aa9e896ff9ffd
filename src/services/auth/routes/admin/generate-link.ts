import { z } from 'zod'
import { audit } from '../../accounts/audit.ts'
import { mergeUserMetadata } from '../../accounts/change.ts'
import { afterUserCreated, beforeUserCreated, draftUser } from '../../accounts/create.ts'
import { storeInvited } from '../../accounts/invite.ts'
import { showUser } from '../../accounts/user-json.ts'
import { errors } from '../../errors.ts'
import type { LinkType } from '../../mail/link.ts'
import { newCode, tokenHash } from '../../otp/code.ts'
import { linkFor } from '../../otp/mail-codes.ts'
import { randomPassword } from '../../passwords/random.ts'
import { checkStrength } from '../../passwords/strength.ts'
import { acceptEmail } from '../../request/addresses.ts'
import { audienceOf } from '../../request/bearer.ts'
import { type JsonMap, object, readBody, string } from '../../request/body.ts'
import { type AdminCall, ok } from '../../request/call.ts'
import { redirectTarget } from '../../request/redirect-target.ts'
import { adminRoute } from '../../route.ts'
import type { AuthState } from '../../state.ts'
import { type Tx, transaction } from '../../tables/database.ts'
import { putOneTimeToken } from '../../tables/one-time-tokens.ts'
import { findDuplicateEmail, findUserByEmail, isConfirmed, type NewUser, type User, updateUser } from '../../tables/users.ts'

const body = z.object({ type: string, email: string, new_email: string, password: string, data: object, redirect_to: string })

type Type = 'signup' | 'invite' | 'magiclink' | 'recovery' | 'email_change_current' | 'email_change_new'

interface Wanted {
  readonly type: Type
  readonly email: string
  readonly newEmail: string
  readonly data: JsonMap | undefined
  readonly code: string
  /** Of the address that the user has now. */
  readonly hash: string
}

/** The link of a mail without the mail: the administrator sends it in their own way. */
export const adminGenerateLink = adminRoute({
  method: 'POST',
  path: '/admin/generate_link',
  async handle(call, state) {
    const params = readBody(call, body)
    const email = acceptEmail(params.email)
    const target = state.redirects.allowed(params.redirect_to) ? params.redirect_to : redirectTarget(call, state.redirects)
    const aud = audienceOf(state, call)
    const known = await findUserByEmail(state.pool, email, aud)
    const type = typeFor(params.type, known)
    const code = newCode(state.env.GOTRUE_MAILER_OTP_LENGTH)
    const wanted: Wanted = { type, email, newEmail: params.new_email, data: params.data, code, hash: tokenHash(email, code) }
    const draft = known
      ? undefined
      : await draftFor(state, call, wanted, params.type === 'magiclink' ? randomPassword() : params.password, aud)
    const { user, link } = await transaction(state.pool, async (tx) => {
      const stored = known ?? (await storeInvited(state, tx, draft!))
      return prepare(state, tx, call, stored, wanted, target)
    })
    if (draft) await afterUserCreated(state, call, user)
    return ok({
      ...showUser(user),
      action_link: link,
      email_otp: code,
      hashed_token: wanted.hash,
      verification_type: type,
      redirect_to: target,
    })
  },
})

/** Someone unknown who asks for a magic link signs up by it. */
function typeFor(type: string, known: User | undefined): Type {
  switch (type) {
    case 'magiclink':
      return known ? 'magiclink' : 'signup'
    case 'recovery':
    case 'email_change_current':
    case 'email_change_new':
      if (!known) throw errors.emailNotFound()
      return type
    case 'signup':
    case 'invite':
      if (known && isConfirmed(known)) throw errors.emailExists()
      return type
    default:
      throw errors.validation(`Invalid email action link type requested: ${type}`)
  }
}

async function draftFor(state: AuthState, call: AdminCall, { type, email, data }: Wanted, password: string, aud: string): Promise<NewUser> {
  let hash = ''
  if (type === 'signup') {
    if (password === '') throw errors.validation('Signup requires a valid password')
    await checkStrength(state.env, state.log, password)
    hash = await state.passwords.hash(password)
  }
  const draft = draftUser({ aud, email, hash, data, providers: ['email'] })
  await beforeUserCreated(state, call, draft)
  return draft
}

async function prepare(
  state: AuthState,
  tx: Tx,
  call: AdminCall,
  user: User,
  wanted: Wanted,
  target: string,
): Promise<{ user: User; link: string }> {
  const { type, hash } = wanted
  const now = new Date()
  const link = (linkType: LinkType, token: string) => linkFor(state, call, linkType, token, target)
  switch (type) {
    case 'magiclink':
    case 'recovery': {
      await audit(state, tx, call, user, 'user_recovery_requested')
      const changed = await updateUser(tx, user, { recovery_token: hash, recovery_sent_at: now })
      await putOneTimeToken(tx, user.id, 'recovery_token', hash, user.email)
      return { user: changed, link: link(type, hash) }
    }
    case 'invite': {
      await audit(state, tx, call, call.actor, 'user_invited', { user_id: user.id, user_email: user.email })
      const changed = await updateUser(tx, user, { confirmation_token: hash, confirmation_sent_at: now, invited_at: now })
      await putOneTimeToken(tx, user.id, 'confirmation_token', hash, user.email)
      return { user: changed, link: link('invite', hash) }
    }
    case 'signup': {
      const described = wanted.data ? await mergeUserMetadata(tx, user, wanted.data) : user
      const changed = await updateUser(tx, described, { confirmation_token: hash, confirmation_sent_at: now })
      await putOneTimeToken(tx, user.id, 'confirmation_token', hash, user.email)
      return { user: changed, link: link('signup', hash) }
    }
    case 'email_change_current':
    case 'email_change_new': {
      const change = await prepareEmailChange(state, tx, user, wanted, now)
      return { user: change.user, link: link('email_change', change.hash) }
    }
  }
}

async function prepareEmailChange(state: AuthState, tx: Tx, user: User, wanted: Wanted, now: Date): Promise<{ user: User; hash: string }> {
  const isCurrent = wanted.type === 'email_change_current'
  if (isCurrent && !state.env.GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED)
    throw errors.validation('Enable secure email change to generate link for current email')
  const email = acceptEmail(wanted.newEmail)
  if (await findDuplicateEmail(tx, email, user.aud, user.id)) throw errors.emailExists()
  const hash = isCurrent ? wanted.hash : tokenHash(email, wanted.code)
  const kind = isCurrent ? 'email_change_token_current' : 'email_change_token_new'
  const changed = await updateUser(tx, user, {
    email_change: email,
    email_change_sent_at: now,
    email_change_confirm_status: 0,
    [kind]: hash,
  })
  await putOneTimeToken(tx, user.id, kind, hash, isCurrent ? user.email : email)
  return { user: changed, hash }
}
