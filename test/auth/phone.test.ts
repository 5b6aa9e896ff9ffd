// Accounts by phone number, through a provider of text messages: signing up and in, changing the number, and what is sent in which words.
import type { Client } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type FakeSmsProviders, startSmsProviders, TWILIO, taken } from '../fakes/sms-providers.ts'
import { startAuthDatabase } from '../support/auth-database.ts'
import { claimsOf, type Json, rowsOf, signedIn, startAuth, type TestAuth } from '../support/auth-service.ts'
import type { TestPostgres } from '../support/postgres.ts'

let server: TestPostgres
let sql: Client
let sms: FakeSmsProviders
let auth: TestAuth
beforeAll(async () => {
  ;[{ server, sql }, sms] = await Promise.all([startAuthDatabase('phones'), startSmsProviders()])
  auth = await start()
})
afterAll(async () => {
  await auth?.[Symbol.asyncDispose]()
  await sms?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  sms.answer = taken
})

const start = (variables: Record<string, string> = {}) =>
  startAuth(server, 'phones', {
    GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
    GOTRUE_SMS_MAX_FREQUENCY: '1ms',
    GOTRUE_SMS_OTP_EXP: '600',
    GOTRUE_RATE_LIMIT_SMS_SENT: '100000',
    GOTRUE_SMS_TEMPLATE: 'Hello, {{ .Code }}!',
    ...TWILIO,
    ...variables,
  })

let numbers = 16_660_000
const number = (): string => String(++numbers)
const password = 'Some-pass-1'
const codeFor = (phone: string): string => {
  const form = sms.sent.findLast(({ form }) => form['To']?.endsWith(`+${phone}`))!.form
  return /^Hello, (\d{6})!$/.exec(form['Body']!)![1]!
}
const verify = (phone: string, token: string, type = 'sms', on = auth) => on.call('POST', '/verify', { body: { type, phone, token } })
/** Confirmed and signed in. */
async function member(on = auth): Promise<Json> {
  const phone = number()
  await on.call('POST', '/signup', { body: { phone, password } })
  const { status, json } = await verify(phone, codeFor(phone), 'sms', on)
  expect(status).toBe(200)
  return { ...json, phone }
}

test('someone signs up by phone, gets a code, and is in; the code is good once', async () => {
  const phone = number()
  const made = await auth.call('POST', '/signup', { body: { phone: `+${phone}`, password, data: { name: 'Ann' } } })
  expect(made).toMatchObject({ status: 200, json: { phone, confirmation_sent_at: expect.any(String), user_metadata: { name: 'Ann' } } })
  expect(made.json).not.toHaveProperty('access_token')
  const before = await auth.call('POST', '/token?grant_type=password', { body: { phone, password } })
  expect(before.json).toMatchObject({ code: 400, error_code: 'phone_not_confirmed' })
  const wrong = String((Number(codeFor(phone)) + 1) % 1_000_000).padStart(6, '0')
  expect((await verify(phone, wrong)).json).toMatchObject({ code: 403, error_code: 'otp_expired' })
  const replies = await Promise.all(Array.from({ length: 20 }, () => verify(phone, codeFor(phone))))
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
  const { json } = replies.find(({ status }) => status === 200)!
  expect(claimsOf(json.access_token)).toMatchObject({ phone, amr: [{ method: 'otp' }] })
  expect((await auth.call('POST', '/token?grant_type=password', { body: { phone, password } })).status).toBe(200)
})

test('a code comes again, by WhatsApp too, names its message, and ends with its time', async () => {
  const { phone } = await member()
  const asked = await auth.call('POST', '/otp', { body: { phone, channel: 'whatsapp' } })
  expect(asked).toMatchObject({ status: 200, json: { message_id: 'SM1' } })
  expect(sms.last('Messages.json').form).toMatchObject({ To: `whatsapp:+${phone}`, Channel: 'whatsapp' })
  await sql.query(`update auth.users set confirmation_sent_at = now() - interval '601 seconds' where phone = $1`, [phone])
  expect((await verify(phone, codeFor(phone))).json.error_code).toBe('otp_expired')
  await auth.call('POST', '/otp', { body: { phone, create_user: false } })
  expect((await verify(phone, codeFor(phone))).status).toBe(200)
  expect((await auth.call('POST', '/otp', { body: { phone: number(), create_user: false } })).json.error_code).toBe('otp_disabled')
  expect((await auth.call('POST', '/otp', { body: { phone, channel: 'pigeon' } })).json.msg).toContain('Invalid channel')
})

