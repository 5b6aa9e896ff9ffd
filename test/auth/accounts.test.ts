// Accounts from outside, on a real database and a real mail server: what a person does, and what several do at once.
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeAt } from '../../src/services/auth/mfa/totp.ts'
import { startAuthDatabase } from '../support/auth-database.ts'
import { claimsOf, type Json, newAddress, rowsOf, signedIn, startAuth, type TestAuth } from '../support/auth-service.ts'
import { startMail, type TestMail } from '../support/mail-service.ts'
import type { TestPostgres } from '../support/postgres.ts'

let server: TestPostgres
let mail: TestMail
let sql: Client
let auth: TestAuth
beforeAll(async () => {
  ;[{ server, sql }, mail] = await Promise.all([startAuthDatabase('accounts'), startMail()])
  auth = await start()
})
afterAll(async () => {
  await auth?.[Symbol.asyncDispose]()
  await mail?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

const start = (variables: Record<string, string> = {}) =>
  startAuth(server, 'accounts', {
    GOTRUE_SMTP_HOST: '127.0.0.1',
    GOTRUE_SMTP_PORT: String(mail.smtpPort),
    GOTRUE_SMTP_ADMIN_EMAIL: 'admin@kit.example',
    GOTRUE_SMTP_SENDER_NAME: 'Kit',
    GOTRUE_MAILER_TEMPLATES_CONFIRMATION: '<p>{{ .Data.name }} {{ .Token }}</p><a href="{{ .ConfirmationURL }}">confirm</a>',
    GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL: '10',
    ...variables,
  })

/** The newest mail to an address: its link and code. The answer to the request comes after the server took the mail. */
async function letterTo(address: string): Promise<{ link: string; code: string | undefined; subject: string; html: string }> {
  const { messages } = await mail.json(`/api/v1/search?query=${encodeURIComponent(`to:"${address}"`)}`)
  const message = await mail.json(`/api/v1/message/${messages[0].ID}`)
  const link = /href="([^"]+)"/.exec(message.HTML)?.[1]?.replaceAll('&amp;', '&') ?? ''
  return { link, code: /\b\d{6}\b/.exec(message.HTML.replace(/href="[^"]*"/, ''))?.[0], subject: message.Subject, html: message.HTML }
}
const tally = (replies: readonly { status: number }[]) =>
  Object.fromEntries([...new Set(replies.map((r) => r.status))].sort().map((s) => [s, replies.filter((r) => r.status === s).length]))

test('someone signs up, gets a mail, opens its link, and is in', async () => {
  const email = newAddress()
  const made = await auth.call('POST', '/signup', { body: { email, password: 'Some-pass-1', data: { name: '<i>Ann</i>' } } })
  expect(made).toMatchObject({ status: 200, json: { email, user_metadata: { name: '<i>Ann</i>', email_verified: false } } })
  const letter = await letterTo(email)
  expect(letter.html).toContain('&lt;i&gt;Ann&lt;/i&gt;')
  const opened = await auth.call('GET', letter.link)
  expect(opened.status).toBe(303)
  const fragment = new URLSearchParams(new URL(opened.headers.get('location')!).hash.slice(1))
  expect(claimsOf(fragment.get('access_token')!)).toMatchObject({ email, aal: 'aal1', role: 'authenticated' })
  const again = await auth.call('GET', letter.link)
  expect(again.headers.get('location')).toContain('error_code=otp_expired')
})

describe('when many try at once', () => {
  test('a code is good for one of twenty', async () => {
    const user = await signedIn(auth)
    const { json } = await auth.admin('POST', '/admin/generate_link', { type: 'magiclink', email: user.email })
    const body = { type: 'email', email: user.email, token: json.email_otp }
    expect(tally(await Promise.all(Array.from({ length: 20 }, () => auth.call('POST', '/verify', { body }))))).toEqual({ 200: 1, 403: 19 })
  })
  test('a link is good for one of twenty', async () => {
    const user = await signedIn(auth)
    const { json } = await auth.admin('POST', '/admin/generate_link', { type: 'recovery', email: user.email })
    const body = { type: 'recovery', token_hash: json.hashed_token }
    expect(tally(await Promise.all(Array.from({ length: 20 }, () => auth.call('POST', '/verify', { body }))))).toEqual({ 200: 1, 403: 19 })
  })
  test('a code of PKCE is good for one of twenty', async () => {
    const user = await signedIn(auth)
    const challenge = { code_challenge: 'v'.repeat(50), code_challenge_method: 'plain' }
    await auth.call('POST', '/otp', { body: { email: user.email, ...challenge } })
    const opened = await auth.call('GET', (await letterTo(user.email)).link)
    const code = new URL(opened.headers.get('location')!).searchParams.get('code')
    const body = { auth_code: code, code_verifier: 'v'.repeat(50) }
    expect(tally(await Promise.all(Array.from({ length: 20 }, () => auth.call('POST', '/token?grant_type=pkce', { body }))))).toEqual({
      200: 1,
      404: 19,
    })
  })
  test('a TOTP challenge is good for one of ten', async () => {
    const user = await signedIn(auth)
    const { json: factor } = await auth.call('POST', '/factors', { token: user.access_token, body: { factor_type: 'totp' } })
    const { json: challenge } = await auth.call('POST', `/factors/${factor.id}/challenge`, { token: user.access_token, body: {} })
    const body = { challenge_id: challenge.id, code: codeAt(factor.totp.secret, Date.now()) }
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => auth.call('POST', `/factors/${factor.id}/verify`, { token: user.access_token, body })),
    )
    expect(tally(replies)).toEqual({ 200: 1, 422: 9 })
  })
  test.each([
    ['1', {}],
    ['2', { GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: '2' }],
  ])('thirty refreshes of one token of version %s give one next token', async (_, variables) => {
    await using service = await start(variables as Record<string, string>)
    const user = await signedIn(service)
    const body = { refresh_token: user.refresh_token }
    const replies = await Promise.all(Array.from({ length: 30 }, () => service.call('POST', '/token?grant_type=refresh_token', { body })))
    expect(tally(replies)).toEqual({ 200: 30 })
    expect(new Set(replies.map((r) => r.json.refresh_token)).size).toBe(1)
  })
})

