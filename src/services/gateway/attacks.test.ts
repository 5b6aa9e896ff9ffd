// What an attacker sends as bytes: nothing gets past an access rule, nothing that was not understood reaches a service, and the
// gateway goes on serving.
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { echo, rawExchange, service, startGateway, startServer, type TestGateway, type TestServer } from './testing.ts'

const CONFIG = {
  consumers: [
    { username: 'anon', keyauth_credentials: [{ key: 'anon-key' }], acls: [{ group: 'anon' }] },
    { username: 'service', keyauth_credentials: [{ key: 'service-key' }], acls: [{ group: 'admin' }] },
  ],
  services: [
    { name: 'open', url: 'http://open:80/', routes: [{ name: 'open', paths: ['/open/'] }] },
    {
      name: 'pg',
      url: 'http://pg:80/',
      routes: [{ name: 'pg', paths: ['/pg/'] }],
      plugins: [{ name: 'key-auth' }, { name: 'acl', config: { allow: ['admin'] } }],
    },
    {
      name: 'tenants',
      url: 'http://pg:80/',
      routes: [{ name: 'tenants', paths: ['/api/tenants'] }],
      plugins: [{ name: 'request-termination', config: { status_code: 403 } }],
    },
    { name: 'api', url: 'http://open:80/api', routes: [{ name: 'api', paths: ['/api'] }] },
  ],
}

