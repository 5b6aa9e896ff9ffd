// Codes by SMS. Test phones get no message; everyone else's goes by the hook. Where there is neither, a number cannot be reached.
import { showUser } from '../accounts/user-json.ts'
import type { AuthEnv } from '../env.ts'
import { AuthError, errors } from '../errors.ts'
import type { Call } from '../request/call.ts'
import type { AuthState } from '../state.ts'
import type { Tx } from '../tables/database.ts'
import { putOneTimeToken, type TokenKind } from '../tables/one-time-tokens.ts'
import { type User, type UserChange, updateUser } from '../tables/users.ts'
import { newCode, secondsToWait, tokenHash } from './code.ts'

export const isChannel = (channel: string, env: AuthEnv): boolean =>
  channel === 'sms' || (channel === 'whatsapp' && (env.GOTRUE_SMS_PROVIDER === 'twilio' || env.GOTRUE_SMS_PROVIDER === 'twilio_verify'))

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

/** Sends a code and stores its hash. Gives the user as it is then and the provider's id of the message. */
export async function sendPhoneCode(
  state: AuthState,
  tx: Tx,
  call: Call,
  user: User,
  phone: string,
  purpose: PhonePurpose,
): Promise<{ user: User; messageId: string }> {
  const { sentAt, kind } = COLUMNS[purpose]
  const wait = secondsToWait(user[sentAt] as Date | null, state.env.GOTRUE_SMS_MAX_FREQUENCY)
  if (wait !== undefined) throw errors.smsTooSoon(wait)
  const test = testCode(state.env, phone)
  const code = test ?? newCode(state.env.GOTRUE_SMS_OTP_LENGTH)
  if (test === undefined) {
    await state.limits.message()
    await deliver(state, tx, call, user, phone, code, purpose)
  }
  const hash = tokenHash(phone, code)
  const changed = await updateUser(tx, user, {
    [kind]: hash,
    [sentAt]: new Date(),
    ...(purpose === 'phone_change' ? { phone_change: phone } : {}),
  })
  await putOneTimeToken(tx, user.id, kind, hash, phone)
  return { user: changed, messageId: test === undefined ? '' : 'test-otp' }
}

async function deliver(state: AuthState, tx: Tx, call: Call, user: User, phone: string, otp: string, purpose: PhonePurpose): Promise<void> {
  if (!state.hooks.enabled('SEND_SMS')) throw errors.failure('Unable to get SMS provider')
  try {
    await state.hooks.run('SEND_SMS', call, { user: showUser(user), sms: { otp, phone } }, tx)
  } catch (error) {
    if (error instanceof AuthError) throw error
    throw errors.smsFailed(`Error sending ${purpose} OTP to provider: ${(error as Error).message}`, error)
  }
}
