// The check for leaked passwords, against a double of the service that knows them.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FakeLeaks, sha1Of, startLeakedPasswords } from '../../../../test/fakes/leaked-passwords.ts'
import { readEnv } from '../../../env/read.ts'
import { type Logger, silentLog } from '../../../log/log.ts'
import { authEnv } from '../env.ts'
import { checkStrength } from './strength.ts'

let leaks: FakeLeaks
beforeAll(async () => {
  leaks = await startLeakedPasswords({ 'password-1': 90_210, 'padding-only': 0 })
})
afterAll(() => leaks[Symbol.asyncDispose]())
beforeEach(() => {
  leaks.asked.length = 0
  leaks.trouble = undefined
})

const check = (password: string, more: Record<string, string> = {}, log: Logger = silentLog) =>
  checkStrength(
    readEnv(authEnv, {
      DATABASE_URL: 'postgresql://x',
      GOTRUE_SITE_URL: 'https://app.example',
      GOTRUE_JWT_SECRET: 'secret',
      API_EXTERNAL_URL: 'https://api.example',
      GOTRUE_PASSWORD_HIBP_ENABLED: 'true',
      ...more,
    }),
    log,
    password,
  )

test('a leaked password is refused, in upstream’s words', async () => {
  await expect(check('password-1')).rejects.toMatchObject({
    reasons: ['pwned'],
    message: 'Password is known to be weak and easy to guess, please choose a different one.',
  })
})

test('the reasons keep their order', async () => {
  await expect(check('password-1', { GOTRUE_PASSWORD_MIN_LENGTH: '12', GOTRUE_PASSWORD_REQUIRED_CHARACTERS: 'XYZ' })).rejects.toMatchObject(
    {
      reasons: ['length', 'characters', 'pwned'],
    },
  )
})

test.each([['a password of nobody'], ['padding-only']])('%s is fine', async (password) => {
  await expect(check(password)).resolves.toBeUndefined()
  expect(leaks.asked).toHaveLength(1)
})

test('five digits of the hash leave, no more, and the answer is padded so that its length tells nothing', async () => {
  await check('a password of nobody', { GOTRUE_PASSWORD_HIBP_USER_AGENT: 'https://app.example' })
  const [request] = leaks.asked
  const hash = sha1Of('a password of nobody')
  expect(request).toMatchObject({ method: 'GET', body: '', url: `https://api.pwnedpasswords.com/range/${hash.slice(0, 5)}` })
  expect(request!.headers).toMatchObject({ 'add-padding': 'true', 'user-agent': 'https://app.example' })
  expect(JSON.stringify(request).toUpperCase()).not.toContain(hash.slice(5))
})

test('nobody is asked unless it is switched on', async () => {
  await check('password-1', { GOTRUE_PASSWORD_HIBP_ENABLED: 'false' })
  expect(leaks.asked).toHaveLength(0)
})

test.each([
  ['answers an error', { status: 503, text: 'busy' }],
  ['answers for ever', { text: 'x'.repeat(2_000_000) }],
])('while the service %s passwords pass and the log tells; or they do not, where that is asked for', async (_what, trouble) => {
  leaks.trouble = trouble
  const told: string[] = []
  await check('password-1', {}, { ...silentLog, error: (_about: unknown, text: string) => told.push(text) } as unknown as Logger)
  expect(told).toHaveLength(1)
  await expect(check('password-1', { GOTRUE_PASSWORD_HIBP_FAIL_CLOSED: 'true' })).rejects.toMatchObject({
    status: 500,
    message: 'Unable to perform password strength check with HaveIBeenPwned.org.',
  })
})