describe.each(['in this process', 'over the network'])('with services %s', (where) => {
  let door: TestGateway
  let upstream: TestServer
  let seen: { to: string; url: string | undefined; req: IncomingMessage }[] = []

  beforeAll(async () => {
    const listen = (to: string) => (req: IncomingMessage, res: Parameters<typeof echo>[1]) => {
      seen.push({ to, url: req.url, req })
      echo(req, res)
    }
    upstream = await startServer((req, res) => listen(req.headers.host ?? '')(req, res))
    door = await startGateway(CONFIG, where === 'over the network' ? { OPEN_URL: upstream.url, PG_URL: upstream.url } : {})
    if (where === 'in this process') for (const name of ['open', 'pg']) service(door.dispatcher, name, 80, listen(name))
  })
  afterAll(async () => {
    await door[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    seen = []
  })

  const arrived = () => seen.map(({ to, url }) => `${to} ${url}`)
  const get = (path: string, headers = '') =>
    rawExchange(door.port, `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n${headers}\r\n`)
  const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])

  test.each([
    '/pg/t',
    '//pg/t',
    '/pg//t',
    '/./pg/t',
    '/%70g/t',
    '/open/../pg/t',
    '/open/%2e%2e/pg/t',
    '/open/.%2E/pg/t',
    '/open/x/../../pg/t',
    '///pg///t',
  ])('%s is locked, and opens with the right key alone', async (path) => {
    expect([statusOf(await get(path)), statusOf(await get(path, 'apikey: anon-key\r\n'))]).toEqual([401, 403])
    expect(arrived()).toEqual([])
    expect(statusOf(await get(path, 'apikey: service-key\r\n'))).toBe(200)
    expect(seen.map(({ url }) => url)).toEqual(['/t'])
  })

  test.each(['/api/tenants', '/api//tenants/x', '/api/%74enants', '/api/x/../tenants', '//api/./tenants', '/api/%2e/tenants'])(
    '%s is closed',
    async (path) => {
      expect(statusOf(await get(path))).toBe(403)
      expect(arrived()).toEqual([])
    },
  )

  test.each([
    '/open/..%2fpg/t',
    '/open/%2e%2e%2fpg%2ft',
    '/open%2f..%2fpg/t',
    '/open/..%5cpg/t',
    '/open/..;/pg/t',
    '/open/%252e%252e/pg/t',
    '/pg%2ft',
    '/open/%00/../pg/t',
    '/PG/t',
  ])('%s does not become another path', async (path) => {
    expect([200, 400, 401, 404]).toContain(statusOf(await get(path)))
    for (const { to, url } of seen) expect([to.startsWith('pg'), /^\/pg|\/\.\.?(\/|$)/.test(url ?? '')]).toEqual([false, false])
  })

  test.each([
    ['/pg/x?apikey=anon-key&apikey=service-key', ''],
    ['/pg/x?apikey=service-key', 'apikey: anon-key\r\n'],
    ['/pg/x', 'apikey: anon-key\r\napikey: service-key\r\n'],
    ['/pg/x', 'apikey: anon-key\r\nConnection: apikey\r\n'],
    ['/pg/x;apikey=service-key', ''],
    ['/pg/x', 'Cookie: apikey=service-key\r\n'],
    ['/pg/x', 'api_key: service-key\r\n'],
  ])('no key but its own counts: %s %j', async (path, headers) => {
    expect([401, 403]).toContain(statusOf(await get(path, headers)))
    expect(arrived()).toEqual([])
  })

  const POST = 'POST /open/x HTTP/1.1\r\nHost: a.test\r\n'
  test.each([
    ['two lengths', `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`],
    ...['5, 6', '-5', '+5', '5x', '0x5', '5 5', '9'.repeat(30), ''].map((length) => [
      `the length ${length}`,
      `${POST}Content-Length: ${length}\r\n\r\nhello`,
    ]),
    ['another coding', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['chunked not last', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['a length and chunks', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a coding spelt with an underscore', `${POST}Content-Length: 4\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r`],
    ['a folded line', 'GET /open/x HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\n folded: 2\r\n\r\n'],
    ['a blank before the colon', 'GET /open/x HTTP/1.1\r\nHost: a.test\r\nX-A : 1\r\n\r\n'],
    ['NUL in a header', 'GET /open/x HTTP/1.1\r\nHost: a.test\r\nX-A: a\0b\r\n\r\n'],
    ['a bare CR', 'GET /open/x HTTP/1.1\r\nHost: a.test\r\nX-A: 1\rX-B: 2\r\n\r\n'],
    ['no Host', 'GET /open/x HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET /open/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['a Host that is none', 'GET /open/x HTTP/1.1\r\nHost: a/../b\r\n\r\n'],
    ['CONNECT', 'CONNECT a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['TRACE', 'TRACE /open/x HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['another version', 'GET /open/x HTTP/9.9\r\nHost: a.test\r\n\r\n'],
    ['no HTTP', 'nonsense\r\n\r\n'],
    ['a target without a slash', 'GET * HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['a header of 64 KiB', `GET /open/x HTTP/1.1\r\nHost: a.test\r\nX-A: ${'b'.repeat(65_536)}\r\n\r\n`],
    ['five thousand headers', `GET /open/x HTTP/1.1\r\nHost: a.test\r\n${'x: 1\r\n'.repeat(5_000)}\r\n`],
    ['a path of 20 KiB', `GET /open/${'p'.repeat(20_000)} HTTP/1.1\r\nHost: a.test\r\n\r\n`],
    ['an upgrade with a body', `${POST}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello`],
  ])('refused, and the connection with it: %s', async (_, bytes) => {
    const answer = await rawExchange(door.port, bytes!)
    if (answer !== '') expect(statusOf(answer)).toBeGreaterThanOrEqual(400)
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)?.length ?? 0).toBeLessThanOrEqual(1)
    expect(arrived()).toEqual([])
    expect(statusOf(await get('/open/alive'))).toBe(200)
  })

  test.each([
    'zz\r\nhello\r\n0\r\n\r\n',
    '0x5\r\nhello\r\n0\r\n\r\n',
    '-5\r\nhello\r\n0\r\n\r\n',
    'ffffffffffffffffff\r\nhello\r\n0\r\n\r\n',
    '3\r\nhello\r\n0\r\n\r\n',
    '5;\nhello\r\n0\r\n\r\n',
  ])('a chunk %j is no whole request to anybody', async (chunk) => {
    const answer = await rawExchange(door.port, `${POST}Transfer-Encoding: chunked\r\n\r\n${chunk}`)
    if (answer !== '') expect(statusOf(answer)).toBe(400)
    if (where === 'over the network') expect(arrived()).toEqual([])
    expect(seen.filter(({ req }) => req.complete).map(({ url }) => url)).toEqual([])
    expect(statusOf(await get('/open/alive'))).toBe(200)
  })

  test('pipelined requests are judged one by one', async () => {
    const answer = await rawExchange(
      door.port,
      'GET /open/a HTTP/1.1\r\nHost: a\r\n\r\nGET /pg/b HTTP/1.1\r\nHost: a\r\n\r\nGET /pg/c HTTP/1.1\r\nHost: a\r\napikey: anon-key\r\nConnection: close\r\n\r\n',
    )
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 401', 'HTTP/1.1 403'])
  })

  test('an absolute target does not point the gateway elsewhere', async () => {
    expect(statusOf(await rawExchange(door.port, `GET ${upstream.url}/pg/x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`))).toBe(
      401,
    )
    expect(arrived()).toEqual([])
  })

  test('clients that dribble do not hold up others', async () => {
    const slow = Array.from({ length: 100 }, () =>
      connect(door.port, '127.0.0.1', function begin(this: ReturnType<typeof connect>) {
        this.write('GET /open/slow HTTP/1.1\r\nHost: a.test\r\nX-')
      }),
    )
    expect(statusOf(await get('/open/x'))).toBe(200)
    for (const socket of slow) socket.destroy()
  })
})
