// Bad days of REST's database: it restarts under load, an administrator ends connections, the pool is exhausted, the login is refused.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startRest } from '../rest/harness.ts'
import { runRest } from '../rest/program.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'

let postgres: TestPostgres
beforeAll(async () => {
  postgres = await startPostgres()
  const admin = await postgres.connect()
  await admin.query(readFileSync(new URL('../rest/schema.sql', import.meta.url), 'utf8'))
  await admin.query(`create role nameless login noinherit; grant web_anon to nameless`)
})
afterAll(async () => postgres?.[Symbol.asyncDispose]())

const healthy = (rest: { health(): Promise<unknown> }): Promise<void> =>
  expect
    .poll(
      () =>
        rest.health().then(
          () => true,
          () => false,
        ),
      { timeout: 10_000 },
    )
    .toBe(true)

/** Whether the answer is one that a client may meet on such a day. */
const isExpected = ({ status, json, headers }: { status: number; json: { code?: string }; headers: Headers }): boolean =>
  status === 200 || (status === 503 && /^(PGRST00[0-2]|57P0[1-3])$/.test(String(json?.code)) && headers.get('retry-after') !== null)

test('Postgres restarts under load: 503 meanwhile, then service and reloads go on by themselves', async () => {
  await using rest = await startRest(postgres.url('authenticator'))
  await healthy(rest)
  const seen = new Map<number, number>()
  const strange: unknown[] = []
  let loading = true
  const load = Array.from({ length: 8 }, async () => {
    while (loading) {
      const answer = await rest.call('GET', '/clients?select=id&order=id&limit=1')
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1)
      if (!isExpected(answer)) strange.push([answer.status, answer.text])
    }
  })
  await expect.poll(() => seen.get(200) ?? 0, { timeout: 10_000 }).toBeGreaterThan(50)
  await postgres.halt()
  await expect.poll(() => seen.get(503) ?? 0, { timeout: 10_000 }).toBeGreaterThan(5)
  expect((await fetch(`${rest.admin}/ready`)).status).toBe(503)
  expect((await fetch(`${rest.admin}/live`)).status).toBe(200)
  await postgres.resume()
  const before = seen.get(200)!
  await expect.poll(() => seen.get(200) ?? 0, { timeout: 15_000 }).toBeGreaterThan(before + 50)
  loading = false
  await Promise.all(load)
  expect(strange).toEqual([])
  await expect.poll(async () => (await fetch(`${rest.admin}/ready`)).status, { timeout: 20_000 }).toBe(200)
  const admin = await postgres.connect()
  await admin.query('create view api.after_restart as select 1 as id; grant select on api.after_restart to web_anon; notify pgrst')
  await expect.poll(async () => (await rest.call('GET', '/after_restart')).status, { timeout: 10_000 }).toBe(200)
})

test('connections that an administrator ends, the listening one too, are made again', async () => {
  await using rest = await startRest(postgres.url('authenticator'), { PGRST_DB_POOL: '3' })
  await expect.poll(async () => (await fetch(`${rest.admin}/ready`)).status, { timeout: 10_000 }).toBe(200)
  const admin = await postgres.connect()
  const running = Array.from({ length: 3 }, () => rest.call('POST', '/rpc/nap', { body: { seconds: 30 } }))
  const sessions = async (more = '') =>
    (await admin.query(`select pid from pg_stat_activity where usename = 'authenticator' ${more}`)).rowCount
  await expect.poll(() => sessions("and wait_event = 'PgSleep'"), { timeout: 10_000 }).toBe(3)
  await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'")
  for (const { status, json, headers } of await Promise.all(running))
    expect([status, json.code, headers.get('retry-after')]).toEqual([503, '57P01', '1'])
  expect((await rest.call('GET', '/clients?select=id&id=eq.1')).json).toEqual([{ id: 1 }])
  // What changed while nobody listened is known, and so is what changes from now on.
  await admin.query('create view api.unheard as select 1 as id; grant select on api.unheard to web_anon')
  await expect.poll(() => sessions("and query ilike 'listen%'"), { timeout: 10_000 }).toBe(1)
  await admin.query('notify pgrst')
  await expect.poll(async () => (await rest.call('GET', '/unheard')).status, { timeout: 10_000 }).toBe(200)
})

