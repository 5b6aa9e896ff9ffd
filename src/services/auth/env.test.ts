import { expect, test } from 'vitest'
import { readEnv } from '../../env/read.ts'
import { authEnv } from './env.ts'

const NEEDED = {
  DATABASE_URL: 'postgresql://x',
  GOTRUE_SITE_URL: 'https://app.example',
  GOTRUE_JWT_SECRET: 'secret',
  API_EXTERNAL_URL: 'https://api.example',
}
const read = (more: Record<string, string> = {}) => readEnv(authEnv, { ...NEEDED, ...more })

test('the defaults are upstream’s', () => {
  expect(read()).toMatchObject({
    GOTRUE_JWT_EXP: 3600,
    GOTRUE_MAILER_OTP_EXP: 86_400,
    GOTRUE_SMTP_MAX_FREQUENCY: 60_000,
    GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED: true,
    GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL: 0,
    GOTRUE_RATE_LIMIT_EMAIL_SENT: { events: 30, overMs: 3_600_000, kind: 'window' },
    GOTRUE_JWT_ADMIN_ROLES: ['service_role', 'supabase_admin'],
  })
})

test.each([
  ['GOTRUE_RATE_LIMIT_EMAIL_SENT', '5/1m', { events: 5, overMs: 60_000, kind: 'bucket' }],
  ['GOTRUE_PASSWORD_REQUIRED_CHARACTERS', 'abc:1\\:2', ['abc', '1:2']],
  [
    'GOTRUE_SMS_TEST_OTP',
    '+1 555:1, 46:2',
    new Map([
      ['1555', '1'],
      ['46', '2'],
    ]),
  ],
  ['GOTRUE_MAILER_OTP_LENGTH', '12', 6],
  ['GOTRUE_MAILER_OTP_LENGTH', '8', 8],
  ['GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION', '10', 300],
  ['GOTRUE_SMTP_MAX_FREQUENCY', '0', 60_000],
  ['GOTRUE_SESSIONS_TIMEBOX', '24h', 86_400_000],
] as const)('%s=%s is %j', (name, value, expected) => expect(read({ [name]: value })[name]).toEqual(expected))

test('every wrong variable is named in one error, and no value', () => {
  const wrong = { GOTRUE_SITE_URL: 'not a url', GOTRUE_JWT_EXP: 'soon-secret', GOTRUE_SMTP_HEADERS: '[]', GOTRUE_SMS_TEST_OTP: 'x' }
  expect(() => readEnv(authEnv, wrong)).toThrow(/GOTRUE_SITE_URL[\s\S]*GOTRUE_JWT_SECRET[\s\S]*GOTRUE_JWT_EXP|API_EXTERNAL_URL/)
  expect(() => readEnv(authEnv, wrong)).toThrow(expect.not.stringMatching('soon-secret'))
  expect(() => readEnv(authEnv, { ...NEEDED, DATABASE_URL: '' })).toThrow('GOTRUE_DB_DATABASE_URL')
  expect(() => read({ GOTRUE_MAILER_AUTOCONFIRM: 'true', GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS: 'true' })).toThrow(
    'ALLOW_UNVERIFIED',
  )
})

test('everything that is missing or wrong is named at once', () => {
  const wrong = { GOTRUE_JWT_EXP: 'soon', GOTRUE_SECURITY_CAPTCHA_ENABLED: 'true' }
  expect(() => readEnv(authEnv, wrong)).toThrow(
    /(?=[\s\S]*GOTRUE_DB_DATABASE_URL)(?=[\s\S]*GOTRUE_JWT_EXP)(?=[\s\S]*GOTRUE_JWT_SECRET)(?=[\s\S]*GOTRUE_SECURITY_CAPTCHA_SECRET)/,
  )
})
