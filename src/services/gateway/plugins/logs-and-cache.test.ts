// http-log, file-log, prometheus and proxy-cache through the whole gateway; what logs must never show.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { service, startGateway, startServer, type TestGateway, type TestServer } from '../testing.ts'

let door: TestGateway
let sink: TestServer
let folder: string
let calls = 0
const received: { headers: IncomingMessage['headers']; body: string }[] = []

/** Answers what it is told to: type, cache-control, body. */
function told(req: IncomingMessage, res: ServerResponse): void {
  calls++
  const header = (name: string) => req.headers[name] as string | undefined
  res.writeHead(Number(header('x-status') ?? 200), {
    'content-type': header('x-type') ?? 'application/json',
    ...(header('x-cc') === undefined ? {} : { 'cache-control': header('x-cc') }),
    ...(header('x-cookie') === undefined ? {} : { 'set-cookie': header('x-cookie') }),
  })
  res.write('{"call":')
  res.end(`${calls}}`)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plinth-logs-'))
  sink = await startServer((req, res) => {
    let body = ''
    req.setEncoding('utf8')
    req.on('data', (chunk: string) => {
      body += chunk
    })
    req.on('end', () => {
      received.push({ headers: req.headers, body })
      res.end()
    })
  })
  const route = (name: string, ...plugins: object[]) => ({ name, url: 'http://up:80', routes: [{ name, paths: [`/${name}`] }], plugins })
  const cache = (config: object) => ({ name: 'proxy-cache', config: { strategy: 'memory', ...config } })
  door = await startGateway(
    {
      consumers: [
        { username: 'anna', keyauth_credentials: [{ key: 'key-anna' }] },
        { username: 'ben', keyauth_credentials: [{ key: 'key-ben' }] },
      ],
      services: [
        route('cache', cache({})),
        route('control', cache({ cache_control: true })),
        route('own', { name: 'key-auth' }, cache({})),
        route('changed', cache({}), { name: 'response-transformer', config: { append: { json: ['list:one'], headers: ['x-a:1'] } } }),
        route(
          'http',
          { name: 'key-auth' },
          { name: 'http-log', config: { http_endpoint: `${sink.url}/in`, headers: { 'x-from': ['plinth'] } } },
        ),
        route('file', {
          name: 'file-log',
          config: { path: join(folder, 'log'), custom_fields_by_lua: { 'request.extra': 'return "yes"', started_at: 'return nil' } },
        }),
        route('dead', { name: 'http-log', config: { http_endpoint: 'http://127.0.0.1:9/', retry_count: 0 } }),
        route('counted', { name: 'prometheus' }),
      ],
    },
    { KONG_PROXY_ACCESS_LOG: `${join(folder, 'access')} kong_log_format` },
  )
  service(door.dispatcher, 'up', 80, told)
})
afterAll(async () => {
  await door[Symbol.asyncDispose]()
  await sink[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const get = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  fetch(`${door.url}${path}`, { headers, ...init })
const status = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) => {
  const response = await get(path, headers, init)
  const text = await response.text()
  return { cache: response.headers.get('x-cache-status'), text, response }
}
const states = async (path: string, ...requests: Record<string, string>[]) => {
  const found: (string | null)[] = []
  for (const headers of requests) found.push((await status(path, headers)).cache)
  return found
}

describe('proxy-cache', () => {
  test('answers a second time by itself, byte for byte', async () => {
    const [first, second] = [await status('/cache?a=1&b=2'), await status('/cache?b=2&a=1')]
    expect([first.cache, second.cache]).toEqual(['Miss', 'Hit'])
    expect(second.text).toBe(first.text)
    expect(second.response.headers.get('age')).toBe('0')
    expect(second.response.headers.get('x-cache-key')).toMatch(/^[0-9a-f]{32}$/)
    expect(second.response.headers.get('content-length')).toBe(String(first.text.length))
  })

  test('what is another request is another entry', async () => {
    expect(await states('/cache?x=1', {}, { authorization: 'Bearer anna' }, { authorization: 'Bearer ben' }, {})).toEqual([
      'Miss',
      'Miss',
      'Miss',
      'Hit',
    ])
    expect(await states('/own', { apikey: 'key-anna' }, { apikey: 'key-ben' }, { apikey: 'key-anna' })).toEqual(['Miss', 'Miss', 'Hit'])
  })

  test('what is not to be kept is not', async () => {
    expect(await states('/cache?s', { 'x-status': '500' }, { 'x-status': '500' })).toEqual(['Bypass', 'Bypass'])
    expect(await states('/cache?t', { 'x-type': 'text/html' }, { 'x-type': 'text/html' })).toEqual(['Bypass', 'Bypass'])
    expect(await states('/cache?c', { 'x-cookie': 'session=1' }, { 'x-cookie': 'session=1' })).toEqual(['Bypass', 'Bypass'])
    expect((await status('/cache?p', {}, { method: 'POST', body: 'x' })).cache).toBe('Bypass')
    expect(await states('/control?n', { 'x-cc': 'private' }, { 'x-cc': 'private' }, {})).toEqual(['Bypass', 'Bypass', 'Bypass'])
  })

  test('Cache-Control of both sides', async () => {
    const kept = { 'x-cc': 'max-age=60' }
    expect(
      await states('/control?k', kept, kept, { ...kept, 'cache-control': 'no-cache' }, { ...kept, 'cache-control': 'min-fresh=90' }),
    ).toEqual(['Miss', 'Hit', 'Bypass', 'Refresh'])
    expect((await get('/control?never', { 'cache-control': 'only-if-cached' })).status).toBe(504)
  })

  test('an answer that plugins changed is not changed twice', async () => {
    const [first, second] = [await status('/changed'), await status('/changed')]
    expect([first.cache, second.cache]).toEqual(['Miss', 'Hit'])
    expect(JSON.parse(second.text)).toMatchObject({ list: ['one'] })
    expect(second.text).toBe(first.text)
    expect(second.response.headers.get('x-a')).toBe('1')
  })

  test('HEAD is kept for HEAD', async () => {
    const head = { method: 'HEAD' }
    expect([
      (await status('/cache?h', {}, head)).cache,
      (await status('/cache?h', {}, head)).cache,
      (await status('/cache?h')).cache,
    ]).toEqual(['Miss', 'Hit', 'Miss'])
  })
})

describe('logs', () => {
  test('http-log posts a record without a secret in it', async () => {
    received.length = 0
    await get('/http/p?q=1&apikey=key-anna', { authorization: 'Bearer very-secret', cookie: 'sb=very-secret' })
    await vi.waitUntil(() => received.length > 0)
    const [{ headers, body }] = received as [(typeof received)[number]]
    expect([headers['x-from'], headers['content-type']]).toEqual(['plinth', 'application/json'])
    expect(body).not.toContain('very-secret')
    expect(body).not.toContain('key-anna')
    expect(JSON.parse(body)).toMatchObject({
      request: { method: 'GET', uri: '/http/p?q=1&apikey=REDACTED', querystring: { q: '1', apikey: 'REDACTED' } },
      response: { status: 200 },
      service: { name: 'http', host: 'up', port: 80 },
      route: { name: 'http', paths: ['/http'] },
      consumer: { username: 'anna' },
      client_ip: '127.0.0.1',
      tries: [{ ip: 'up', port: 80 }],
    })
  })

  test('refused requests are logged; a dead receiver disturbs nobody', async () => {
    received.length = 0
    await get('/http/refused')
    await vi.waitUntil(() => received.length > 0)
    const record = JSON.parse(received[0]!.body) as { response: { status: number }; tries: unknown[]; latencies: { proxy: number } }
    expect([record.response.status, record.tries, record.latencies.proxy]).toEqual([401, [], -1])
    expect((await get('/dead')).status).toBe(200)
  })

  test('file-log writes lines of JSON, with fields of the file', async () => {
    await get('/file?n=1')
    await get('/file?n=2')
    const lines = async () => (await readFile(join(folder, 'log'), 'utf8').catch(() => '')).trim().split('\n')
    await vi.waitUntil(async () => (await lines()).length === 2)
    const record = JSON.parse((await lines())[1]!) as Record<string, unknown>
    expect(record).toMatchObject({ request: { uri: '/file?n=2', extra: 'yes' } })
    expect(record).not.toHaveProperty('started_at')
  })

  test('the access log tells of every request, and shows no key', async () => {
    await get('/no/such/route?apikey=key-anna&%61pikey=key-anna&x=1', { 'user-agent': 'a "quoted" agent', referer: 'http://from/' })
    const text = () => readFile(join(folder, 'access'), 'utf8').catch(() => '')
    await vi.waitUntil(async () => (await text()).includes('/no/such/route'))
    const line = (await text()).split('\n').find((one) => one.includes('/no/such/route'))
    expect(line).toMatch(
      /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \/no\/such\/route\?apikey=REDACTED&%61pikey=REDACTED&x=1 HTTP\/1\.1" 404 48 "http:\/\/from\/" "a \\x22quoted\\x22 agent" kong_request_id: "[0-9a-f]{32}"$/,
    )
    expect(await text()).not.toContain('key-anna')
  })
})

test.each([
  [{ name: 'http-log', config: { http_endpoint: 'nowhere' } }, /missing host in url/],
  [{ name: 'file-log', config: { path: '/tmp/l', custom_fields_by_lua: { a: 'return os.time()' } } }, /this Lua chunk is not known/],
  [{ name: 'proxy-cache', config: {} }, /strategy': required field missing/],
  [{ name: 'proxy-cache', config: { strategy: 'redis' } }, /value must be memory/],
])('%j is refused', async (plugin, message) => {
  await expect(
    startGateway({ services: [{ name: 's', url: 'http://up:80', routes: [{ name: 'r', paths: ['/'] }], plugins: [plugin] }] }),
  ).rejects.toThrow(message)
})