test('two instances that refresh one token at once agree on the next one', async () => {
  await using one = await start()
  await using two = await start()
  const user = await signedIn(one)
  const body = { refresh_token: user.refresh_token }
  const replies = await Promise.all(
    Array.from({ length: 8 }, (_, i) => (i % 2 ? one : two).call('POST', '/token?grant_type=refresh_token', { body })),
  )
  expect(tally(replies)).toEqual({ 200: 8 })
  expect(new Set(replies.map((r) => r.json.refresh_token)).size).toBe(1)
})

describe('the operator’s own SQL', () => {
  test('a trigger that raises undoes the sign-up', async () => {
    await sql.query(`create function public.refuse() returns trigger language plpgsql as $$ begin
      if new.email like 'refused%' then raise exception 'members only'; end if; return new; end $$;
      create trigger refuse after insert on auth.users for each row execute function public.refuse()`)
    const body = { email: `refused-${newAddress()}`, password: 'Some-pass-1' }
    const newer = await auth.call('POST', '/signup', { body, headers: { 'x-supabase-api-version': '2024-01-01' } })
    expect(newer).toMatchObject({ status: 500, json: { code: 'unexpected_failure', message: 'Database error saving new user' } })
    expect(await auth.call('POST', '/signup', { body })).toMatchObject({ status: 500, json: { code: 'P0001', message: 'members only' } })
    expect(await rowsOf(sql, 'select 1 from auth.users where email = $1', [body.email])).toEqual([])
  })
  test('a trigger that fills in metadata is seen in the answer', async () => {
    await sql.query(`create function public.welcome() returns trigger language plpgsql as $$ begin
      new.raw_app_meta_data := new.raw_app_meta_data || '{"plan":"free"}'; return new; end $$;
      create trigger welcome before insert on auth.users for each row execute function public.welcome()`)
    const { json } = await auth.call('POST', '/signup', { body: {} })
    expect(claimsOf(json.access_token).app_metadata).toEqual({ plan: 'free' })
  })
  test('a hook of the database shapes the token', async () => {
    await sql.query(`create function public.shape(event jsonb) returns jsonb language sql as $$
      select jsonb_build_object('claims', event->'claims' || '{"tenant":"kit"}') $$;
      grant execute on function public.shape to supabase_auth_admin`)
    await using service = await start({
      GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_ENABLED: 'true',
      GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI: 'pg-functions://postgres/public/shape',
    })
    expect(claimsOf((await signedIn(service)).access_token).tenant).toBe('kit')
  })
  test('a row that SQL made with NULL tokens signs in', async () => {
    const email = newAddress()
    await sql.query(
      `insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at)
       values ('00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated', $1, '$2b$10$zEQzfs2dUjRPA49Vj1PZ/edzEtKRumxut2SmB7cF1OkanZzU3BQHy', now())`,
      [email],
    )
    expect((await auth.call('POST', '/token?grant_type=password', { body: { email, password: 'imported-bcrypt-1' } })).status).toBe(200)
  })
})

