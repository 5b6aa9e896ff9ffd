import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { type CallOptions, startRest, type TestRest } from './harness.ts'

let postgres: TestPostgres
let rest: TestRest

beforeAll(async () => {
  postgres = await startPostgres()
  const admin = await postgres.connect()
  await admin.query(readFileSync(new URL('./schema.sql', import.meta.url), 'utf8'))
  rest = await startRest(postgres.url('authenticator'), { PLINTH_REST_SAFE_UPDATE: 'true', PGRST_APP_SETTINGS_Mode: 'test' })
  await vi.waitFor(() => rest.health(), 10_000)
})
afterAll(async () => {
  await rest?.[Symbol.asyncDispose]()
  await postgres?.[Symbol.asyncDispose]()
})

const ann: CallOptions = { role: 'web_user', claims: { sub: 'ann' } }
const returning = (more: CallOptions = ann): CallOptions => ({ ...more, headers: { prefer: 'return=representation', ...more.headers } })

test.each([
  ['/clients?select=name&order=id', [{ name: 'Acme' }, { name: 'Bolt' }, { name: 'Idle' }]],
  [
    '/projects?select=name,clients(name)&id=in.(1,4)&order=id',
    [
      { name: 'one', clients: { name: 'Acme' } },
      { name: 'four', clients: null },
    ],
  ],
  [
    '/clients?select=name,projects(name)&projects.order=name.desc&id=lt.3&order=id',
    [
      { name: 'Acme', projects: [{ name: 'two' }, { name: 'one' }] },
      { name: 'Bolt', projects: [{ name: 'three' }] },
    ],
  ],
  ['/clients?select=name,projects!inner(id)&projects.name=eq.three', [{ name: 'Bolt', projects: [{ id: 3 }] }]],
  ['/projects?select=id,tags(label)&tags.order=label&id=eq.1', [{ id: 1, tags: [{ label: 'blue' }, { label: 'red' }] }]],
  ['/clients?select=name,projects()&projects=is.null', [{ name: 'Idle' }]],
  ['/busy_clients?select=name,projects(id)&id=eq.2', [{ name: 'Bolt', projects: [{ id: 3 }] }]],
  ['/project_list?select=title,clients(name)&id=eq.1', [{ title: 'one', clients: { name: 'Acme' } }]],
  ['/project_list?select=title,tags(label)&id=eq.2', [{ title: 'two', tags: [{ label: 'blue' }] }]],
  ['/projects?select=name,...clients(client:name)&id=eq.1', [{ name: 'one', client: 'Acme' }]],
  ['/projects?select=id&data->n=gt.1', [{ id: 2 }]],
  ['/projects?select=n:data->>n&id=eq.2', [{ n: '2' }]],
  ['/projects?select=id&or=(name.eq.one,and(name.like.t*,client_id.eq.2))&order=id', [{ id: 1 }, { id: 3 }]],
  ['/projects?select=name&order=clients(name).desc.nullslast,id&limit=2', undefined],
  [
    '/projects?select=name,clients(name)&order=clients(name).desc.nullslast,id&limit=2',
    [
      { name: 'three', clients: { name: 'Bolt' } },
      { name: 'one', clients: { name: 'Acme' } },
    ],
  ],
  ['/we%22ird%2C%20t%C3%A4ble', [{ 'a "b" c': 'x', '%41;drop': 1 }]],
  ['/we%22ird%2C%20t%C3%A4ble?select=%22a%20%5C%22b%5C%22%20c%22&%22a%20%5C%22b%5C%22%20c%22=eq.x', [{ 'a "b" c': 'x' }]],
  ['/rpc/add?a=1', 11],
  ['/rpc/add?a=1&b=2', 3],
  ['/rpc/projects_of?client=1&select=name,clients(name)&order=id&limit=1', [{ name: 'one', clients: { name: 'Acme' } }]],
])('GET %s', async (path, expected) => {
  const { status, json } = await rest.call('GET', path)
  if (expected === undefined) expect([status, json.code]).toEqual([400, 'PGRST108'])
  else expect(json).toEqual(expected)
})

