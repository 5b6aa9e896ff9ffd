// `plinth serve rest` in the place of PostgREST: its file, flags, sockets, signals, log lines, settings in the database, admin server.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { SECRET, token } from './harness.ts'
import { runRest } from './program.ts'

const folder = mkdtempSync(join(tmpdir(), 'plinth-rest-alone-'))
let postgres: TestPostgres
let admin: pg.Client

beforeAll(async () => {
  postgres = await startPostgres()
  admin = await postgres.connect()
  await admin.query(readFileSync(new URL('./schema.sql', import.meta.url), 'utf8'))
  await admin.query(`create schema other; grant usage on schema other to web_anon; create table other.things as select 1 as id;
    grant select on other.things to web_anon;
    create function api.setting(name text) returns text language sql stable as 'select current_setting(name, true)'`)
})
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const base = () => ({
  PGRST_DB_URI: postgres.url('authenticator'),
  PGRST_DB_SCHEMAS: 'api',
  PGRST_DB_ANON_ROLE: 'web_anon',
})
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const json = async (url: string, init?: RequestInit) => (await fetch(url, init)).json()

test('--version, --example, --dump-config and --dump-schema print and end', async () => {
  await using version = runRest(['--version'])
  expect([await version.ended, version.out()]).toEqual([0, 'PostgREST 16.2\n'])
  await using example = runRest(['-e'])
  expect(await example.ended).toBe(0)
  const path = file('example.conf', example.out())
  await using dump = runRest([path, '--dump-config'], { PGRST_DB_CONFIG: 'false', PGRST_SERVER_PORT: '3000', PGRST_SERVER_HOST: '!4' })
  expect(await dump.ended).toBe(0)
  const lines = dump.out().trimEnd().split('\n')
  expect(lines).toEqual([...lines].sort())
  expect(lines).toContain('jwt-role-claim-key = "$$.role"')
  expect(lines).toHaveLength(45)
  await using schema = runRest(['--dump-schema'], base())
  expect([await schema.ended, schema.err()]).toEqual([0, ''])
  const cache = JSON.parse(schema.out())
  expect(Object.keys(cache)).toEqual(['dbTables', 'dbRelationships', 'dbRoutines', 'dbRepresentations', 'dbMediaHandlers'])
  expect(cache.dbTables).toContainEqual([{ qiName: 'clients', qiSchema: 'api' }, expect.objectContaining({ primaryKey: ['id'] })])
})

test('the settings in the database are dumped over file and environment; without a database those two', async () => {
  await admin.query(`create role configured login; grant web_anon to configured;
    alter role configured set pgrst.db_max_rows = '500';
    alter role configured set pgrst.db_extra_search_path = 'a, b';
    alter role configured in database postgres set pgrst.db_extra_search_path = 'c';
    alter role configured set pgrst.admin_server_port = 'ignored';
    alter role configured set pgrst.not_existing = 'ignored';
    alter role configured set pgrst.db_pre_config = 'api.preconf';
    alter role configured set pgrst.db_schemas = 'api';
    create function api.preconf() returns void language sql as
      $$ select set_config('pgrst.db_schemas', 'never', true), set_config('pgrst.db_tx_end', 'rollback', true) $$;
    grant usage on schema api to configured`)
  const path = file('all.conf', 'db-max-rows = 1\ndb-schemas = "file"\njwt-aud = "file"\n')
  await using dump = runRest(['--dump-config', path], { PGRST_DB_URI: postgres.url('configured'), PGRST_JWT_AUD: 'env' })
  expect(await dump.ended).toBe(0)
  for (const line of [
    'db-max-rows = 500',
    'db-extra-search-path = "c"',
    'db-pre-config = "api.preconf"',
    'db-schemas = "api"',
    'db-tx-end = "rollback"',
    'jwt-aud = "env"',
  ])
    expect(dump.out().split('\n')).toContain(line)
  await using away = runRest(['--dump-config', path], { PGRST_DB_URI: 'host=127.0.0.1 port=1' })
  expect(await away.ended).toBe(0)
  expect(away.out()).toContain('db-max-rows = 1\n')
  expect(away.err()).toContain('Failed to query database settings for the config parameters.')
})

