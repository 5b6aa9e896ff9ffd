// The admin and status APIs, and what a reload does to both.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { readEnv } from '../../../env/read.ts'
import { Dispatcher } from '../../../http/dispatch.ts'
import { type ListeningServer, serveEndpoint } from '../../../http/server.ts'
import { silentLog } from '../../../log/log.ts'
import type { RunningService } from '../../../service/definition.ts'
import { gatewayEnv } from '../env.ts'
import { gateway } from '../index.ts'
import { echo, service } from '../testing.ts'

const file = {
  _format_version: '2.1',
  consumers: [{ username: 'anna', custom_id: 'c-1', keyauth_credentials: [{ key: 'ka' }], acls: [{ group: 'g' }] }],
  services: [
    {
      name: 'one',
      url: 'http://up/base',
      tags: ['t1', 't2'],
      plugins: [{ name: 'prometheus' }],
      routes: [
        { name: 'r1', paths: ['/one'], tags: ['t1'] },
        { name: 'r2', paths: ['/two'] },
      ],
    },
    { name: 'balanced', host: 'u.test', routes: [{ name: 'r3', paths: ['/balanced'] }] },
  ],
  upstreams: [
    {
      name: 'u.test',
      targets: [{ target: 'up:80' }, { target: 'down.test:81', weight: 0 }],
      healthchecks: { passive: { unhealthy: { http_failures: 1 } } },
    },
  ],
}

let running: RunningService
const servers = new Map<number, ListeningServer>()
beforeAll(async () => {
  const dispatcher = new Dispatcher()
  service(dispatcher, 'up', 80, echo)
  const env = readEnv(gatewayEnv, { KONG_DECLARATIVE_CONFIG_STRING: JSON.stringify(file) })
  running = await gateway.start(env, { log: silentLog, dispatcher, signal: new AbortController().signal })
  for (const endpoint of running.endpoints) if (!endpoint.tls) servers.set(endpoint.port, await serveEndpoint(endpoint, '127.0.0.1', 0))
})
afterAll(async () => {
  for (const server of servers.values()) await server.close(0)
  await running.stop()
})

const url = (endpoint: number) => `http://127.0.0.1:${servers.get(endpoint)!.port}`
const admin = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(`${url(8001)}${path}`, init)
  const text = await response.text()
  return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as Record<string, never>, headers: response.headers }
}
const names = async (path: string) => ((await admin(path)).body as unknown as { data: { name: string }[] }).data.map(({ name }) => name)

test('entities by name, by id, within each other, and up', async () => {
  const one = (await admin('/services/one')).body
  expect(one).toMatchObject({
    name: 'one',
    host: 'up',
    port: 80,
    path: '/base',
    protocol: 'http',
    retries: 5,
    read_timeout: 60_000,
    enabled: true,
  })
  expect((await admin(`/services/${one['id']}`)).body).toEqual(one)
  expect(await names('/services/one/routes')).toEqual(['r1', 'r2'])
  expect(await names('/services/one/plugins')).toEqual(['prometheus'])
  expect((await admin('/routes/r1/service')).body).toEqual(one)
  expect((await admin('/services/one/routes/r2')).body).toMatchObject({
    name: 'r2',
    service: { id: one['id'] },
    strip_path: true,
    methods: null,
  })
  expect((await admin('/consumers/anna')).body).toMatchObject({ custom_id: 'c-1' })
  expect((await admin('/consumers/anna/key-auth/ka')).body).toMatchObject({ key: 'ka' })
  expect((await admin('/key-auths')).body).toMatchObject({ data: [{ key: 'ka' }], next: null })
  for (const path of [
    '/services/none',
    '/nothing',
    '/services/one/consumers',
    '/services/one/routes/r3',
    '/__proto__',
    '/services/constructor',
    '/%zz',
  ])
    expect([path, (await admin(path)).status]).toEqual([path, 404])
})

test('pages and tags', async () => {
  const first = (await admin('/routes?size=2')).body as unknown as { data: { name: string }[]; next: string; offset: string }
  expect(first.data.map(({ name }) => name)).toEqual(['r1', 'r2'])
  expect(await names(first.next)).toEqual(['r3'])
  expect((await admin('/routes?size=0')).status).toBe(400)
  expect((await admin('/routes?offset=!')).status).toBe(400)
  expect([await names('/services?tags=t1,t2'), await names('/services?tags=t1,x'), await names('/services?tags=x/t2')]).toEqual([
    ['one'],
    [],
    ['one'],
  ])
})