test('resending asks only for what is pending', async () => {
  const phone = number()
  await auth.call('POST', '/signup', { body: { phone, password } })
  const resend = (type: string, to = phone) => auth.call('POST', '/resend', { body: { type, phone: to } })
  const first = codeFor(phone)
  expect(await resend('sms')).toMatchObject({ status: 200, json: { message_id: 'SM1' } })
  const sent = sms.sent.length
  expect((await resend('phone_change')).json).toEqual({})
  expect((await resend('sms', number())).json).toEqual({})
  expect(sms.sent).toHaveLength(sent)
  if (first !== codeFor(phone)) expect((await verify(phone, first)).status).toBe(403)
  expect((await verify(phone, codeFor(phone))).status).toBe(200)
})

test('a new number is taken when its code comes back', async () => {
  const user = await member()
  const next = number()
  const changed = await auth.call('PUT', '/user', { token: user.access_token, body: { phone: next } })
  expect(changed.json).toMatchObject({ phone: user.phone, new_phone: next })
  expect((await verify(user.phone, codeFor(next), 'phone_change')).status).toBe(403)
  const { json } = await verify(next, codeFor(next), 'phone_change')
  expect(json.user).toMatchObject({ phone: next })
  expect(json.user).not.toHaveProperty('new_phone')
  const taken = await auth.call('PUT', '/user', { token: (await member()).access_token, body: { phone: next } })
  expect(taken.json).toMatchObject({ code: 422, error_code: 'phone_exists' })
})

test('a person without a mail address reauthenticates by phone', async () => {
  await using strict = await start({ GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION: 'true' })
  const user = await member(strict)
  await sql.query(`update auth.sessions set created_at = now() - interval '25 hours' where user_id = $1`, [user.user.id])
  const change = (nonce?: string) =>
    strict.call('PUT', '/user', { token: user.access_token, body: { password: 'Other-pass-2', ...(nonce ? { nonce } : {}) } })
  expect((await change()).json.error_code).toBe('reauthentication_needed')
  expect((await strict.call('GET', '/reauthenticate', { token: user.access_token })).json).toEqual({ message_id: 'SM1' })
  expect((await change('000')).json.error_code).toBe('reauthentication_not_valid')
  const nonce = codeFor(user.phone)
  expect((await change(nonce)).status).toBe(200)
})

describe('when the provider fails', () => {
  test('the client learns what it said, and no account is left behind', async () => {
    sms.answer = () => ({ status: 400, json: { message: 'Invalid To', more_info: 'https://x' } })
    const phone = number()
    expect((await auth.call('POST', '/signup', { body: { phone, password } })).json).toMatchObject({
      code: 422,
      error_code: 'sms_send_failed',
      msg: 'Error sending confirmation OTP to provider: Invalid To More information: https://x',
    })
    expect(await rowsOf(sql, 'select from auth.users where phone = $1', [phone])).toEqual([])
  })
  test('the code before still holds', async () => {
    const phone = number()
    await auth.call('POST', '/signup', { body: { phone, password } })
    const code = codeFor(phone)
    sms.answer = () => ({ status: 500, text: 'oops' })
    expect((await auth.call('POST', '/resend', { body: { type: 'sms', phone } })).json.error_code).toBe('sms_send_failed')
    expect((await verify(phone, code)).status).toBe(200)
  })
  test('a change of number is taken back', async () => {
    const user = await member()
    sms.answer = () => ({ json: { sid: 'S', status: 'failed', error_message: 'no', error_code: 1 } })
    const { json } = await auth.call('PUT', '/user', { token: user.access_token, body: { phone: number() } })
    expect(json.msg).toBe('Error sending phone_change OTP to provider: twilio error: no 1 for message S')
    expect((await auth.call('GET', '/user', { token: user.access_token })).json).not.toHaveProperty('new_phone')
  })
})

