import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Answer, type FakeSmsProviders, startSmsProviders } from '../../../../test/fakes/sms-providers.ts'
import { readEnv } from '../../../env/read.ts'
import { authEnv } from '../env.ts'
import { SmsSender } from './sender.ts'

let fake: FakeSmsProviders
beforeAll(async () => {
  fake = await startSmsProviders()
})
afterAll(() => fake[Symbol.asyncDispose]())
beforeEach(() => {
  fake.sent.length = 0
})

const ACCOUNTS = {
  twilio: { TWILIO_ACCOUNT_SID: 'AC1', TWILIO_AUTH_TOKEN: 'tok', TWILIO_MESSAGE_SERVICE_SID: 'MG1' },
  twilio_verify: { TWILIO_VERIFY_ACCOUNT_SID: 'AC2', TWILIO_VERIFY_AUTH_TOKEN: 'tok2', TWILIO_VERIFY_MESSAGE_SERVICE_SID: 'VA1' },
  messagebird: { MESSAGEBIRD_ACCESS_KEY: 'mb', MESSAGEBIRD_ORIGINATOR: 'Plinth' },
  textlocal: { TEXTLOCAL_API_KEY: 'tl', TEXTLOCAL_SENDER: 'PLNTH' },
  vonage: { VONAGE_API_KEY: 'vk', VONAGE_API_SECRET: 'vs', VONAGE_FROM: 'Plinth' },
}
const sender = (provider: keyof typeof ACCOUNTS, more: Record<string, string> = {}, byHook = false) =>
  new SmsSender(
    readEnv(authEnv, {
      DATABASE_URL: 'postgresql://x',
      GOTRUE_SITE_URL: 'https://app.example',
      GOTRUE_JWT_SECRET: 'secret',
      API_EXTERNAL_URL: 'https://api.example',
      GOTRUE_SMS_PROVIDER: provider,
      ...Object.fromEntries(Object.entries(ACCOUNTS[provider]).map(([name, value]) => [`GOTRUE_SMS_${name}`, value])),
      ...more,
    }),
    byHook,
  )
const send = (provider: keyof typeof ACCOUNTS, channel = 'sms', more: Record<string, string> = {}) =>
  sender(provider, more).send({ phone: '15550001', code: '123456', channel })
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

describe('what is sent', () => {
  test('Twilio: a message of the service', async () => {
    fake.answer = () => ({ status: 201, json: { sid: 'SM1', status: 'queued', error_code: null } })
    expect(await send('twilio')).toBe('SM1')
    expect(fake.sent).toEqual([
      {
        url: 'https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json',
        method: 'POST',
        authorization: basic('AC1', 'tok'),
        contentType: 'application/x-www-form-urlencoded',
        body: 'Body=Your+code+is+123456&Channel=sms&From=MG1&To=%2B15550001',
        form: { To: '+15550001', Channel: 'sms', From: 'MG1', Body: 'Your code is 123456' },
      },
    ])
  })
  test('Twilio: WhatsApp by content template, or as text, from a service or a number', async () => {
    fake.answer = () => ({ status: 201, json: { sid: 'SM2', status: 'queued' } })
    await send('twilio', 'whatsapp', { GOTRUE_SMS_TWILIO_CONTENT_SID: 'HX1' })
    expect(fake.sent[0]!.form).toEqual({
      To: 'whatsapp:+15550001',
      Channel: 'whatsapp',
      From: 'MG1',
      ContentSid: 'HX1',
      ContentVariables: '{"1": "123456"}',
    })
    await send('twilio', 'whatsapp', { GOTRUE_SMS_TWILIO_MESSAGE_SERVICE_SID: '+1 555 9' })
    expect(fake.sent[1]!.form).toEqual({
      To: 'whatsapp:+15550001',
      Channel: 'whatsapp',
      From: 'whatsapp:+1 555 9',
      Body: 'Your code is 123456',
    })
  })
  test('Twilio Verify: only where to, and later what was entered', async () => {
    fake.answer = () => ({ status: 201, json: { sid: 'VE1', status: 'approved', valid: true } })
    expect(await send('twilio_verify', 'whatsapp')).toBe('VE1')
    await sender('twilio_verify').check!('15550001', '424242')
    expect(fake.sent.map(({ url, authorization, form }) => ({ url, authorization, form }))).toEqual([
      {
        url: 'https://verify.twilio.com/v2/Services/VA1/Verifications',
        authorization: basic('AC2', 'tok2'),
        form: { To: '+15550001', Channel: 'whatsapp' },
      },
      {
        url: 'https://verify.twilio.com/v2/Services/VA1/VerificationCheck',
        authorization: basic('AC2', 'tok2'),
        form: { To: '+15550001', Code: '424242' },
      },
    ])
  })
  test('MessageBird', async () => {
    fake.answer = () => ({ json: { id: 'm1', recipients: { totalSentCount: 1 } } })
    expect(await send('messagebird')).toBe('m1')
    expect(fake.sent[0]).toMatchObject({
      url: 'https://rest.messagebird.com/messages',
      authorization: 'AccessKey mb',
      form: { originator: 'Plinth', body: 'Your code is 123456', recipients: '15550001', type: 'sms', datacoding: 'unicode' },
    })
  })
  test('Vonage, which must know of other than ASCII', async () => {
    fake.answer = () => ({ json: { messages: [{ 'message-id': 'v1', status: '0' }] } })
    expect(await send('vonage')).toBe('v1')
    const form = { from: 'Plinth', to: '15550001', text: 'Your code is 123456', api_key: 'vk', api_secret: 'vs' }
    expect(fake.sent[0]).toMatchObject({ url: 'https://rest.nexmo.com/sms/json', form })
    expect(fake.sent[0]!.form).not.toHaveProperty('type')
    await send('vonage', 'sms', { GOTRUE_SMS_TEMPLATE: 'Код: {{ .Code }}' })
    expect(fake.sent[1]!.form).toEqual({ ...form, text: 'Код: 123456', type: 'unicode' })
  })
  test('Textlocal', async () => {
    fake.answer = () => ({ json: { status: 'success', messages: [{ id: 77 }] } })
    expect(await send('textlocal')).toBe('77')
    expect(fake.sent[0]).toMatchObject({
      url: 'https://api.textlocal.in/send',
      form: { sender: 'PLNTH', apikey: 'tl', message: 'Your code is 123456', numbers: '15550001' },
    })
  })
  test('second factors have words of their own', async () => {
    fake.answer = () => ({ status: 201, json: { sid: 'SM3' } })
    await sender('twilio', { GOTRUE_SMS_TEMPLATE: 'a {{ .Code }}', GOTRUE_MFA_PHONE_TEMPLATE: 'b {{ .Code }}' }).send({
      phone: '1',
      code: '2',
      channel: 'sms',
      mfa: true,
    })
    expect(fake.sent[0]!.form['Body']).toBe('b 2')
  })
})