test('nothing is written', async () => {
  expect((await admin('/services', { method: 'POST', body: '{}' })).body).toMatchObject({
    message: "cannot create 'services' entities when not using a database",
  })
  expect((await admin('/services/one', { method: 'DELETE' })).status).toBe(405)
  expect((await admin('/nothing', { method: 'POST' })).status).toBe(404)
})

test('pages of other origins and names get no keys', async () => {
  expect((await admin('/key-auths', { headers: { origin: 'https://evil.example' } })).status).toBe(403)
  expect((await admin('/key-auths', { headers: { origin: 'http://localhost:8002' } })).headers.get('access-control-allow-origin')).toBe(
    'http://localhost:8002',
  )
  expect(JSON.stringify((await admin('/')).body)).not.toContain('declarative_config_string')
})

test('health of targets, by a person’s word too', async () => {
  const health = async () =>
    ((await admin('/upstreams/u.test/health')).body as unknown as { data: { target: string; health: string }[] }).data
  expect((await health()).map(({ target, health: state }) => [target, state])).toEqual([
    ['up:80', 'HEALTHY'],
    ['down.test:81', 'HEALTHY'],
  ])
  expect((await admin('/upstreams/u.test/targets/up:80/unhealthy', { method: 'PUT' })).status).toBe(204)
  expect((await health())[0]?.health).toBe('UNHEALTHY')
  expect((await fetch(`${url(8000)}/balanced`)).status).toBe(503)
  expect((await admin('/upstreams/u.test/targets/up:80/up:80/healthy', { method: 'POST' })).status).toBe(204)
  expect((await fetch(`${url(8000)}/balanced`)).status).toBe(200)
  expect((await admin('/upstreams/u.test/targets/nobody/healthy', { method: 'PUT' })).status).toBe(404)
})

test('metrics under both generations of names', async () => {
  await (await fetch(`${url(8000)}/one`)).text()
  for (const endpoint of [8001, 8100]) {
    const text = await (await fetch(`${url(endpoint)}/metrics`)).text()
    expect(text).toMatch(/^kong_http_status\{service="one",route="r1",code="200"\} 1$/m)
    expect(text).toMatch(/^kong_http_requests_total\{service="one",route="r1",code="200",source="service",consumer=""\} 1$/m)
    expect(text).toMatch(/^kong_latency_bucket\{(?=.*type="upstream").*\} \d+$/m)
    expect(text).toMatch(/^kong_bandwidth\{service="one",route="r1",type="egress"\} [1-9]\d+$/m)
    expect(text).toMatch(
      /^kong_upstream_target_health\{upstream="u.test",target="up:80",address="up:80",state="healthy",subsystem="http"\} 1$/m,
    )
    expect(text).toMatch(/^kong_nginx_http_current_connections\{state="active"\} \d+$/m)
  }
})

test('a wrong configuration changes nothing, a right one takes effect, and a reload brings the file back', async () => {
  const hash = async () => ((await (await fetch(`${url(8100)}/status`)).json()) as { configuration_hash: string }).configuration_hash
  const before = await hash()
  const bad = await admin('/config', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...file, services: [{ name: 'x', hots: 1 }] }),
  })
  expect([bad.status, bad.body['name'], bad.body['code']]).toEqual([400, 'invalid declarative configuration', 14])
  expect([await hash(), (await fetch(`${url(8000)}/one`)).status]).toEqual([before, 200])
  const config = `config=${encodeURIComponent('_format_version: "2.1"\nservices: [{name: n, url: "http://up", routes: [{name: n, paths: [/new]}]}]')}`
  expect(
    (await admin('/config', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: config })).status,
  ).toBe(201)
  expect([(await fetch(`${url(8000)}/new`)).status, (await fetch(`${url(8000)}/one`)).status]).toEqual([200, 404])
  expect(await hash()).not.toBe(before)
  await running.reload!()
  expect([await hash(), (await fetch(`${url(8000)}/one`)).status]).toEqual([before, 200])
})

test('not ready while it is being stopped', async () => {
  expect((await fetch(`${url(8100)}/status/ready`)).status).toBe(200)
  running.drain!()
  expect((await fetch(`${url(8100)}/status/ready`)).status).toBe(503)
  expect((await fetch(`${url(8100)}/nothing`)).status).toBe(404)
})
