// Bad days of Auth: mail servers that refuse or say nothing, a database that is gone, requests that are not meant well.
import type { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { refusingSmtp, silentSmtp } from '../fakes/smtp.ts'
import { startAuthDatabase } from '../support/auth-database.ts'
import { JWT_SECRET, newAddress, rowsOf, sign, signedIn, startAuth } from '../support/auth-service.ts'
import type { TestPostgres } from '../support/postgres.ts'
import { createSchemas } from '../support/roles.ts'

let server: TestPostgres
let sql: Client
beforeAll(async () => {
  ;({ server, sql } = await startAuthDatabase('faults'))
})
afterAll(async () => server?.[Symbol.asyncDispose]())
const start = (variables: Record<string, string> = {}) => startAuth(server, 'faults', variables)
const smtp = (port: number) => ({ GOTRUE_SMTP_HOST: '127.0.0.1', GOTRUE_SMTP_PORT: String(port), GOTRUE_SMTP_ADMIN_EMAIL: 'a@kit.example' })

test('a mail that the server refuses fails the sign-up, and nothing of it stays', async () => {
  await using fake = await refusingSmtp()
  await using auth = await start(smtp(fake.port))
  const email = newAddress()
  const reply = await auth.call('POST', '/signup', { body: { email, password: 'Some-pass-1' } })
  expect(reply).toMatchObject({ status: 500, json: { error_code: 'unexpected_failure', msg: 'Error sending confirmation email' } })
  expect(await rowsOf(sql, 'select 1 from auth.users where email = $1', [email])).toEqual([])
  const user = await signedIn(auth)
  expect((await auth.call('POST', '/recover', { body: { email: user.email } })).json.msg).toBe('Error sending recovery email')
  expect(await rowsOf(sql, 'select 1 from auth.one_time_tokens where user_id = $1', [user.id])).toEqual([])
})

test('a mail server that is silent costs a bounded time', async () => {
  await using fake = await silentSmtp()
  await using auth = await start(smtp(fake.port))
  const begin = performance.now()
  expect((await auth.call('POST', '/signup', { body: { email: newAddress(), password: 'Some-pass-1' } })).status).toBe(500)
  expect(performance.now() - begin).toBeLessThan(11_000)
  expect(fake.connections()).toBeGreaterThan(0)
})

test('a mail server that is silent holds no connection of the database', async () => {
  await using fake = await silentSmtp()
  await using auth = await start({ ...smtp(fake.port), GOTRUE_DB_MAX_POOL_SIZE: '1' })
  const user = await signedIn(auth)
  const waiting = auth.call('POST', '/recover', { body: { email: user.email } })
  await expect.poll(() => fake.connections(), { timeout: 20_000 }).toBeGreaterThan(0)
  const order: string[] = []
  await Promise.all([
    waiting.then(() => order.push('mail')),
    auth.call('GET', '/user', { token: user.access_token }).then(({ status }) => order.push(`user ${status}`)),
  ])
  expect(order).toEqual(['user 200', 'mail'])
})

test('the link before is good again when the next one could not be sent, and the next may be asked for at once', async () => {
  await using fake = await refusingSmtp()
  await using quiet = await start({ GOTRUE_SMTP_MAX_FREQUENCY: '1h' })
  await using auth = await start({ ...smtp(fake.port), GOTRUE_SMTP_MAX_FREQUENCY: '1h' })
  const user = await signedIn(auth)
  const link = await auth.admin('POST', '/admin/generate_link', { type: 'recovery', email: user.email })
  await sql.query('update auth.users set recovery_sent_at = null where id = $1', [user.id])
  for (let i = 0; i < 2; i++)
    expect((await auth.call('POST', '/recover', { body: { email: user.email } })).json.msg).toBe('Error sending recovery email')
  await sql.query('update auth.users set recovery_sent_at = now() where id = $1', [user.id])
  const token_hash = link.json.hashed_token
  expect((await quiet.call('POST', '/verify', { body: { type: 'recovery', token_hash } })).status).toBe(200)
})

test('a new account that could not be taken back can be signed up again', async () => {
  await using fake = await refusingSmtp()
  await using auth = await start(smtp(fake.port))
  await sql.query('create table public.pinned (id uuid references auth.users)')
  await sql.query(
    `create function public.pin() returns trigger language plpgsql security definer as $$ begin insert into public.pinned values (new.id); return null; end $$`,
  )
  await sql.query('create trigger pin after insert on auth.users for each row execute function public.pin()')
  const email = newAddress()
  try {
    for (let i = 0; i < 2; i++)
      expect((await auth.call('POST', '/signup', { body: { email, password: 'Some-pass-1' } })).json.msg).toBe(
        'Error sending confirmation email',
      )
  } finally {
    await sql.query('drop trigger pin on auth.users; drop function public.pin; drop table public.pinned')
  }
  await using quiet = await start()
  expect((await quiet.call('POST', '/signup', { body: { email, password: 'Some-pass-1' } })).status).toBe(200)
})

test('mails in the background do not hold the request up, nor lose it', async () => {
  await using fake = await silentSmtp()
  await using auth = await start({ ...smtp(fake.port), GOTRUE_MAILER_EMAIL_BACKGROUND_SENDING: 'true' })
  expect((await auth.call('POST', '/signup', { body: { email: newAddress(), password: 'Some-pass-1' } })).status).toBe(200)
})

test('without a mail server requests succeed', async () => {
  await using auth = await start()
  expect((await auth.call('POST', '/signup', { body: { email: newAddress(), password: 'Some-pass-1' } })).status).toBe(200)
})

test('connections that break are replaced', async () => {
  await using auth = await start()
  const user = await signedIn(auth)
  await sql.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'plinth auth' and datname = 'faults'")
  await expect.poll(async () => (await auth.call('GET', '/user', { token: user.access_token })).status, { timeout: 10_000 }).toBe(200)
})

test('a service without its database does not start, and says why', async () => {
  await expect(startAuth(server, 'nowhere')).rejects.toThrow('nowhere')
})

test('a hook with a wrong URI stops the start', async () => {
  const hook = { GOTRUE_HOOK_SEND_EMAIL_ENABLED: 'true', GOTRUE_HOOK_SEND_EMAIL_URI: 'http://evil.example/' }
  await expect(start(hook)).rejects.toThrow('GOTRUE_HOOK_SEND_EMAIL_URI')
})

test('the tables may live in another schema', async () => {
  await server.database('elsewhere')
  const admin = await server.connect('supabase_admin', 'elsewhere')
  await createSchemas(admin)
  await admin.query('create schema "Log in" authorization supabase_auth_admin')
  await using auth = await startAuth(server, 'elsewhere', { GOTRUE_DB_NAMESPACE: 'Log in' })
  const user = await signedIn(auth)
  expect((await auth.call('GET', '/user', { token: user.access_token })).status).toBe(200)
  expect(await rowsOf(admin, 'select email from "Log in".users')).toEqual([{ email: user.email }])
  expect(await rowsOf(admin, "select to_regclass('auth.users') as found")).toEqual([{ found: null }])
})

test('two instances on a fresh database both start', async () => {
  await server.database('twins')
  await createSchemasOf('twins')
  const [one, two] = await Promise.all([startAuth(server, 'twins'), startAuth(server, 'twins')])
  await using _one = one
  await using _two = two
  const user = await signedIn(one)
  expect((await two.call('GET', '/user', { token: user.access_token })).status).toBe(200)
})
const createSchemasOf = async (name: string) => createSchemas(await server.connect('supabase_admin', name))

test.each([
  ['a body that is no JSON', 'POST', '/signup', '{', 400, 'bad_json'],
  ['a body of the wrong kind', 'POST', '/signup', '[]', 400, 'bad_json'],
  ['a body over one MiB', 'POST', '/signup', JSON.stringify({ email: 'x'.repeat(1_100_000) }), 413, 'request_entity_too_large'],
  ['a NUL in the data', 'POST', '/signup', JSON.stringify({ data: { x: '\u0000' } }), 500, 'unexpected_failure'],
  ['a prototype in the data', 'POST', '/signup', '{"data":{"__proto__":{"admin":true}}}', 200, undefined],
  [
    'SQL in an address',
    'POST',
    '/recover',
    JSON.stringify({ email: "x'; drop table auth.users; --@kit.example" }),
    400,
    'validation_failed',
  ],
  ['a token that is no text', 'POST', '/token?grant_type=refresh_token', '{"refresh_token":{"$ne":""}}', 400, 'bad_json'],
  ['a grant of the prototype', 'POST', '/token?grant_type=constructor', '{}', 400, 'invalid_credentials'],
  ['a verify type of the prototype', 'POST', '/verify', '{"type":"constructor","token_hash":"x"}', 400, 'validation_failed'],
])('%s', async (_name, method, path, body, status, code) => {
  await using auth = await start()
  const reply = await auth.call(method, path, { body })
  expect([reply.status, reply.json?.error_code]).toEqual([status, code])
})

test('an empty password is a weak one, for users and administrators', async () => {
  await using auth = await start()
  const user = await signedIn(auth)
  for (const reply of [
    await auth.call('PUT', '/user', { token: user.access_token, body: { password: '' } }),
    await auth.admin('PUT', `/admin/users/${user.id}`, { password: '' }),
  ])
    expect(reply).toMatchObject({ status: 422, json: { error_code: 'weak_password', weak_password: { reasons: ['length'] } } })
})

test('tokens of other algorithms, other keys and no signature are refused', async () => {
  await using auth = await start()
  const user = await signedIn(auth)
  const claims = JSON.parse(Buffer.from(user.access_token.split('.')[1], 'base64url').toString())
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${user.access_token.split('.')[1]}.`
  for (const token of [
    none,
    sign(claims, 'another-secret-another-secret-another'),
    sign(claims, JWT_SECRET, { alg: 'HS512' }),
    `${user.access_token}x`,
    'x',
  ])
    expect((await auth.call('GET', '/user', { token })).json).toMatchObject({ code: 403, error_code: 'bad_jwt' })
  expect((await auth.call('GET', '/admin/users', { token: user.access_token })).json.error_code).toBe('not_admin')
})