test('ranges and counts', async () => {
  const page = await rest.call('GET', '/projects?select=id&order=id&limit=2&offset=1', { headers: { prefer: 'count=exact' } })
  expect([page.status, page.headers.get('content-range'), page.json]).toEqual([206, '1-2/4', [{ id: 2 }, { id: 3 }]])
  const head = await rest.call('HEAD', '/projects', { headers: { prefer: 'count=exact' } })
  expect([head.status, head.headers.get('content-range'), head.text]).toEqual([200, '0-3/4', ''])
  const beyond = await rest.call('GET', '/projects?offset=9', { headers: { prefer: 'count=exact' } })
  expect([beyond.status, beyond.json.code]).toEqual([416, 'PGRST103'])
  const planned = await rest.call('GET', '/projects', { headers: { prefer: 'count=planned' } })
  expect(planned.headers.get('content-range')).toMatch(/^0-3\/\d+$/)
})

test('forms of an answer', async () => {
  const single = { accept: 'application/vnd.pgrst.object+json' }
  expect((await rest.call('GET', '/clients?id=eq.1', { headers: single })).json).toEqual({ id: 1, name: 'Acme' })
  expect((await rest.call('GET', '/clients', { headers: single })).json).toMatchObject({
    code: 'PGRST116',
    details: 'The result contains 3 rows',
  })
  expect((await rest.call('GET', '/clients?order=id', { headers: { accept: 'text/csv' } })).text).toBe('id,name\n1,Acme\n2,Bolt\n3,Idle')
  expect((await rest.call('GET', '/clients', { headers: { accept: 'image/png' } })).json).toMatchObject({ code: 'PGRST107' })
  const plain = await rest.call('GET', '/clients?id=eq.1')
  expect(plain.headers.get('content-type')).toBe('application/json; charset=utf-8')
  expect(plain.headers.get('content-length')).toBe(String(Buffer.byteLength(plain.text)))
})

test('a row is written, read, changed and removed as its owner', async () => {
  const made = await rest.call('POST', '/projects?select=id,owner,clients(name)', { ...returning(), body: { name: 'new', client_id: 2 } })
  expect([made.status, made.json]).toEqual([201, [{ id: made.json[0].id, owner: 'ann', clients: { name: 'Bolt' } }]])
  const { id } = made.json[0]
  const changed = await rest.call('PATCH', `/projects?id=eq.${id}&select=name`, { ...returning(), body: { name: 'newer' } })
  expect([changed.status, changed.json]).toEqual([200, [{ name: 'newer' }]])
  const foreign = await rest.call('DELETE', `/projects?id=eq.${id}`, {
    role: 'web_user',
    claims: { sub: 'bob' },
    headers: { prefer: 'count=exact' },
  })
  expect([foreign.status, foreign.headers.get('content-range')]).toEqual([204, '*/0'])
  const removed = await rest.call('DELETE', `/projects?id=eq.${id}`, { ...ann, headers: { prefer: 'count=exact' } })
  expect([removed.status, removed.headers.get('content-range'), removed.text]).toEqual([204, '*/1', ''])
})

test('bulk, defaults and conflicts', async () => {
  const rows = Array.from({ length: 500 }, (_, index) => ({ id: 1_000 + index, name: `n${index}` }))
  expect((await rest.call('POST', '/clients', { ...ann, body: rows })).status).toBe(201)
  const half = await rest.call('POST', '/clients', {
    ...ann,
    body: [
      { id: 9_000, name: 'good' },
      { id: 1, name: 'taken' },
    ],
  })
  expect([half.status, half.json.code]).toEqual([409, '23505'])
  expect((await rest.call('GET', '/clients?id=eq.9000')).json).toEqual([])
  const merged = await rest.call('POST', '/clients', {
    ...returning({ ...ann, headers: { prefer: 'resolution=merge-duplicates,return=representation' } }),
    body: [{ id: 1_000, name: 'merged' }],
  })
  expect([merged.status, merged.json]).toEqual([200, [{ id: 1_000, name: 'merged' }]])
  const put = await rest.call('PUT', '/clients?id=eq.1000', { ...ann, body: { id: 1_000, name: 'put' } })
  expect(put.status).toBe(204)
  expect((await rest.call('PUT', '/clients?id=eq.1000', { ...ann, body: { id: 1_001, name: 'put' } })).json).toMatchObject({
    code: 'PGRST115',
  })
  expect((await rest.call('GET', '/clients?id=eq.1001&select=name')).json).toEqual([{ name: 'n1' }])
  const located = await rest.call('POST', '/tags', { ...ann, headers: { prefer: 'return=headers-only' }, body: { id: 77, label: 'x' } })
  expect(located.headers.get('location')).toBe('/tags?id=eq.77')
  expect((await rest.call('DELETE', '/clients?id=gte.1000', ann)).status).toBe(204)
})