test('a request waits for a connection as long as it may, then 504; nothing else waits with it', async () => {
  await using rest = await startRest(postgres.url('authenticator'), { PGRST_DB_POOL: '1', PGRST_DB_POOL_ACQUISITION_TIMEOUT: '1' })
  await healthy(rest)
  const admin = await postgres.connect()
  const away = new AbortController()
  const nap = rest.call('POST', '/rpc/nap', { body: { seconds: 60 }, signal: away.signal }).catch(() => undefined)
  // Only behind a request that has run for less than 20 ms another one may be sent on the same connection.
  const naps = async () =>
    (
      await admin.query(
        "select from pg_stat_activity where usename = 'authenticator' and wait_event = 'PgSleep' and clock_timestamp() - query_start > '100 ms'",
      )
    ).rowCount
  await expect.poll(naps, { timeout: 10_000 }).toBe(1)
  const waiting = rest.call('GET', '/clients')
  // What the database is not needed for is answered all the same.
  for (const [method, path, status] of [
    ['OPTIONS', '/clients', 200],
    ['GET', '/a/b', 404],
    ['PATCH', '/rpc/add', 405],
    ['GET', '/clients?select=*,nothing(*)', 400],
  ] as const)
    expect([path, (await rest.call(method, path)).status]).toEqual([path, status])
  const bad = await rest.call('GET', '/clients', { headers: { authorization: 'Bearer a.b.c' } })
  expect(bad.status).toBe(401)
  const late = await waiting
  expect([late.status, late.json]).toEqual([
    504,
    { code: 'PGRST003', details: null, hint: null, message: 'Timed out acquiring connection from connection pool.' },
  ])
  expect(await (await fetch(`${rest.admin}/metrics`)).text()).toMatch(/^pgrst_db_pool_timeouts_total 1$/m)
  away.abort()
  await nap
  await expect.poll(async () => (await rest.call('GET', '/clients?select=id&id=eq.1')).status, { timeout: 10_000 }).toBe(200)
})

test('connections are given back when they were idle for long, and replaced when they are old', async () => {
  const admin = await postgres.connect()
  const pids = async () =>
    (await admin.query("select pid from pg_stat_activity where usename = 'nameless' and query not ilike 'listen%'")).rows.map(
      ({ pid }) => pid,
    )
  {
    await using rest = await startRest(postgres.url('nameless'), { PGRST_DB_POOL_MAX_IDLETIME: '1', PGRST_DB_CHANNEL_ENABLED: 'false' })
    await expect.poll(async () => (await rest.call('GET', '/clients')).status, { timeout: 10_000 }).toBe(200)
    expect((await pids()).length).toBeGreaterThan(0)
    await expect.poll(async () => (await pids()).length, { timeout: 15_000 }).toBe(0)
    expect((await rest.call('GET', '/clients')).status).toBe(200)
  }
  await using rest = await startRest(postgres.url('nameless'), {
    PGRST_DB_POOL: '1',
    PGRST_DB_POOL_MAX_LIFETIME: '1',
    PGRST_DB_CHANNEL_ENABLED: 'false',
  })
  await expect.poll(async () => (await rest.call('GET', '/clients')).status, { timeout: 10_000 }).toBe(200)
  const [first] = await pids()
  await expect
    .poll(
      async () => {
        expect((await rest.call('GET', '/clients')).status).toBe(200)
        return (await pids())[0]
      },
      { timeout: 15_000 },
    )
    .not.toBe(first)
})

test('a login that is refused, and a lost database where recovery is off, end the program', async () => {
  const admin = await postgres.connect()
  const { port } = new URL(postgres.url())
  const variables = { PGRST_DB_SCHEMAS: 'api', PGRST_DB_ANON_ROLE: 'web_anon', PGRST_DB_POOL_AUTOMATIC_RECOVERY: 'false' }
  await using away = runRest([], { ...variables, PGRST_DB_URI: `postgresql://authenticator@127.0.0.1:${port}/not_there` })
  expect(await away.ended).toBe(1)
  expect(away.err()).toContain('Automatic recovery disabled, exiting.')
  await using cut = runRest([], { ...variables, PGRST_DB_URI: postgres.url('nameless') })
  await cut.url()
  await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'nameless'")
  expect(await cut.ended).toBe(1)
})

test('many requests see nothing of reloads of the schema', async () => {
  await using rest = await startRest(postgres.url('authenticator'), { PGRST_DB_POOL: '2' })
  await healthy(rest)
  const admin = await postgres.connect()
  const statuses = new Set<number>()
  let loading = true
  const load = Array.from({ length: 8 }, async () => {
    while (loading) statuses.add((await rest.call('GET', '/clients?select=name,projects(name)&limit=2')).status)
  })
  const loads = async () => Number(/SUCCESS"} (\d+)/.exec(await (await fetch(`${rest.admin}/metrics`)).text())?.[1])
  const before = await loads()
  for (let turn = 1; turn <= 10; turn++) {
    await admin.query('notify pgrst')
    await expect.poll(loads, { timeout: 10_000 }).toBeGreaterThanOrEqual(before + turn)
  }
  loading = false
  await Promise.all(load)
  expect([...statuses]).toEqual([200])
})
