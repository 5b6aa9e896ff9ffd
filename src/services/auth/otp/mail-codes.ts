// Codes and links by mail: each kind makes a code, stores its hash in the user's row and among the one-time tokens, and has it sent once that
// is committed, so that a slow mail server holds no connection of the database. What could not be sent is taken back.
import { showUser } from '../accounts/user-json.ts'
import type { TemplateName } from '../env.ts'
import { AuthError, errors } from '../errors.ts'
import { actionLink, type LinkType } from '../mail/link.ts'
import type { MailValues } from '../mail/mailer.ts'
import type { Call } from '../request/call.ts'
import { redirectTarget } from '../request/redirect-target.ts'
import type { AuthState } from '../state.ts'
import type { Tx } from '../tables/database.ts'
import { putOneTimeToken, type TokenKind, takeBackToken } from '../tables/one-time-tokens.ts'
import { type User, type UserChange, updateUser } from '../tables/users.ts'
import { newCode, secondsToWait, tokenHash, withFlow } from './code.ts'

interface Context {
  readonly state: AuthState
  readonly tx: Tx
  readonly call: Call
}

export async function sendConfirmation(context: Context, user: User, pkce: boolean): Promise<User> {
  checkFrequency(context, user.confirmation_sent_at)
  return sendConfirmationToken(context, user, 'signup', pkce, {})
}

/** An invitation may be sent as often as the administrator likes. */
export const sendInvite = (context: Context, user: User): Promise<User> =>
  sendConfirmationToken(context, user, 'invite', false, { invited_at: new Date() })

async function sendConfirmationToken(
  context: Context,
  user: User,
  type: 'signup' | 'invite',
  pkce: boolean,
  change: { invited_at?: Date },
): Promise<User> {
  const made = makeToken(context, user.email, pkce, 'confirmation_token')
  const changed = await store(context, user, [made], { confirmation_sent_at: new Date(), ...change })
  await post(context, changed, type, made)
  return changed
}

/** Magic links and recoveries share their column, and so their frequency. */
export async function sendRecovery(context: Context, user: User, type: 'recovery' | 'magiclink', pkce: boolean): Promise<User> {
  checkFrequency(context, user.recovery_sent_at)
  const made = makeToken(context, user.email, pkce, 'recovery_token')
  const changed = await store(context, user, [made], { recovery_sent_at: new Date() })
  await post(context, changed, type, made)
  return changed
}

export async function sendReauthentication(context: Context, user: User): Promise<User> {
  checkFrequency(context, user.reauthentication_sent_at)
  const made = makeToken(context, user.email, false, 'reauthentication_token')
  const changed = await store(context, user, [made], { reauthentication_sent_at: new Date() })
  await post(context, changed, 'reauthentication', made)
  return changed
}

/** With secure change both addresses must agree, and each gets a code of its own. */
export async function sendEmailChange(context: Context, user: User, email: string, pkce: boolean): Promise<User> {
  checkFrequency(context, user.email_change_sent_at)
  const fresh = makeToken(context, email, pkce, 'email_change_token_new')
  const both = context.state.env.GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED && user.email !== ''
  const current = both ? makeToken(context, user.email, pkce, 'email_change_token_current') : undefined
  const changed = await store(context, user, current ? [fresh, current] : [fresh], {
    email_change: email,
    email_change_sent_at: new Date(),
    email_change_confirm_status: 0,
  })
  await post(context, changed, 'email_change', fresh, current)
  return changed
}

/** Writes tokens and columns; should the mail fail, everything becomes what it was, unless the next token is out already. */
async function store({ tx }: Context, user: User, made: readonly MadeToken[], change: UserChange): Promise<User> {
  const columns: UserChange = { ...change, ...Object.fromEntries(made.map(({ kind, hash }) => [kind, hash])) }
  const changed = await updateUser(tx, user, columns)
  for (const { kind, hash, address } of made) await putOneTimeToken(tx, user.id, kind, hash, address)
  tx.undo(async (later) => {
    for (const { kind, hash, address } of made)
      if (!(await takeBackToken(later, user.id, kind, hash, { hash: user[kind], relatesTo: address }))) return
    const before = Object.fromEntries(Object.keys(columns).map((column) => [column, user[column as keyof User]]))
    await updateUser(later, user, before as UserChange)
  })
  return changed
}

function checkFrequency({ state }: Context, sentAt: Date | null): void {
  const wait = secondsToWait(sentAt, state.env.GOTRUE_SMTP_MAX_FREQUENCY)
  if (wait !== undefined) throw errors.mailTooSoon(wait)
}

interface MadeToken {
  readonly kind: TokenKind
  readonly address: string
  readonly code: string
  readonly hash: string
}

function makeToken({ state }: Context, address: string, pkce: boolean, kind: TokenKind): MadeToken {
  const code = newCode(state.env.GOTRUE_MAILER_OTP_LENGTH)
  return { kind, address, code, hash: withFlow(tokenHash(address, code), pkce) }
}

