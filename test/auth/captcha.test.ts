// Captcha from outside, with hCaptcha and Turnstile as doubles: who has to bring a proof, what the provider is shown, and what its answers do.
import type { Client } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Answer, type RemoteRequest, startRemoteHosts } from '../fakes/remote-hosts.ts'
import { startAuthDatabase } from '../support/auth-database.ts'
import { newAddress, rowsOf, signedIn, startAuth, type TestAuth } from '../support/auth-service.ts'
import type { TestPostgres } from '../support/postgres.ts'

const PROVIDERS = {
  hcaptcha: 'https://hcaptcha.com/siteverify',
  turnstile: 'https://challenges.cloudflare.com/turnstile/v0/siteverify',
} as const
const asked: RemoteRequest[] = []
let verdict: (form: URLSearchParams) => Answer
let hosts: AsyncDisposable
let server: TestPostgres
let sql: Client
const services = new Map<string, TestAuth>()
beforeAll(async () => {
  ;({ server, sql } = await startAuthDatabase('captcha'))
  hosts = await startRemoteHosts(['hcaptcha.com', 'challenges.cloudflare.com'], (request) => {
    asked.push(request)
    return verdict(new URLSearchParams(request.body))
  })
  for (const provider of Object.keys(PROVIDERS))
    services.set(
      provider,
      await startAuth(server, 'captcha', {
        GOTRUE_MAILER_AUTOCONFIRM: 'true',
        GOTRUE_SECURITY_CAPTCHA_ENABLED: 'true',
        GOTRUE_SECURITY_CAPTCHA_PROVIDER: provider,
        GOTRUE_SECURITY_CAPTCHA_SECRET: `secret of ${provider}`,
        GOTRUE_SECURITY_CAPTCHA_TIMEOUT: '1s',
      }),
    )
})
afterAll(async () => {
  for (const service of services.values()) await service[Symbol.asyncDispose]()
  await hosts?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  asked.length = 0
  verdict = (form) => ({
    json: form.get('response') === 'good' ? { success: true } : { success: false, 'error-codes': ['invalid-input-response'] },
  })
})

const proof = (token: string) => ({ gotrue_meta_security: { captcha_token: token } })
const password = 'Some-pass-1'

describe.each(Object.entries(PROVIDERS))('%s', (provider, url) => {
  const signUp = (token?: string, email = newAddress()) =>
    services.get(provider)!.call('POST', '/signup', {
      body: { email, password, ...(token === undefined ? {} : proof(token)) },
      headers: { 'x-forwarded-for': '203.0.113.9' },
    })

  test('a proof that it accepts lets the request through', async () => {
    expect((await signUp(' good ')).status).toBe(200)
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({ url, method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } })
    expect(Object.fromEntries(new URLSearchParams(asked[0]!.body))).toEqual({
      secret: `secret of ${provider}`,
      response: 'good',
      remoteip: '203.0.113.9',
    })
  })

  test('one that it does not accept is refused with its reasons, and nothing is done', async () => {
    const email = newAddress()
    const refused = await signUp('bad', email)
    expect(refused).toMatchObject({
      status: 400,
      json: { error_code: 'captcha_failed', msg: 'captcha protection: request disallowed (invalid-input-response)' },
    })
    expect(await rowsOf(sql, 'select 1 from auth.users where email = $1', [email])).toEqual([])
  })

  test.each([[undefined], [''], ['  ']])('no proof (%j) is refused without asking', async (token) => {
    expect((await signUp(token)).json).toMatchObject({
      error_code: 'captcha_failed',
      msg: 'captcha protection: request disallowed (no captcha_token found)',
    })
    expect(asked).toHaveLength(0)
  })

  test.each<[string, Answer]>([
    ['no JSON', { text: '<html>' }],
    ['too much', { text: `{"success":true,"x":"${'x'.repeat(100_000)}"}` }],
    ['nothing in time', { silent: true }],
  ])('when it answers %s, nobody passes', async (_what, answer) => {
    verdict = () => answer
    const reply = await signUp('good')
    expect(reply).toMatchObject({ status: 500, json: { msg: 'captcha verification process failed' } })
    expect(reply.text).not.toContain('secret')
  })
})

describe('who is asked for a proof', () => {
  const hcaptcha = () => services.get('hcaptcha')!

  test.each([
    ['/signup', { email: 'a@kit.example', password }],
    ['/signup', {}],
    ['/recover', { email: 'a@kit.example' }],
    ['/resend', { type: 'signup', email: 'a@kit.example' }],
    ['/magiclink', { email: 'a@kit.example' }],
    ['/otp', { email: 'a@kit.example' }],
    ['/token?grant_type=password', { email: 'a@kit.example', password }],
    ['/sso', { domain: 'kit.example' }],
  ])('POST %s %j', async (path, body) => {
    const reply = await hcaptcha().call('POST', path, { body })
    // Single sign-on is off here, which is told first.
    expect(reply.json.error_code).toBe(path === '/sso' ? 'saml_provider_disabled' : 'captcha_failed')
  })

  test('not whoever has a token already, and no administrator', async () => {
    const person = await hcaptcha().call('POST', '/signup', { body: { email: newAddress(), password, ...proof('good') } })
    const refresh_token = person.json.refresh_token
    expect((await hcaptcha().call('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })).status).toBe(200)
    expect((await hcaptcha().call('GET', '/user', { token: person.json.access_token })).status).toBe(200)
    expect((await hcaptcha().admin('POST', '/signup', { email: newAddress(), password })).status).toBe(200)
    await expect(signedIn(hcaptcha())).rejects.toThrow('captcha_failed')
  })
})
