// Codes by SMS. Test phones get no message; everyone else's goes out by the hook or by the provider, once the code is stored and committed: a
// slow provider holds no connection of the database. What could not be sent is taken back.
import { showUser } from '../accounts/user-json.ts'
import type { AuthEnv } from '../env.ts'
import { AuthError, errors } from '../errors.ts'
import type { Call } from '../request/call.ts'
import type { AuthState } from '../state.ts'
import type { Tx } from '../tables/database.ts'
import { putOneTimeToken, type TokenKind, takeBackToken } from '../tables/one-time-tokens.ts'
import { type User, type UserChange, updateUser } from '../tables/users.ts'
import { newCode, secondsToWait, tokenHash } from './code.ts'

/** The hook's code may know channels of its own. */
export const isChannel = (channel: string, env: AuthEnv): boolean =>
  env.GOTRUE_HOOK_SEND_SMS_ENABLED ||
  channel === 'sms' ||
  (channel === 'whatsapp' && (env.GOTRUE_SMS_PROVIDER === 'twilio' || env.GOTRUE_SMS_PROVIDER === 'twilio_verify'))

/** The fixed code of a test phone, while the test phones are valid. */
export function testCode(env: AuthEnv, phone: string, nowMs = Date.now()): string | undefined {
  const until = env.GOTRUE_SMS_TEST_OTP_VALID_UNTIL
  return until !== undefined && nowMs > until ? undefined : env.GOTRUE_SMS_TEST_OTP.get(phone)
}

export type PhonePurpose = 'confirmation' | 'phone_change' | 'reauthentication'

const COLUMNS: Readonly<Record<PhonePurpose, { sentAt: keyof User & keyof UserChange; kind: TokenKind }>> = {
  confirmation: { sentAt: 'confirmation_sent_at', kind: 'confirmation_token' },
  phone_change: { sentAt: 'phone_change_sent_at', kind: 'phone_change_token' },
  reauthentication: { sentAt: 'reauthentication_sent_at', kind: 'reauthentication_token' },
}

export interface PhoneCode {
  readonly phone: string
  readonly purpose: PhonePurpose
  /** `sms`, or what the client asked for. */
  readonly channel: string
}

export interface SentCode {
  /** As it is then. */
  readonly user: User
  /** The provider's id of the message; known when the transaction is over, and `''` where there is none. */
  messageId: string
}

/** Stores the hash of a new code and has the code sent after the commit. */
export async function sendPhoneCode(
  state: AuthState,
  tx: Tx,
  call: Call,
  user: User,
  { phone, purpose, channel }: PhoneCode,
): Promise<SentCode> {
  const { sentAt, kind } = COLUMNS[purpose]
  const wait = secondsToWait(user[sentAt] as Date | null, state.env.GOTRUE_SMS_MAX_FREQUENCY)
  if (wait !== undefined) throw errors.smsTooSoon(wait)
  const test = testCode(state.env, phone)
  const code = test ?? newCode(state.env.GOTRUE_SMS_OTP_LENGTH)
  if (test === undefined) {
    await state.limits.message()
    if (!state.hooks.enabled('SEND_SMS') && !state.sms.available) throw errors.failure('Unable to get SMS provider')
  }
  const columns: UserChange = {
    [kind]: tokenHash(phone, code),
    [sentAt]: new Date(),
    ...(purpose === 'phone_change' ? { phone_change: phone } : {}),
  }
  const sent: SentCode = { user: await store(tx, user, kind, columns, phone), messageId: test === undefined ? '' : 'test-otp' }
  if (test === undefined) await deliver(state, tx, call, sent, { phone, purpose, channel }, code)
  return sent
}

/** Should the message fail, everything becomes what it was, unless the next code is out already. */
async function store(tx: Tx, user: User, kind: TokenKind, columns: UserChange, phone: string): Promise<User> {
  const hash = columns[kind]!
  const changed = await updateUser(tx, user, columns)
  await putOneTimeToken(tx, user.id, kind, hash, phone)
  tx.undo(async (later) => {
    if (!(await takeBackToken(later, user.id, kind, hash, { hash: user[kind], relatesTo: phone }))) return
    const before = Object.fromEntries(Object.keys(columns).map((column) => [column, user[column as keyof User]]))
    await updateUser(later, user, before as UserChange)
  })
  return changed
}

async function deliver(
  state: AuthState,
  tx: Tx,
  call: Call,
  sent: SentCode,
  { phone, purpose, channel }: PhoneCode,
  otp: string,
): Promise<void> {
  const failed = (error: unknown) =>
    error instanceof AuthError ? error : errors.smsFailed(`Error sending ${purpose} OTP to provider: ${(error as Error).message}`, error)
  if (!state.hooks.enabled('SEND_SMS')) {
    tx.after(async () => {
      try {
        sent.messageId = await state.sms.send({ phone, code: otp, channel })
      } catch (error) {
        throw failed(error)
      }
    })
    return
  }
  const payload = { user: showUser(sent.user), sms: { otp, phone } }
  if (state.hooks.isFunction('SEND_SMS')) await state.hooks.run('SEND_SMS', call, payload, tx)
  else
    tx.after(async () => {
      await state.hooks.run('SEND_SMS', call, payload)
    })
}