type MailKind = LinkType | 'reauthentication'

const KINDS: Readonly<
  Record<MailKind, { template: TemplateName; name: string; path?: 'INVITE' | 'CONFIRMATION' | 'RECOVERY' | 'EMAIL_CHANGE' }>
> = {
  signup: { template: 'CONFIRMATION', name: 'confirmation', path: 'CONFIRMATION' },
  invite: { template: 'INVITE', name: 'invite', path: 'INVITE' },
  recovery: { template: 'RECOVERY', name: 'recovery', path: 'RECOVERY' },
  magiclink: { template: 'MAGIC_LINK', name: 'magic link', path: 'RECOVERY' },
  email_change: { template: 'EMAIL_CHANGE', name: 'email change', path: 'EMAIL_CHANGE' },
  reauthentication: { template: 'REAUTHENTICATION', name: 'reauthentication' },
}

export function linkFor(state: AuthState, call: Call, type: LinkType, hash: string, target: string): string {
  return actionLink(call.externalUrl, state.env[`GOTRUE_MAILER_URLPATHS_${KINDS[type].path!}`], hash, type, target)
}

/** `current` is the token of the address the user has now: email changes only. */
async function post(context: Context, user: User, kind: MailKind, token: MadeToken, current?: MadeToken): Promise<void> {
  const { state, call } = context
  for (const address of kind === 'email_change' ? [user.email, user.email_change] : [user.email]) checkAuthorized(state, address)
  await state.limits.mail().catch((error: unknown) => {
    state.metrics.mail('limited')
    throw error
  })
  const send = async () => {
    try {
      if (state.hooks.enabled('SEND_EMAIL')) await postByHook(context, user, kind, token, current)
      else await postBySmtp(state, call, user, kind, token, current)
      state.metrics.mail('sent')
    } catch (error) {
      state.metrics.mail('failed')
      if (error instanceof AuthError) throw error
      throw errors.failure(`Error sending ${KINDS[kind].name} email`, error)
    }
  }
  if (state.hooks.isFunction('SEND_EMAIL')) await send()
  else context.tx.after(send)
}

async function postByHook({ state, tx, call }: Context, user: User, kind: MailKind, token: MadeToken, current?: MadeToken): Promise<void> {
  await state.hooks.run(
    'SEND_EMAIL',
    call,
    {
      user: showUser(user),
      email_data: {
        token: current?.code ?? token.code,
        // Of two hashes the first is that of the new address and the second that of the current one, against what the names say.
        token_hash: token.hash,
        redirect_to: redirectTarget(call, state.redirects),
        email_action_type: kind,
        site_url: call.externalUrl,
        token_new: current ? token.code : '',
        token_hash_new: current?.hash ?? '',
        old_email: '',
        old_phone: '',
        provider: '',
        factor_type: '',
      },
    },
    tx,
  )
}

async function postBySmtp(state: AuthState, call: Call, user: User, kind: MailKind, token: MadeToken, current?: MadeToken): Promise<void> {
  const { template } = KINDS[kind]
  const common: MailValues = { Email: user.email, Data: user.raw_user_meta_data }
  if (kind === 'reauthentication') return deliver(state, template, user.email, { ...common, Token: token.code })
  const target = redirectTarget(call, state.redirects)
  const valuesOf = ({ code, hash }: MadeToken): MailValues => ({
    ...common,
    ConfirmationURL: linkFor(state, call, kind, hash, target),
    Token: code,
    TokenHash: hash,
    RedirectTo: target,
  })
  if (kind !== 'email_change') return deliver(state, template, user.email, valuesOf(token))
  const letters = [{ to: user.email_change, made: token }, ...(current ? [{ to: user.email, made: current }] : [])]
  await Promise.all(
    letters.map(({ to, made }) => deliver(state, template, to, { ...valuesOf(made), NewEmail: user.email_change, SendingTo: to })),
  )
}

/** Waits for the server to take the mail, unless mails are sent in the background. */
async function deliver(state: AuthState, template: TemplateName, to: string, values: MailValues): Promise<void> {
  const sent = state.mailer.send(template, to, values)
  if (!state.env.GOTRUE_MAILER_EMAIL_BACKGROUND_SENDING) return sent
  sent.catch((error: unknown) => state.log.error({ err: error, template }, 'a mail could not be sent'))
}

/** Where only some addresses may get mail; `name+label@host` counts as `name@host`. */
function checkAuthorized({ env }: AuthState, address: string): void {
  const allowed = env.GOTRUE_EXTERNAL_EMAIL_AUTHORIZED_ADDRESSES
  if (allowed.length === 0 || address === '') return
  const plain = address.toLowerCase().replace(/\+[^@]*@/, '@')
  if (!allowed.some((item) => item.toLowerCase() === plain)) throw errors.addressNotAuthorized(address)
}