const twilioDown = { message: 'Authenticate', more_info: 'https://www.twilio.com/docs/errors/20003' }
const cases: readonly [keyof typeof ACCOUNTS, Answer, string][] = [
  ['twilio', { status: 401, json: twilioDown }, 'Authenticate More information: https://www.twilio.com/docs/errors/20003'],
  [
    'twilio',
    { json: { sid: 'S', status: 'failed', error_code: 30007, error_message: 'Filtered' } },
    'twilio error: Filtered 30007 for message S',
  ],
  ['twilio', { json: { sid: 'S', status: 'undelivered' } }, 'twilio error:   for message S'],
  [
    'twilio_verify',
    { status: 429, json: { message: 'Max send attempts reached', more_info: 'x' } },
    'Max send attempts reached More information: x',
  ],
  [
    'messagebird',
    { status: 422, json: { errors: [{ code: 9, description: 'no (correct) recipients found' }] } },
    'no (correct) recipients found',
  ],
  ['messagebird', { status: 401, json: {} }, 'messagebird error: status 401'],
  ['messagebird', { json: { id: 'x', recipients: { totalSentCount: 0 } } }, 'messagebird error: total sent count is 0'],
  [
    'vonage',
    { json: { messages: [{ 'message-id': 'i', status: '4', 'error-text': 'Bad Credentials' }] } },
    'vonage error: Bad Credentials (status: 4) for message i',
  ],
  ['vonage', { json: { messages: [] } }, 'vonage error: Internal Error'],
  ['textlocal', { json: { errors: [{ code: 3, message: 'Invalid login' }], status: 'failure' } }, 'textlocal error: Internal Error'],
  ['textlocal', { text: '<html>' }, 'the answer is no JSON'],
  ['vonage', { text: JSON.stringify('x'.repeat(70_000)) }, 'the answer is too long'],
]
test.each(cases)('%s that answers %j fails with %s', async (provider, answer, words) => {
  fake.answer = () => answer
  await expect(send(provider)).rejects.toThrow(words)
})

test('a provider that never answers is not waited for', async () => {
  fake.answer = () => ({ silent: true })
  await expect(send('twilio', 'sms', { GOTRUE_INTERNAL_HTTP_TIMEOUT: '50ms' })).rejects.toThrow('no answer in time')
})

test.each([
  [{ status: 'approved', valid: true }, undefined],
  [{ status: 'pending', valid: false }, 'twilio verification error:  pending'],
  [{ status: 'approved' }, 'twilio verification error'],
])('Twilio Verify says %j', async (json, words) => {
  fake.answer = () => ({ json })
  const verdict = sender('twilio_verify').check!('1', '2')
  if (words) await expect(verdict).rejects.toThrow(words)
  else await expect(verdict).resolves.toBeUndefined()
})

test('only Twilio Verify checks codes, and not where the hook sends them', () => {
  expect([sender('twilio').check, sender('twilio_verify', {}, true).check]).toEqual([undefined, undefined])
  expect(sender('twilio', { GOTRUE_SMS_TWILIO_AUTH_TOKEN: '' }).available).toBe(false)
})