test.each([
  [['does_not_exist.conf'], {}, 'cannot be read (ENOENT)'],
  [['--dump-config'], { PGRST_LOG_LEVEL: 'never', PGRST_DB_TX_END: 'random' }, '2 variables to mend'],
  [['--dump-config'], { PGRST_JWT_SECRET: 'short' }, 'at least 32 characters'],
  [['--ready'], {}, 'Admin server is not running'],
  [['--ready'], { PGRST_ADMIN_SERVER_PORT: '1', PGRST_SERVER_HOST: '*4' }, 'configured as "*4"'],
  [['--ready'], { PGRST_ADMIN_SERVER_PORT: '1', PGRST_SERVER_HOST: '::1' }, 'ERROR: connection refused to http://[::1]:1/ready'],
  [['--dump-schema'], { PGRST_DB_URI: 'postgresql://127.0.0.1:1/x' }, 'An error occurred when loading the schema cache'],
  [[], { PGRST_DB_URI: 'postgresql://h:port/x' }, 'PGRST_DB_URI'],
])('%j with %j is refused', async (args, variables, words) => {
  await using program = runRest(args, variables)
  expect(await program.ended).toBe(1)
  expect(program.err()).toContain(words)
})

test('file and secret file are read again at SIGUSR2, the schema at SIGUSR1', async () => {
  const secret = file('secret', 'x'.repeat(40))
  const path = file(
    'reload.conf',
    `jwt-secret = "@${secret}"\ndb-max-rows = 1\nlog-level = "crit"\napp.settings.name = "John"\ndb-config = false\n`,
  )
  await using program = runRest([path], base())
  const url = await program.url()
  const headers = { authorization: `Bearer ${await token({ role: 'web_user' })}` }
  expect((await fetch(`${url}/clients`, { headers })).status).toBe(401)
  expect(await json(`${url}/rpc/setting?name=app.settings.name`)).toBe('John')
  expect(await json(`${url}/clients?select=id`)).toHaveLength(1)

  writeFileSync(secret, `${SECRET}\n`)
  program.kill('SIGUSR1')
  await program.said('Schema cache loaded', 2)
  expect((await fetch(`${url}/clients`, { headers })).status).toBe(401)

  writeFileSync(path, readFileSync(path, 'utf8').replace('John', 'Jane').replace('max-rows = 1', 'max-rows = 2').replace('crit', 'info'))
  program.kill('SIGUSR2')
  await program.said('Config reloaded')
  expect((await fetch(`${url}/clients`, { headers })).status).toBe(200)
  expect(await json(`${url}/rpc/setting?name=app.settings.name`)).toBe('Jane')
  expect(await json(`${url}/clients?select=id`)).toHaveLength(2)
  await expect.poll(program.out).toContain('"GET /clients?select=id HTTP/1.1" 200 ')

  writeFileSync(path, 'db-tx-end = "never"\n')
  program.kill('SIGUSR2')
  await program.said('Failed reloading config: ')
  expect(program.err()).toContain('PGRST_DB_TX_END')
  expect(await json(`${url}/clients?select=id`)).toHaveLength(2)

  program.kill('SIGTERM')
  expect(await program.ended).toBe(0)
})

