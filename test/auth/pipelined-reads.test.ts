// What is read on pipelined connections is what the pool reads, and where those cannot be used the pool is asked.
import type { Client } from 'pg'
import { DatabaseError } from 'pg-protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../src/log/log.ts'
import { Executor, StatementError } from '../../src/pg/executor.ts'
import { openPool } from '../../src/pg/pool.ts'
import { pipelinedConnection } from '../../src/pg/pool-connection.ts'
import { findCaller } from '../../src/services/auth/tables/caller.ts'
import { Database } from '../../src/services/auth/tables/database.ts'
import { startAuthDatabase } from '../support/auth-database.ts'
import { claimsOf, type Json, signedIn, startAuth, type TestAuth } from '../support/auth-service.ts'
import type { TestPostgres } from '../support/postgres.ts'

const NOBODY = '00000000-0000-4000-8000-000000000000'
let server: TestPostgres
let admin: Client
let auth: TestAuth
let pool: ReturnType<typeof openPool>
let pipeline: Executor
let user: Json
let session: string
beforeAll(async () => {
  ;({ server, sql: admin } = await startAuthDatabase('reads', { track_activity_query_size: '8kB' }))
  auth = await startAuth(server, 'reads', { GOTRUE_MFA_TOTP_ENROLL_ENABLED: 'true' })
  user = await signedIn(auth, { phone: '15550001', user_metadata: { name: 'Zoë "Z"' }, ban_duration: 'none' })
  await auth.call('POST', '/factors', { token: user.access_token, body: { factor_type: 'totp', friendly_name: 'app' } })
  await auth.call('POST', '/token?grant_type=refresh_token', { body: { refresh_token: user.refresh_token } })
  session = claimsOf(user.access_token).session_id
  await admin.query(`update auth.users set banned_until = '2999-01-01', invited_at = '1999-12-31 23:59:59.123456+05:30' where id = $1`, [
    user.id,
  ])
  await admin.query(`update auth.sessions set tag = 't', refresh_token_counter = 7, not_after = now() + interval '1 day' where id = $1`, [
    session,
  ])
  const url = server.url('supabase_auth_admin', 'reads')
  pool = openPool({ connectionString: url, max: 2, applicationName: 'test', log: silentLog })
  pipeline = new Executor({ connection: pipelinedConnection(url, 'test')!, max: 1 })
})
afterAll(async () => {
  await pipeline?.close()
  await pool?.end()
  await auth?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

type Ids = readonly [string, string | undefined]
const both = async (userId: string, sessionId: string | undefined) => [
  await findCaller(new Database(pool, 'auth', silentLog, pipeline), userId, sessionId),
  await findCaller(new Database(pool, 'auth', silentLog), userId, sessionId),
]

test('a user with identities, factors and a session is the same by either way', async () => {
  const [pipelined, pooled] = await both(user.id, session)
  expect(pooled!.user).toMatchObject({ phone: '15550001', factors: [{ friendly_name: 'app' }], identities: [{}, {}] })
  expect(pooled!.session).toMatchObject({ id: session, tag: 't', refresh_token_counter: 7, amr: [{ method: 'password' }] })
  expect(pipelined).toEqual(pooled)
})

test.each([
  ['no session is asked for', (): Ids => [user.id, undefined]],
  ['the session is not there', (): Ids => [user.id, NOBODY]],
  ['the user is not there', (): Ids => [NOBODY, undefined]],
])('%s', async (_name, ids) => {
  const [pipelined, pooled] = await both(...ids())
  expect(pipelined).toEqual(pooled)
  expect(pipelined!.session).toBeUndefined()
})

test('a pooler that forgets prepared statements is noticed once, and the pool is asked from then on', async () => {
  let asked = 0
  const forgetful = {
    run: () => {
      asked++
      return Promise.reject(new StatementError(Object.assign(new DatabaseError('unknown statement', 1, 'error'), { code: '26000' }), 0))
    },
  } as unknown as Executor
  const database = new Database(pool, 'auth', silentLog, forgetful)
  for (let i = 0; i < 2; i++) expect((await findCaller(database, user.id, session)).session?.id).toBe(session)
  expect(asked).toBe(1)
})

test('the service reads its callers so', async () => {
  expect((await auth.call('GET', '/user', { token: user.access_token })).status).toBe(403) // banned
  const other = await signedIn(auth)
  expect((await auth.call('GET', '/user', { token: other.access_token })).json.id).toBe(other.id)
  const { rows } = await admin.query(
    `select count(*)::int as n from pg_stat_activity where application_name = 'plinth auth' and query like '%left join auth.sessions%'`,
  )
  expect(rows[0].n).toBeGreaterThan(0)
})
