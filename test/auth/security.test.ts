// What must not happen: a secret in a log, a redirect to strangers, a link to a strange host, a proof that is good twice, a hook that leads
// the service elsewhere.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLog } from '../../src/log/log.ts'
import { startAuthDatabase } from '../support/auth-database.ts'
import { type Json, JWT_SECRET, newAddress, signedIn, startAuth, type TestAuth } from '../support/auth-service.ts'
import type { TestPostgres } from '../support/postgres.ts'

let server: TestPostgres
let auth: TestAuth
const lines: string[] = []
const hooks: { path: string; body: Json }[] = []
const answers = new Map<string, { status: number; headers?: Record<string, string>; body: string }>()
const receiver = createServer(async (req, res) => {
  let body = ''
  for await (const part of req) body += String(part)
  hooks.push({ path: req.url ?? '', body: body === '' ? undefined : JSON.parse(body) })
  const { status, headers, body: text } = answers.get(req.url ?? '') ?? { status: 200, body: '{}' }
  res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
})
let origin: string
const SECRET = `v1,whsec_${Buffer.from('a-secret-of-thirty-two-bytes-long').toString('base64')}`
const hook = (name: string, path: string) => ({
  [`GOTRUE_HOOK_${name}_ENABLED`]: 'true',
  [`GOTRUE_HOOK_${name}_URI`]: `${origin}${path}`,
  [`GOTRUE_HOOK_${name}_SECRETS`]: SECRET,
})

beforeAll(async () => {
  ;({ server } = await startAuthDatabase('security'))
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
  const log = createLog({ format: 'json', level: 'trace', write: (line) => lines.push(line) })
  auth = await startAuth(server, 'security', { ...hook('SEND_EMAIL', '/mail'), GOTRUE_LOG_LEVEL: 'trace' }, log)
})
afterAll(async () => {
  await auth?.[Symbol.asyncDispose]()
  receiver.closeAllConnections()
  receiver.close()
  await server?.[Symbol.asyncDispose]()
})

const tally = (replies: readonly { status: number }[], status: number) => replies.filter((reply) => reply.status === status).length
/** What the mail hook was told last about this address. */
const mailOf = (email: string): Json => hooks.findLast(({ path, body }) => path === '/mail' && body.user.email === email)!.body.email_data

describe('of a hundred at once exactly one wins', () => {
  const atOnce = (path: string, body: object) => Promise.all(Array.from({ length: 100 }, () => auth.call('POST', path, { body })))
  test('with the code of a mail', async () => {
    const { email } = await signedIn(auth)
    await auth.call('POST', '/otp', { body: { email } })
    expect(tally(await atOnce('/verify', { type: 'email', email, token: mailOf(email).token }), 200)).toBe(1)
  })
  test('with the hash of a link', async () => {
    const { email } = await signedIn(auth)
    await auth.call('POST', '/recover', { body: { email } })
    expect(tally(await atOnce('/verify', { type: 'recovery', token_hash: mailOf(email).token_hash }), 200)).toBe(1)
  })
  test('with the first confirmation of a new account', async () => {
    const email = newAddress()
    await auth.call('POST', '/signup', { body: { email, password: 'Some-pass-1' } })
    expect(tally(await atOnce('/verify', { type: 'signup', email, token: mailOf(email).token }), 200)).toBe(1)
  })
})