test('NOTIFY reads settings, roles and schema again; running requests do not notice', async () => {
  await admin.query('create role notified login noinherit; grant web_anon, web_user to notified')
  await using program = runRest([], { ...base(), PGRST_DB_URI: postgres.url('notified'), PGRST_JWT_SECRET: SECRET })
  const url = await program.url()
  const slow = fetch(`${url}/rpc/nap`, { method: 'POST', body: '{"seconds": 1}', headers: { 'content-type': 'application/json' } })
  await expect
    .poll(async () => (await admin.query("select from pg_stat_activity where usename = 'notified' and wait_event = 'PgSleep'")).rowCount)
    .toBe(1)
  await admin.query(
    "alter role notified set pgrst.db_schemas = 'other'; alter role web_anon set statement_timeout = '4321ms'; notify pgrst, 'reload config'",
  )
  await program.said('Received a config reload message on the "pgrst" channel')
  await expect.poll(async () => (await fetch(`${url}/things`)).status, { timeout: 10_000 }).toBe(200)
  expect((await slow).status).toBe(204)
  await admin.query("alter role notified reset pgrst.db_schemas; notify pgrst, 'reload config'; notify pgrst, 'something else'")
  await expect.poll(() => json(`${url}/rpc/setting?name=statement_timeout`), { timeout: 10_000 }).toBe('4321ms')
  await admin.query('create view api.fresh as select 1 as id; grant select on api.fresh to web_anon; notify pgrst')
  await expect.poll(async () => (await fetch(`${url}/fresh`)).status, { timeout: 10_000 }).toBe(200)

  const before = program.err().split('Config reloaded').length
  await admin.query("alter role notified set pgrst.jwt_role_claim_key = 'test'; notify pgrst, 'reload config'")
  await program.said('failed to parse role-claim-key value (test)')
  expect(program.err().split('Config reloaded')).toHaveLength(before)
  expect((await fetch(`${url}/fresh`)).status).toBe(200)
  await admin.query('alter role web_anon reset statement_timeout')
})

test('a schema that is not there is told and waited for', async () => {
  await using program = runRest([], { ...base(), PGRST_DB_SCHEMAS: 'later', PGRST_JWT_SECRET: SECRET })
  const url = await program.url()
  await program.said('Failed to load the schema cache using db-schemas=later and db-extra-search-path=public.')
  const answer = await fetch(`${url}/x`, { headers: { authorization: `Bearer ${await token({ role: 'web_user' })}` } })
  expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([
    503,
    '1',
    '{"code":"PGRST002","details":null,"hint":null,"message":"Could not query the database for the schema cache. Retrying."}',
  ])
  await program.said('"code":"PGRST002"')
  await expect.poll(program.out).toMatch(/^127\.0\.0\.1 - web_user \[.+\] "GET \/x HTTP\/1\.1" 503 \d+ "" "node"$/m)
  await admin.query('create schema later')
  await expect.poll(async () => (await fetch(`${url}/x`)).status, { timeout: 15_000 }).toBe(404)
})

test('sockets of the API and of the admin server have their modes, outlive a dead predecessor, and tell when the API is gone', async () => {
  const api = join(folder, 'api.sock')
  const adminPath = join(folder, 'admin.sock')
  const variables = {
    ...base(),
    PGRST_SERVER_UNIX_SOCKET: api,
    PGRST_SERVER_UNIX_SOCKET_MODE: '777',
    PGRST_ADMIN_SERVER_UNIX_SOCKET: adminPath,
  }
  const get = async (socketPath: string, path: string) => {
    const dispatcher = new Agent({ connect: { socketPath } })
    try {
      const { statusCode, body } = await request(`http://localhost${path}`, { dispatcher })
      return { status: statusCode, text: await body.text() }
    } finally {
      await dispatcher.close()
    }
  }
  {
    await using killed = runRest([], variables)
    await killed.said(`API server listening on ${api}`)
  }
  expect(existsSync(api)).toBe(true)
  await using program = runRest([], variables)
  await program.said(`API server listening on ${api}`)
  expect([statSync(api).mode & 0o777, statSync(adminPath).mode & 0o777]).toEqual([0o777, 0o660])
  expect((await get(api, '/clients?select=id&id=eq.1')).text).toBe('[{"id":1}]')
  await expect.poll(async () => (await get(adminPath, '/ready')).status).toBe(200)
  expect((await get(adminPath, '/live')).status).toBe(200)
  await using ready = runRest(['--ready'], variables)
  expect([await ready.ended, ready.out()]).toEqual([0, `OK: ${adminPath}\n`])
  await using second = runRest([], variables)
  expect(await second.ended).toBe(1)
  expect(second.err()).toContain('is taken by another process')
  unlinkSync(api)
  expect((await get(adminPath, '/live')).status).toBe(500)
  expect((await get(adminPath, '/ready')).status).toBe(500)
  const plain = file('plain', 'x')
  chmodSync(plain, 0o600)
  await using refused = runRest([], { ...variables, PGRST_SERVER_UNIX_SOCKET: plain })
  expect(await refused.ended).toBe(1)
  expect(readFileSync(plain, 'utf8')).toBe('x')
})