describe('what is kept', () => {
  test('values are encrypted where that is asked for, and everything works on', async () => {
    await using service = await start({
      GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT: 'true',
      GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID: 'k1',
      GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY: Buffer.alloc(32, 9).toString('base64url'),
      GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: '2',
    })
    const user = await signedIn(service)
    const { json: factor } = await service.call('POST', '/factors', { token: user.access_token, body: { factor_type: 'totp' } })
    const [row] = await rowsOf(
      sql,
      `select u.encrypted_password as p, f.secret as s, x.refresh_token_hmac_key as k from auth.users u join auth.mfa_factors f on f.user_id = u.id
       join auth.sessions x on x.user_id = u.id where u.id = $1`,
      [user.id],
    )
    for (const value of Object.values<string>(row)) expect(JSON.parse(value)).toMatchObject({ key_id: 'k1', alg: 'aes-gcm-hkdf' })
    const { json: challenge } = await service.call('POST', `/factors/${factor.id}/challenge`, { token: user.access_token, body: {} })
    const raised = await service.call('POST', `/factors/${factor.id}/verify`, {
      token: user.access_token,
      body: { challenge_id: challenge.id, code: codeAt(factor.totp.secret, Date.now()) },
    })
    expect(claimsOf(raised.json.access_token).aal).toBe('aal2')
    const body = { refresh_token: raised.json.refresh_token }
    expect((await service.call('POST', '/token?grant_type=refresh_token', { body })).status).toBe(200)
  })
  test('no secret of a user is in any answer', async () => {
    const user = await signedIn(auth)
    await auth.call('POST', '/recover', { body: { email: user.email } })
    const [row] = await rowsOf(sql, 'select encrypted_password, recovery_token from auth.users where id = $1', [user.id])
    const answers = [await auth.call('GET', '/user', { token: user.access_token }), await auth.admin('GET', `/admin/users/${user.id}`)]
    for (const { text } of answers) for (const secret of Object.values<string>(row)) expect(text).not.toContain(secret)
  })
  test('clean-up removes old rows after a request that wrote, and nothing young', async () => {
    await using service = await start({ GOTRUE_DB_CLEANUP_ENABLED: 'true' })
    const user = await signedIn(service)
    await service.call('POST', '/token?grant_type=refresh_token', { body: { refresh_token: user.refresh_token } })
    await sql.query("update auth.refresh_tokens set updated_at = now() - interval '2 days' where token = $1", [user.refresh_token])
    const old = async () => {
      await service.call('POST', '/logout?scope=others', { token: user.access_token })
      return (await rowsOf(sql, 'select 1 from auth.refresh_tokens where token = $1', [user.refresh_token])).length
    }
    await expect.poll(old, { timeout: 10_000 }).toBe(0)
    expect((await rowsOf(sql, 'select 1 from auth.sessions where user_id = $1', [user.id])).length).toBe(1)
  })
})

describe('who may know what', () => {
  test('an unknown address and a known one answer alike', async () => {
    const user: Json = await signedIn(auth)
    for (const [path, body] of [
      ['/recover', (email: string) => ({ email })],
      ['/resend', (email: string) => ({ type: 'signup', email })],
      ['/token?grant_type=password', (email: string) => ({ email, password: 'not-it' })],
    ] as const) {
      const [known, unknown] = await Promise.all([
        auth.call('POST', path, { body: body(user.email) }),
        auth.call('POST', path, { body: body(newAddress()) }),
      ])
      expect([unknown.status, unknown.text]).toEqual([known.status, known.text])
    }
  })
  test('refusing an unknown user takes as long as refusing a wrong password', async () => {
    const user: Json = await signedIn(auth)
    const time = async (email: string) => {
      const begin = performance.now()
      await auth.call('POST', '/token?grant_type=password', { body: { email, password: 'not-it' } })
      return performance.now() - begin
    }
    const median = (list: number[]) => list.sort((a, b) => a - b)[list.length >> 1]!
    const known: number[] = []
    const unknown: number[] = []
    for (let i = 0; i < 9; i++) {
      known.push(await time(user.email))
      unknown.push(await time(newAddress()))
    }
    expect(median(unknown)).toBeGreaterThan(median(known) * 0.5)
  })
  test('links go where the service was told, whatever the Host header says', async () => {
    const email = newAddress()
    await auth.call('POST', '/signup', {
      body: { email, password: 'Some-pass-1' },
      headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
    })
    expect((await letterTo(email)).link).toMatch(/^http:\/\/auth\.test\/verify\?token=/)
  })
})