test('no password, token, code or secret is in a log line, however much is logged', async () => {
  const password = 'Only-in-this-test-1'
  const user = await signedIn(auth, { password })
  const { json: refreshed } = await auth.call('POST', '/token?grant_type=refresh_token', { body: { refresh_token: user.refresh_token } })
  await auth.call('PUT', '/user', { token: refreshed.access_token, body: { password: `${password}-next` } })
  await auth.call('POST', '/otp', { body: { email: user.email } })
  const { token, token_hash } = mailOf(user.email)
  await auth.call('GET', `/verify?type=magiclink&token=${token_hash}`)
  await auth.call('GET', `/verify?type=magiclink&token=${token_hash}`)
  await auth.call('GET', '/user', { token: `${refreshed.access_token}x` })
  await auth.call('POST', '/token?grant_type=password', { body: `{"email":"x","password":"${password}` })
  const { json: factor } = await auth.call('POST', '/factors', { token: refreshed.access_token, body: { factor_type: 'totp' } })
  const text = lines.join('\n')
  expect(text).toContain(user.id)
  const secrets = [
    password,
    user.access_token,
    user.refresh_token,
    refreshed.refresh_token,
    refreshed.access_token,
    token_hash,
    factor.totp.secret,
  ]
  for (const secret of [...secrets, JWT_SECRET, SECRET]) expect(text.includes(secret), `logged: ${secret}`).toBe(false)
  expect(new RegExp(`\\b${token}\\b`).test(text)).toBe(false)
})

describe('a redirect leads to the site, whatever is asked for', () => {
  test.each([
    'https://evil.example/',
    '//evil.example/',
    'https://app.example.evil.example/',
    'https://app.example@evil.example/',
    'https://ok.example@evil.example/path',
    'https://evil.example/https://ok.example/path',
    'https://evil.example#https://ok.example/path',
    'javascript:alert(1)',
    'data:text/html,x',
    'https://169.254.169.254/latest',
    'https://2130706433/',
    'http://app.example:8080/',
    '\\\\evil.example',
    'https://ok.example\\@evil.example/',
    'https:/\t/evil.example/',
  ])('%j', async (target) => {
    const reply = await auth.call('GET', `/verify?type=signup&token=none&redirect_to=${encodeURIComponent(target)}`, {
      headers: { referer: 'https://evil.example/page' },
    })
    expect(reply.status).toBe(303)
    expect(new URL(reply.headers.get('location')!).origin).toBe('https://app.example')
  })
  test('one that is allowed is followed', async () => {
    const reply = await auth.call('GET', `/verify?type=signup&token=none&redirect_to=${encodeURIComponent('https://ok.example/in?x=1')}`)
    expect(reply.headers.get('location')).toMatch(/^https:\/\/ok\.example\/in\?x=1#/)
  })
})

test('links of mails name the host of the configuration', async () => {
  const email = newAddress()
  const headers = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example', 'x-forwarded-proto': 'https' }
  await auth.call('POST', '/signup', { body: { email, password: 'Some-pass-1' }, headers })
  expect(mailOf(email).site_url).toBe('http://auth.test')
})

describe('a hook', () => {
  const refused = async (path: string) => {
    await using service = await startAuth(server, 'security', hook('BEFORE_USER_CREATED', path))
    const { status, json } = await service.call('POST', '/signup', { body: { email: newAddress(), password: 'Some-pass-1' } })
    return [status, json.msg]
  }
  test('that answers with a redirect is not followed', async () => {
    answers.set('/away', { status: 302, headers: { location: `${origin}/stolen` }, body: '' })
    expect(await refused('/away')).toEqual([500, 'Unexpected status code returned from hook: 302'])
    expect(hooks.some(({ path }) => path === '/stolen')).toBe(false)
  })
  test('that says too much is cut off', async () => {
    answers.set('/endless', { status: 200, body: `{"x":"${'y'.repeat(300_000)}"}` })
    expect((await refused('/endless'))[0]).toBe(422)
  })
  test.each([
    'http://169.254.169.254/',
    'http://10.0.0.1/',
    'ftp://hooks.example/',
    'file:///etc/passwd',
    'http://localhost.evil.example/',
  ])('at %s stops the start', async (uri) => {
    await expect(startAuth(server, 'security', { ...hook('SEND_EMAIL', '/'), GOTRUE_HOOK_SEND_EMAIL_URI: uri })).rejects.toThrow(
      'GOTRUE_HOOK_SEND_EMAIL_URI',
    )
  })
})