test.each(['*', '*4', '!4', '*6', '!6'])('on any address by the word %s', async (host) => {
  await using program = runRest([], { ...base(), PGRST_SERVER_HOST: host, PGRST_ADMIN_SERVER_PORT: '0' })
  await Promise.race([program.said('API server listening on'), program.ended])
  // A machine without IPv6 cannot do what `!6` asks for.
  if (host === '!6' && /EAFNOSUPPORT|EADDRNOTAVAIL/.test(program.err())) return
  const port = /API server listening on \S+:(\d+)/.exec(program.err())![1]
  const reach = (address: string) =>
    fetch(`http://${address}:${port}/clients`).then(
      ({ status }) => status,
      () => 0,
    )
  expect(await reach('127.0.0.1')).toBe(host === '!6' ? 0 : 200)
  const adminPort = /Admin server listening on \S+:(\d+)/.exec(program.err())![1]
  expect((await fetch(`http://${host === '!6' ? '[::1]' : '127.0.0.1'}:${adminPort}/live`)).status).toBe(200)
})

test('the admin server tells states and counts, and its settings only where asked', async () => {
  const variables = { ...base(), PGRST_JWT_SECRET: SECRET, PGRST_JWT_CACHE_MAX_ENTRIES: '1', PGRST_ADMIN_SERVER_HOST: '127.0.0.1' }
  await using program = runRest([], { ...variables, PGRST_ADMIN_SERVER_PORT: '0', PLINTH_REST_ADMIN_CONFIG: 'true' })
  const url = await program.url()
  const adminUrl = await program.admin()
  await expect.poll(async () => (await fetch(`${adminUrl}/ready`)).status).toBe(200)
  for (const sub of ['a', 'a', 'b']) {
    const authorization = `Bearer ${await token({ role: 'web_user', sub, iat: 1 })}`
    expect((await fetch(`${url}/clients`, { headers: { authorization } })).status).toBe(200)
  }
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
  const value = (name: string) => Number(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(metrics)?.[1])
  expect(value('pgrst_jwt_cache_requests_total')).toBe(3)
  expect(value('pgrst_jwt_cache_hits_total')).toBe(1)
  expect(value('pgrst_jwt_cache_evictions_total')).toBe(1)
  expect(value('pgrst_schema_cache_loads_total{status="SUCCESS"}')).toBe(1)
  expect(value('pgrst_db_pool_max')).toBe(10)
  const config = await (await fetch(`${adminUrl}/config`)).text()
  expect(config).toContain('jwt-secret = "[hidden]"')
  expect(config).not.toContain(SECRET)
  expect((await fetch(`${adminUrl}/nothing`)).status).toBe(404)
  await using silent = runRest([], { ...variables, PGRST_ADMIN_SERVER_PORT: '0' })
  expect((await fetch(`${await silent.admin()}/config`)).status).toBe(404)
  await silent.url()
  expect((await json(`${await silent.admin()}/schema_cache`)).dbTables.length).toBeGreaterThan(3)
})

