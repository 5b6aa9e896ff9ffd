// Auth while it runs: a new configuration without a restart, and what it tells Prometheus.
import type { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentSmtp } from '../fakes/smtp.ts'
import { startAuthDatabase } from '../support/auth-database.ts'
import { newAddress, rowsOf, signedIn, startAuth } from '../support/auth-service.ts'
import type { TestPostgres } from '../support/postgres.ts'

let server: TestPostgres
let sql: Client
beforeAll(async () => {
  ;({ server, sql } = await startAuthDatabase('operation'))
})
afterAll(async () => server?.[Symbol.asyncDispose]())

const signUp = () => ({ body: { email: newAddress(), password: 'Some-pass-1' } })

test('a new configuration holds for the next request, and counts go on', async () => {
  const limited = { GOTRUE_RATE_LIMIT_HEADER: 'X-Client', GOTRUE_RATE_LIMIT_OTP: '0.001' }
  await using auth = await startAuth(server, 'operation', limited)
  const headers = { 'x-client': 'someone' }
  const user = await signedIn(auth)
  for (let i = 0; i < 30; i++) await auth.call('POST', '/recover', { body: { email: 'nobody@kit.example' }, headers })
  await auth.reload({ GOTRUE_DISABLE_SIGNUP: 'true' })
  expect((await auth.call('GET', '/settings')).json.disable_signup).toBe(true)
  expect((await auth.call('POST', '/signup', signUp())).json.error_code).toBe('signup_disabled')
  expect((await auth.call('GET', '/user', { token: user.access_token })).status).toBe(200)
  expect((await auth.call('POST', '/recover', { body: { email: 'nobody@kit.example' }, headers })).status).toBe(429)
})

test('a configuration that cannot be used leaves the one before', async () => {
  await using auth = await startAuth(server, 'operation')
  await expect(auth.reload({ GOTRUE_HOOK_SEND_EMAIL_ENABLED: 'true', GOTRUE_HOOK_SEND_EMAIL_URI: 'http://evil.example/' })).rejects.toThrow(
    'GOTRUE_HOOK_SEND_EMAIL_URI',
  )
  expect((await auth.call('POST', '/signup', signUp())).status).toBe(200)
})

test('a request that is on its way is finished under the configuration it came under', async () => {
  await using fake = await silentSmtp()
  await using auth = await startAuth(server, 'operation', {
    GOTRUE_SMTP_HOST: '127.0.0.1',
    GOTRUE_SMTP_PORT: String(fake.port),
    GOTRUE_SMTP_ADMIN_EMAIL: 'a@kit.example',
    GOTRUE_API_MAX_REQUEST_DURATION: '2s',
  })
  const waiting = auth.call('POST', '/signup', signUp())
  await expect.poll(() => fake.connections(), { timeout: 20_000 }).toBeGreaterThan(0)
  await auth.reload({ GOTRUE_SMTP_HOST: '', GOTRUE_DISABLE_SIGNUP: 'true' })
  expect((await auth.call('GET', '/settings')).json.disable_signup).toBe(true)
  expect((await waiting).json.error_code).toBe('request_timeout')
})

test('Prometheus is told what was answered, by route and never by path', async () => {
  await using auth = await startAuth(server, 'operation', { GOTRUE_METRICS_ENABLED: 'true', GOTRUE_METRICS_EXPORTER: 'prometheus' })
  const user = await signedIn(auth)
  await auth.admin('GET', `/admin/users/${user.id}`)
  await auth.call('GET', '/user')
  await auth.call('POST', '/signup', signUp())
  const page = await auth.endpoint(9100, '/metrics')
  for (const line of [
    'gotrue_running 1',
    'http_status_codes_total{code="200",http_route="/admin/users/:user_id"} 1',
    'http_status_codes_total{code="401",http_route="/user"} 1',
    'global_auth_errors_total{type="api",error="no_authorization"} 1',
    'gotrue_compare_hash_and_password_completed_total 1',
    'global_auth_email_send_operations_total 1',
  ])
    expect(page).toContain(`${line}\n`)
  expect(page).not.toContain(user.id)
})

test('indexes for searches are built where they are asked for, also over the remains of an earlier attempt', async () => {
  const valid = async () =>
    (
      await rowsOf(
        sql,
        `select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
         where i.indisvalid and c.relname in ('idx_users_email', 'idx_users_created_at_desc', 'idx_users_last_sign_in_at_desc', 'idx_users_name')`,
      )
    ).length
  {
    await using _none = await startAuth(server, 'operation')
    expect(await valid()).toBe(0)
  }
  {
    await using _few = await startAuth(server, 'operation', { GOTRUE_INDEX_WORKER_MAX_USERS_THRESHOLD: '100000' })
    await expect.poll(valid, { timeout: 20_000 }).toBe(4)
  }
  await sql.query(`update pg_index set indisvalid = false where indexrelid = 'auth.idx_users_name'::regclass`)
  await using _all = await startAuth(server, 'operation', { GOTRUE_INDEX_WORKER_ENSURE_USER_SEARCH_INDEXES_EXIST: 'true' })
  await expect.poll(valid, { timeout: 20_000 }).toBe(4)
})