test('a write whose result is not what was asked for is taken back', async () => {
  const single = { ...ann, headers: { accept: 'application/vnd.pgrst.object+json', prefer: 'return=representation' } }
  const many = await rest.call('PATCH', '/tags?id=lt.3', { ...single, body: { label: 'lost' } })
  expect([many.status, many.json.code]).toEqual([406, 'PGRST116'])
  const strict = await rest.call('PATCH', '/tags?id=lt.3', {
    ...ann,
    headers: { prefer: 'handling=strict, max-affected=1' },
    body: { label: 'lost' },
  })
  expect([strict.status, strict.json.code]).toEqual([400, 'PGRST124'])
  expect((await rest.call('GET', '/tags?label=eq.lost')).json).toEqual([])
})

test.each([
  ['PATCH', 'UPDATE'],
  ['DELETE', 'DELETE'],
])('%s without a filter is refused as safeupdate does', async (method, word) => {
  const { status, json } = await rest.call(method, '/tags', { ...ann, ...(method === 'PATCH' && { body: { label: 'all' } }) })
  expect([status, json]).toEqual([400, { code: '21000', details: null, hint: null, message: `${word} requires a WHERE clause` }])
})

test('functions see the request, and may make the answer', async () => {
  const who = await rest.call('POST', '/rpc/whoami', { ...ann, headers: { 'x-agent': 'me', cookie: 'a=1; b=2' } })
  expect(who.json).toEqual({
    role: 'web_user',
    claims: { sub: 'ann', role: 'web_user', iat: who.json.claims.iat },
    method: 'POST',
    path: '/rpc/whoami',
    agent: 'me',
    cookie: '1',
    readonly: 'on',
  })
  const tea = await rest.call('POST', '/rpc/teapot')
  expect([tea.status, tea.json, tea.headers.get('x-tea'), tea.headers.getSetCookie()]).toEqual([
    418,
    'short and stout',
    'green',
    ['a=1', 'b=2'],
  ])
  const paid = await rest.call('POST', '/rpc/refuse')
  expect([paid.status, paid.json, paid.headers.get('x-price')]).toEqual([
    402,
    { code: 'X1', details: null, hint: 'ask', message: 'no' },
    '5',
  ])
  expect((await rest.call('POST', '/rpc/nap', { body: { seconds: 0 } })).status).toBe(204)
})

test.each([
  ['GET', '/nothing', {}, 404, 'PGRST205'],
  ['GET', '/clients?select=nope', {}, 400, '42703'],
  ['GET', '/clients?id=eq.x', {}, 400, '22P02'],
  ['GET', '/clients?id=foo.1', {}, 400, 'PGRST100'],
  ['GET', '/rpc/add?a=x', {}, 400, '22P02'],
  ['GET', '/rpc/not_callable', {}, 404, 'PGRST202'],
  ['GET', '/rpc/teapot', {}, 418, undefined],
  ['POST', '/clients', { body: { id: 5, name: 'x' } }, 401, '42501'],
  ['POST', '/clients', { role: 'slow_user', body: { id: 5, name: 'x' } }, 403, '42501'],
  ['POST', '/clients', { ...ann, body: '{"a":' }, 400, 'PGRST102'],
  ['POST', '/clients', { ...ann, body: { nope: 1 } }, 400, 'PGRST204'],
  ['POST', '/projects', { ...ann, body: { name: '' } }, 400, '23514'],
  ['GET', '/clients', { headers: { authorization: 'Bearer x.y' } }, 401, 'PGRST301'],
  ['GET', '/clients', { role: 'nobody_knows' }, 401, '22023'],
  ['GET', '/clients', { claims: { exp: 1 } }, 401, 'PGRST303'],
  ['GET', '/clients', { headers: { 'accept-profile': 'hidden' } }, 406, 'PGRST106'],
  ['GET', '/clients?select=projects(*,clients(*))&limit=-1', {}, 416, 'PGRST103'],
  ['GET', '/clients?%22a%00b%22=eq.1', {}, 400, 'PGRST100'],
  ['GET', '/clients?name=eq.a%00b', {}, 400, '22021'],
  ['GET', '/clients', { headers: { prefer: 'timezone=No/Where' } }, 400, '22023'],
])('%s %s %j answers %d %s', async (method, path, options, status, code) => {
  const answer = await rest.call(method, path, options)
  expect([answer.status, answer.json?.code]).toEqual([status, code])
  if (code !== undefined) expect(answer.headers.get('proxy-status')).toBe(`PostgREST; error=${code}`)
})