test('what is logged goes by the level, SQL without its values', async () => {
  const log = async (level: string, more: Record<string, string> = {}) => {
    await using program = runRest([], { ...base(), PGRST_LOG_LEVEL: level, ...more })
    const url = await program.url()
    const headers = { authorization: `Bearer ${await token({ role: 'web_user' })}`, 'user-agent': 'a "b"\\' }
    expect((await fetch(`${url}/clients`, { headers })).status).toBe(500) // there is no secret
    expect((await fetch(`${url}/unknown`)).status).toBe(404)
    expect((await fetch(`${url}/clients?name=eq.SECRET`)).status).toBe(200)
    program.kill('SIGTERM')
    expect(await program.ended).toBe(0)
    return { lines: program.out().trimEnd().split('\n').filter(Boolean), err: program.err() }
  }
  expect((await log('crit')).lines).toEqual([])
  const { lines, err } = await log('error', { PGRST_LOG_QUERY: 'true' })
  expect(lines).toEqual([
    expect.stringMatching(
      /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \/clients HTTP\/1\.1" 500 \d+ "" "a \\"b\\"\\\\"$/,
    ),
  ])
  expect(err).toContain('"code":"PGRST300"')
  expect(err).not.toContain('set_config')
  expect((await log('warn')).lines.map((line) => / (\d{3}) \d+ ""/.exec(line)?.[1])).toEqual(['500', '404'])
  const info = await log('info', { PGRST_LOG_QUERY: 'true' })
  expect(info.lines.map((line) => / - (\S+) \[/.exec(line)?.[1])).toEqual(['-', 'web_anon', 'web_anon'])
  expect(info.err).toMatch(/: select set_config\('search_path', \$1, true\)/)
  expect(info.err).toMatch(/"api"\."clients"/)
  expect(info.err).not.toContain('SECRET')
})

test('the connection string comes from standard input, as pairs, and a secret from a file', async () => {
  const { port } = new URL(postgres.url())
  await using program = runRest(
    [],
    { ...base(), PGRST_DB_URI: '@/dev/stdin' },
    `dbname=postgres host=127.0.0.1 port=${port} user=authenticator\n`,
  )
  expect(await json(`${await program.url()}/rpc/setting?name=application_name`)).toBe('PostgREST 16.2')
  await using secret = runRest([], { ...base(), PGRST_JWT_SECRET: '@/dev/stdin' }, SECRET)
  const headers = { authorization: `Bearer ${await token({ role: 'web_user' })}` }
  expect((await fetch(`${await secret.url()}/clients`, { headers })).status).toBe(200)
})

test('a running request ends before the program does', async () => {
  await using program = runRest([], base())
  const url = await program.url()
  const slow = fetch(`${url}/rpc/nap`, { method: 'POST', body: '{"seconds": 2}', headers: { 'content-type': 'application/json' } })
  await expect
    .poll(
      async () => (await admin.query("select from pg_stat_activity where usename = 'authenticator' and wait_event = 'PgSleep'")).rowCount,
    )
    .toBe(1)
  program.kill('SIGTERM')
  expect((await slow).status).toBe(204)
  expect(await program.ended).toBe(0)
})

test('a port is shared between processes where Node can, and refused where it cannot', async () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const variables = { ...base(), PGRST_SERVER_REUSEPORT: 'true' }
  await using first = runRest([], variables)
  if (major < 22 || (major === 22 && minor < 12)) {
    expect(await first.ended).toBe(1)
    expect(first.err()).toContain('PGRST_SERVER_REUSEPORT: expected false')
    return
  }
  const { port } = new URL(await first.url())
  await using second = runRest([], { ...variables, PGRST_SERVER_PORT: port })
  await second.url()
  first.kill('SIGTERM')
  await first.ended
  expect((await fetch(`http://127.0.0.1:${port}/clients`)).status).toBe(200)
})

test('docs/rest.md: what a newcomer does', async () => {
  const page = readFileSync(new URL('../../docs/rest.md', import.meta.url), 'utf8')
  const [sql, command] = [...page.matchAll(/^```(?:sql|text)\n(.*?)^```/gms)].map((match) => match[1]!)
  await postgres.database('newcomer')
  const client = await postgres.connect('supabase_admin', 'newcomer')
  await client.query('drop owned by web_anon; drop role if exists web_login')
  await client.query(sql!.replace('create role web_anon nologin;', ''))
  const given = Object.fromEntries([...command!.matchAll(/(PGRST_\w+)=(\S+)/g)].map((match) => [match[1]!, match[2]!]))
  const uri = new URL(given['PGRST_DB_URI']!)
  const here = new URL(postgres.url('web_login', 'newcomer'))
  uri.host = here.host
  uri.pathname = here.pathname
  await using program = runRest([], { ...given, PGRST_DB_URI: uri.href })
  const { pathname } = new URL(/`curl (\S+)`/.exec(page)![1]!)
  expect(await (await fetch((await program.url()) + pathname)).text()).toBe(/answers `([^`]+)`/.exec(page)![1])
})