test('test phones get their code without a message, until their time is over', async () => {
  const [today, before] = [number(), number()]
  const tests = `${today}:123456,${before}:123456`
  await using testing = await start({ GOTRUE_SMS_TEST_OTP: tests, GOTRUE_SMS_TEST_OTP_VALID_UNTIL: '2999-01-01T00:00:00Z' })
  await using over = await start({ GOTRUE_SMS_TEST_OTP: tests, GOTRUE_SMS_TEST_OTP_VALID_UNTIL: '2000-01-01T00:00:00Z' })
  const sent = sms.sent.length
  await testing.call('POST', '/signup', { body: { phone: today, password } })
  expect((await verify(today, '123456', 'sms', testing)).status).toBe(200)
  expect((await testing.call('POST', '/otp', { body: { phone: today } })).json).toEqual({ message_id: 'test-otp' })
  expect(sms.sent).toHaveLength(sent)
  await over.call('POST', '/signup', { body: { phone: before, password } })
  expect(sms.sent).toHaveLength(sent + 1)
})

test('with autoconfirm a phone needs no code, and its second sign-up says so', async () => {
  await using quick = await start({ GOTRUE_SMS_AUTOCONFIRM: 'true' })
  const phone = number()
  const { json } = await quick.call('POST', '/signup', { body: { phone, password } })
  expect(claimsOf(json.access_token)).toMatchObject({ phone })
  expect((await quick.call('POST', '/signup', { body: { phone, password } })).json.error_code).toBe('user_already_exists')
  const user = await signedIn(quick)
  const next = number()
  expect((await quick.call('PUT', '/user', { token: user.access_token, body: { phone: next } })).json).toMatchObject({ phone: next })
})

test('messages come no faster than allowed, to one phone and to all', async () => {
  await using slow = await start({ GOTRUE_SMS_MAX_FREQUENCY: '1h' })
  const phone = number()
  await slow.call('POST', '/signup', { body: { phone, password } })
  expect((await slow.call('POST', '/otp', { body: { phone } })).json).toMatchObject({
    code: 429,
    error_code: 'over_sms_send_rate_limit',
    msg: expect.stringMatching(/^For security purposes, you can only request this after \d+ seconds\.$/),
  })
  await using few = await start({ GOTRUE_RATE_LIMIT_SMS_SENT: '1' })
  await few.call('POST', '/signup', { body: { phone: number(), password } })
  expect((await few.call('POST', '/signup', { body: { phone: number(), password } })).json.msg).toBe('SMS rate limit exceeded')
})

test('Twilio Verify makes and checks the codes; one is good once', async () => {
  await using made = await start({
    GOTRUE_SMS_PROVIDER: 'twilio_verify',
    GOTRUE_SMS_TWILIO_VERIFY_ACCOUNT_SID: 'AC2',
    GOTRUE_SMS_TWILIO_VERIFY_AUTH_TOKEN: 'tok',
    GOTRUE_SMS_TWILIO_VERIFY_MESSAGE_SERVICE_SID: 'VA1',
  })
  sms.answer = ({ form }) => ({
    json: { sid: 'VE1', status: form['Code'] === '424242' ? 'approved' : 'pending', valid: form['Code'] === '424242' },
  })
  const phone = number()
  await made.call('POST', '/signup', { body: { phone, password } })
  expect(sms.last('/Verifications').form).toEqual({ To: `+${phone}`, Channel: 'sms' })
  expect((await verify(phone, '111111', 'sms', made)).json).toMatchObject({ code: 403, error_code: 'otp_expired' })
  const checks = sms.sent.length
  expect((await verify(number(), '424242', 'sms', made)).status).toBe(403)
  expect(sms.sent).toHaveLength(checks)
  const replies = await Promise.all(Array.from({ length: 20 }, () => verify(phone, '424242', 'sms', made)))
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
})

test('without a provider a message cannot go anywhere', async () => {
  await using none = await start({ GOTRUE_SMS_PROVIDER: '' })
  expect((await none.call('POST', '/signup', { body: { phone: number(), password } })).json).toMatchObject({
    code: 500,
    msg: 'Unable to get SMS provider',
  })
  await expect(
    start({ GOTRUE_SMS_TWILIO_AUTH_TOKEN: '', GOTRUE_SMS_TWILIO_ACCOUNT_SID: '', GOTRUE_SMS_TEMPLATE: '{{ .Code' }),
  ).rejects.toThrow(/(?=[\s\S]*GOTRUE_SMS_TWILIO_ACCOUNT_SID)(?=[\s\S]*GOTRUE_SMS_TWILIO_AUTH_TOKEN)(?=[\s\S]*GOTRUE_SMS_TEMPLATE)/)
})