test('settings of a role count for its requests only', async () => {
  const slow = await rest.call('POST', '/rpc/nap', { role: 'slow_user', body: { seconds: 2 } })
  expect([slow.status, slow.json.code]).toEqual([500, '57014'])
  expect((await rest.call('POST', '/rpc/nap', { role: 'web_user', body: { seconds: 0.2 } })).status).toBe(204)
})

test('origins, preflight and options', async () => {
  const preflight = await rest.call('OPTIONS', '/clients', {
    headers: { origin: 'http://a', 'access-control-request-method': 'POST', 'access-control-request-headers': 'apikey' },
  })
  expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
    200,
    'Authorization, apikey, Accept, Accept-Language, Content-Language',
  ])
  expect((await rest.call('OPTIONS', '/clients')).headers.get('allow')).toBe('OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE')
  expect((await rest.call('OPTIONS', '/rpc/add?a=1')).headers.get('allow')).toBe('OPTIONS,GET,HEAD,POST')
})

test('the document at the root names what the role may touch', async () => {
  const { status, json } = await rest.call('GET', '/')
  expect(status).toBe(200)
  expect(json).toMatchObject({ swagger: '2.0', paths: { '/clients': { get: {} }, '/rpc/add': { get: {}, post: {} } } })
  expect(json.definitions.projects.properties.client_id).toEqual({
    format: 'int32',
    type: 'integer',
    description: "Note:\nThis is a Foreign Key to `clients.id`.<fk table='clients' column='id'/>",
  })
})

test('a table made a moment ago is served after notify', async () => {
  const admin = await postgres.connect()
  await admin.query("create table api.fresh as select 7 as id; grant select on api.fresh to web_anon; notify pgrst, 'reload schema'")
  await expect.poll(async () => (await rest.call('GET', '/fresh')).json, { timeout: 5_000 }).toEqual([{ id: 7 }])
  await admin.query("alter table api.fresh add column name text default 'x'; notify pgrst")
  await expect.poll(async () => (await rest.call('GET', '/fresh?name=eq.x')).json, { timeout: 5_000 }).toEqual([{ id: 7, name: 'x' }])
})

test('the query of a client that goes away is cancelled', async () => {
  const admin = await postgres.connect()
  const naps = async () =>
    Number(
      (await admin.query("select count(*) from pg_stat_activity where query like '%nap%' and state = 'active' and pid <> pg_backend_pid()"))
        .rows[0].count,
    )
  const gone = new AbortController()
  const nap = rest.call('POST', '/rpc/nap', { body: { seconds: 30 }, signal: gone.signal }).catch((error: Error) => error.name)
  await expect.poll(naps).toBe(1)
  gone.abort()
  expect(await nap).toBe('AbortError')
  await expect.poll(naps).toBe(0)
})

test('large bodies pass both ways', async () => {
  const { json } = await rest.call('GET', '/rpc/many?n=20000')
  expect(json).toHaveLength(20_000)
  const name = 'y'.repeat(8_000_000)
  const made = await rest.call('POST', '/clients', { ...returning(), body: { id: 5_000, name } })
  expect(made.json[0].name.length).toBe(name.length)
  await rest.call('DELETE', '/clients?id=eq.5000', ann)
})

test('the admin server tells how it is', async () => {
  const get = async (path: string) => {
    const response = await fetch(`${rest.admin}${path}`)
    return [response.status, await response.text()] as const
  }
  expect((await get('/live'))[0]).toBe(200)
  expect((await get('/ready'))[0]).toBe(200)
  expect((await get('/nothing'))[0]).toBe(404)
  expect((await get('/metrics'))[1]).toMatch(/^pgrst_db_pool_max 10$/m)
  expect(JSON.parse((await get('/schema_cache'))[1])).toHaveProperty('dbTables')
})
