// The front end from outside: services in this process and real servers, one table of middlewares over both.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type Echoed, echo, rawExchange, service, startServer } from '../testing.ts'
import { md5Crypt } from './middlewares/users.ts'
import { startTraefikGateway } from './testing.ts'

const one = (
  path: string,
  middlewares: Record<string, object> = {},
  servers: readonly string[] = ['http://echo:80'],
  more: object = {},
) => ({
  http: {
    routers: { r: { rule: `PathPrefix(\`${path}\`)`, service: 's', middlewares: Object.keys(middlewares) } },
    services: { s: { loadBalancer: { servers: servers.map((url) => ({ url })) } }, ...more },
    middlewares,
  },
})
const basic = (name: string, password: string) => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

interface Case {
  readonly middlewares: Record<string, object>
  readonly path?: string
  readonly init?: RequestInit
  readonly status?: number
  readonly url?: string
  readonly sent?: Readonly<Record<string, string | undefined>>
  readonly answer?: Readonly<Record<string, string | null>>
}

const CASES: readonly (readonly [string, Case])[] = [
  ['addPrefix', { middlewares: { a: { addPrefix: { prefix: '/base' } } }, path: '/x/y?q=1', url: '/base/x/y?q=1' }],
  [
    'stripPrefix',
    { middlewares: { a: { stripPrefix: { prefixes: ['/x'] } } }, path: '/x/a%2Fb', url: '/a%2Fb', sent: { 'x-forwarded-prefix': '/x' } },
  ],
  ['stripPrefix leaves a slash', { middlewares: { a: { stripPrefix: { prefixes: ['/x'] } } }, path: '/x', url: '/' }],
  ['stripPrefix does not climb', { middlewares: { a: { stripPrefix: { prefixes: ['/x'] } } }, path: '/x..%2fy', status: 400 }],
  ['stripPrefixRegex', { middlewares: { a: { stripPrefixRegex: { regex: ['/x/[0-9]+'] } } }, path: '/x/12/z', url: '/z' }],
  [
    'replacePath',
    { middlewares: { a: { replacePath: { path: '/new' } } }, path: '/x?q', url: '/new?q', sent: { 'x-replaced-path': '/x' } },
  ],
  [
    'replacePathRegex',
    { middlewares: { a: { replacePathRegex: { regex: '^/x/(.*)', replacement: '/$1/end' } } }, path: '/x/a', url: '/a/end' },
  ],
  [
    'chain',
    {
      middlewares: {
        c: { chain: { middlewares: ['in1', 'in2'] } },
        in1: { addPrefix: { prefix: '/1' } },
        in2: { addPrefix: { prefix: '/2' } },
      },
      path: '/x',
      url: '/2/1/2/1/x',
    },
  ],
  [
    'redirectScheme',
    {
      middlewares: { a: { redirectScheme: { scheme: 'https', port: '8443' } } },
      path: '/x?q',
      status: 302,
      answer: { location: 'https://127.0.0.1:8443/x?q' },
    },
  ],
  [
    'redirectRegex',
    {
      middlewares: { a: { redirectRegex: { regex: '^http://[^/]+/x(.*)', replacement: 'https://b.test$1', permanent: true } } },
      path: '/x/z',
      init: { method: 'POST' },
      status: 308,
      answer: { location: 'https://b.test/z' },
    },
  ],
  [
    'headers',
    {
      middlewares: {
        a: { headers: { customRequestHeaders: { 'X-A': '1', 'X-B': '' }, customResponseHeaders: { 'X-C': '2' }, frameDeny: true } },
      },
      path: '/x',
      init: { headers: { 'x-b': 'gone' } },
      sent: { 'x-a': '1', 'x-b': undefined },
      answer: { 'x-c': '2', 'x-frame-options': 'DENY' },
    },
  ],
  [
    'CORS on the way',
    {
      middlewares: { a: { headers: { accessControlAllowOriginList: ['https://a.test'], addVaryHeader: true } } },
      path: '/x',
      init: { headers: { origin: 'https://a.test' } },
      answer: { 'access-control-allow-origin': 'https://a.test', vary: 'Origin' },
    },
  ],
  [
    'a preflight',
    {
      middlewares: { a: { headers: { accessControlAllowOriginList: ['*'], accessControlAllowMethods: ['GET'], accessControlMaxAge: 5 } } },
      path: '/x',
      init: { method: 'OPTIONS', headers: { origin: 'https://a.test', 'access-control-request-method': 'GET' } },
      answer: {
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET',
        'access-control-max-age': '5',
        'content-length': '0',
      },
    },
  ],
  ['allowedHosts', { middlewares: { a: { headers: { allowedHosts: ['other.test'] } } }, path: '/x', status: 500 }],
  [
    'basicAuth refuses',
    {
      middlewares: { a: { basicAuth: { users: ['u:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='] } } },
      path: '/x',
      status: 401,
      answer: { 'www-authenticate': 'Basic realm="traefik"' },
    },
  ],
  [
    'basicAuth lets pass',
    {
      middlewares: { a: { basicAuth: { users: ['u:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='], headerField: 'X-User', removeHeader: true } } },
      path: '/x',
      init: { headers: { authorization: basic('u', 'secret'), 'x-user': 'forged' } },
      sent: { 'x-user': 'u', authorization: undefined },
    },
  ],
  [
    'ipAllowList',
    {
      middlewares: { a: { ipAllowList: { sourceRange: ['10.0.0.0/8'], rejectStatusCode: 404 } } },
      path: '/x',
      init: { headers: { 'x-forwarded-for': '10.0.0.1' } },
      status: 404,
    },
  ],
  [
    'buffering refuses',
    { middlewares: { a: { buffering: { maxRequestBodyBytes: 3 } } }, path: '/x', init: { method: 'POST', body: 'four' }, status: 413 },
  ],
  [
    'buffering passes',
    {
      middlewares: { a: { buffering: { maxRequestBodyBytes: 5, retryExpression: 'IsNetworkError() && Attempts() < 2' } } },
      path: '/x',
      init: { method: 'POST', body: 'four' },
    },
  ],
  ['retry', { middlewares: { a: { retry: { attempts: 3, status: ['500-599'] } } }, path: '/x', init: { method: 'PUT', body: 'kept' } }],
  ['encodedCharacters', { middlewares: { a: { encodedCharacters: {} } }, path: '/x/%2f', status: 400 }],
  [
    'circuitBreaker at rest',
    {
      middlewares: { a: { circuitBreaker: { expression: 'NetworkErrorRatio() > 0.5 || LatencyAtQuantileMS(50.0) > 100000' } } },
      path: '/x',
    },
  ],
  ['inFlightReq', { middlewares: { a: { inFlightReq: { amount: 0 } } }, path: '/x', status: 429 }],
]

for (const place of ['in this process', 'over the network'] as const)
  test.each(CASES)(`%s, ${place}`, async (_, { middlewares, path = '/x', init, status = 200, url, sent, answer }) => {
    await using server = await startServer(echo)
    const target = place === 'in this process' ? 'http://echo:80' : server.url
    await using gateway = await startTraefikGateway({ file: one('/x', middlewares, [target]) })
    service(gateway.dispatcher, 'echo', 80, echo)
    const response = await fetch(`${gateway.url()}${path}`, { redirect: 'manual', ...init })
    const text = await response.text()
    expect([response.status, text]).toEqual([status, expect.anything()])
    for (const [name, value] of Object.entries(answer ?? {})) expect(response.headers.get(name)).toBe(value)
    if (!text.startsWith('{')) return
    const seen = JSON.parse(text) as Echoed
    if (url !== undefined) expect(seen.url).toBe(url)
    if (typeof init?.body === 'string') expect(seen.body).toBe(init.body)
    for (const [name, value] of Object.entries(sent ?? {})) expect(seen.headers[name]).toBe(value)
  })

test.each(['in this process', 'over the network'])('compress, %s', async (place) => {
  const text = 'again and '.repeat(500)
  const handler: Parameters<typeof startServer>[0] = (_, res) => res.writeHead(200, { 'content-type': 'text/plain', etag: '"1"' }).end(text)
  await using server = await startServer(handler)
  await using gateway = await startTraefikGateway({
    file: one('/', { c: { compress: {} } }, [place === 'in this process' ? 'http://words:80' : server.url]),
  })
  service(gateway.dispatcher, 'words', 80, handler)
  const answer = await rawExchange(gateway.port(), 'GET / HTTP/1.1\r\nhost: a\r\naccept-encoding: br\r\nconnection: close\r\n\r\n')
  const [head = '', body = ''] = answer.split('\r\n\r\n', 2)
  expect(head.toLowerCase()).toMatch(/content-encoding: br/)
  expect(head).toMatch(/Vary: Accept-Encoding/i)
  expect(head).toMatch(/ETag: W\/"1"/i)
  const bytes = Buffer.concat(
    [...answer.slice(head.length + 4).matchAll(/([0-9a-f]+)\r\n/g)].length > 0
      ? chunksOf(Buffer.from(answer.slice(head.length + 4), 'latin1'))
      : [Buffer.from(body, 'latin1')],
  )
  expect(brotliDecompressSync(bytes).toString()).toBe(text)
})

function chunksOf(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at)
    const length = Number.parseInt(bytes.subarray(at, end).toString(), 16)
    if (!length) return chunks
    chunks.push(bytes.subarray(end + 2, end + 2 + length))
    at = end + 2 + length + 2
  }
}

test.each(['in this process', 'over the network'])('an error page, %s', async (place) => {
  const failing: Parameters<typeof startServer>[0] = (_, res) => res.writeHead(503, { 'x-own': '1' }).end('raw')
  await using server = await startServer(failing)
  const file = one(
    '/',
    { e: { errors: { status: ['500-599'], service: 'pages', query: '/{status}.html?u={url}' } } },
    [place === 'in this process' ? 'http://failing:80' : server.url],
    {
      pages: { loadBalancer: { servers: [{ url: 'http://echo:80' }] } },
    },
  )
  await using gateway = await startTraefikGateway({ file })
  service(gateway.dispatcher, 'failing', 80, failing)
  service(gateway.dispatcher, 'echo', 80, echo)
  const response = await fetch(`${gateway.url()}/a?b`, { method: 'POST', body: 'x' })
  const seen = (await response.json()) as Echoed
  expect([response.status, seen.method, seen.body, response.headers.get('x-own')]).toEqual([503, 'GET', '', null])
  expect(seen.url).toBe(`/503.html?u=${encodeURIComponent(`${gateway.url()}/a?b`)}`)
})

test('forwardAuth in this process: the named headers are those of the answer alone', async () => {
  await using gateway = await startTraefikGateway({
    file: one('/', {
      f: { forwardAuth: { address: 'http://guard:80/check', authResponseHeaders: ['X-User', 'X-Role'], trustForwardHeader: false } },
    }),
  })
  service(gateway.dispatcher, 'echo', 80, echo)
  service(gateway.dispatcher, 'guard', 80, (req, res) => {
    if (req.headers['x-forwarded-uri'] === '/secret') res.writeHead(403, { 'x-why': 'no' }).end('refused')
    else res.writeHead(200, { 'x-user': `${req.method} ${req.url} ${req.headers['x-forwarded-method']}` }).end()
  })
  const passed = await fetch(`${gateway.url()}/open`, {
    method: 'POST',
    body: 'kept',
    headers: { 'x-role': 'forged', 'x-forwarded-uri': '/x' },
  })
  const seen = (await passed.json()) as Echoed
  expect([seen.headers['x-user'], seen.headers['x-role'], seen.body]).toEqual(['GET /check POST', undefined, 'kept'])
  const refused = await fetch(`${gateway.url()}/secret`)
  expect([refused.status, refused.headers.get('x-why'), await refused.text()]).toEqual([403, 'no', 'refused'])
})

test('digestAuth: a nonce counts once, and a wrong turn asks again', async () => {
  await using gateway = await startTraefikGateway({
    file: one('/', { d: { digestAuth: { users: ['du:traefik:b2f7cc24c59b22854676b02b1553d619'] } } }),
  })
  service(gateway.dispatcher, 'echo', 80, echo)
  const md5 = (text: string) => createHash('md5').update(text).digest('hex')
  const challenge = (await fetch(gateway.url())).headers.get('www-authenticate')!
  const [nonce, opaque] = ['nonce', 'opaque'].map((name) => new RegExp(`${name}="([^"]+)"`).exec(challenge)![1]!)
  const answer = (password: string, nc: string) => {
    const response = md5(`${md5(`du:traefik:${password}`)}:${nonce}:${nc}:c:auth:${md5('GET:/')}`)
    return fetch(gateway.url(), {
      headers: {
        authorization: `Digest username="du", realm="traefik", nonce="${nonce}", uri="/", qop=auth, nc=${nc}, cnonce="c", opaque="${opaque}", response="${response}"`,
      },
    })
  }
  expect((await answer('wrong', '00000001')).status).toBe(401)
  expect((await answer('dpw', '00000001')).status).toBe(200)
  const again = await answer('dpw', '00000001')
  expect([again.status, again.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('stale=true')])
  expect((await answer('dpw', '00000002')).status).toBe(200)
})

test('rateLimit: the burst, then 429 with the time to wait; other sources are not concerned', async () => {
  await using gateway = await startTraefikGateway({
    file: one('/', { l: { rateLimit: { average: 1, period: '1h', burst: 2, sourceCriterion: { requestHeaderName: 'x-who' } } } }),
  })
  service(gateway.dispatcher, 'echo', 80, echo)
  const ask = (who: string) => fetch(gateway.url(), { headers: { 'x-who': who } })
  const answers = [await ask('a'), await ask('a'), await ask('a'), await ask('b')]
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429, 200])
  expect(Number(answers[2]!.headers.get('retry-after'))).toBeGreaterThan(3000)
})

test('MD5 crypt as htpasswd writes it', () => {
  expect(md5Crypt('myPassword', 'saltsalt', '$apr1$')).toBe('$apr1$saltsalt$8ZVuJuE66YPuWXIA2kJ4D0')
})

test('what a client tells of itself is believed from trusted addresses alone', async () => {
  const told = { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https', x_forwarded_host: 'evil', 'x-forwarded-prefix': '/evil' }
  for (const [variables, expected] of [
    [{}, ['127.0.0.1', 'http', undefined, undefined]],
    [{ TRAEFIK_ENTRYPOINTS_WEB_FORWARDEDHEADERS_TRUSTEDIPS: '127.0.0.0/8' }, ['1.2.3.4, 127.0.0.1', 'https', 'evil', '/evil']],
  ] as const) {
    await using gateway = await startTraefikGateway({ file: one('/'), variables })
    service(gateway.dispatcher, 'echo', 80, echo)
    const { headers } = (await (await fetch(gateway.url(), { headers: told })).json()) as Echoed
    expect([headers['x-forwarded-for'], headers['x-forwarded-proto'], headers['x_forwarded_host'], headers['x-forwarded-prefix']]).toEqual(
      expected,
    )
  }
})

test('services: shares, stickiness, mirrors, a fallback', async () => {
  const servers = (...names: string[]) => ({ loadBalancer: { servers: names.map((name) => ({ url: `http://${name}:80` })) } })
  const routers = Object.fromEntries(
    ['share', 'stick', 'mirror', 'fall'].map((name) => [name, { rule: `Path(\`/${name}\`)`, service: name }]),
  )
  await using gateway = await startTraefikGateway({
    file: {
      http: {
        routers,
        services: {
          a: servers('a'),
          b: servers('b'),
          broken: servers('broken'),
          share: {
            weighted: {
              services: [
                { name: 'a', weight: 3 },
                { name: 'b', weight: 1 },
              ],
            },
          },
          stick: { loadBalancer: { ...servers('a', 'b').loadBalancer, sticky: { cookie: { name: 'at', httpOnly: true } } } },
          mirror: { mirroring: { service: 'a', mirrors: [{ name: 'b', percent: 50 }] } },
          fall: { failover: { service: 'broken', fallback: 'b', errors: { status: ['500-504'] } } },
        },
      },
    },
  })
  const seen: string[] = []
  for (const name of ['a', 'b'])
    service(gateway.dispatcher, name, 80, (req, res) => {
      let body = ''
      req.on('data', (piece: Buffer) => {
        body += piece.toString()
      })
      req.on('end', () => {
        seen.push(`${name} ${body}`)
        res.end(name)
      })
    })
  service(gateway.dispatcher, 'broken', 80, (_, res) => res.writeHead(503).end())
  const ask = async (path: string, init?: RequestInit) => (await fetch(`${gateway.url()}${path}`, init)).text()
  const shares = await Promise.all(Array.from({ length: 8 }, () => ask('/share')))
  expect(shares.filter((name) => name === 'a')).toHaveLength(6)
  const first = await fetch(`${gateway.url()}/stick`)
  const [name, cookie] = [await first.text(), first.headers.get('set-cookie')!]
  expect(cookie).toMatch(/^at=[0-9a-f]{16}; Path=\/; HttpOnly$/)
  for (let i = 0; i < 3; i++) expect(await ask('/stick', { headers: { cookie: cookie.split(';')[0]! } })).toBe(name)
  seen.length = 0
  for (let i = 0; i < 4; i++) expect(await ask('/mirror', { method: 'POST', body: `m${i}` })).toBe('a')
  await expect.poll(() => seen.filter((line) => line.startsWith('b '))).toHaveLength(2)
  expect(seen.filter((line) => line.startsWith('a '))).toHaveLength(4)
  expect(await ask('/fall', { method: 'POST', body: 'kept' })).toBe('b')
  expect(seen).toContain('b kept')
})

test('health checks take a server out and bring it back', async () => {
  let well = false
  const probes: string[] = []
  await using up = await startServer((req, res) => {
    if (req.url === '/health') probes.push(req.url)
    res.writeHead(req.url === '/health' && !well ? 500 : 200).end('up')
  })
  const file = {
    http: {
      routers: { r: { rule: 'PathPrefix(`/`)', service: 's' } },
      services: {
        s: { loadBalancer: { servers: [{ url: up.url }], healthCheck: { path: '/health', interval: '20ms', unhealthyInterval: '20ms' } } },
      },
    },
  }
  await using gateway = await startTraefikGateway({ file })
  await expect.poll(async () => (await fetch(gateway.url())).status).toBe(503)
  well = true
  await expect.poll(async () => (await fetch(gateway.url())).status).toBe(200)
  expect(probes.length).toBeGreaterThan(1)
})

test('retry goes to the next server when nothing was sent', async () => {
  await using server = await startServer(echo)
  const gone = await startServer(echo)
  await gone[Symbol.asyncDispose]()
  await using gateway = await startTraefikGateway({ file: one('/', { a: { retry: { attempts: 2 } } }, [gone.url, server.url]) })
  for (let i = 0; i < 4; i++) {
    const response = await fetch(gateway.url(), { method: 'POST', body: `b${i}` })
    expect([response.status, ((await response.json()) as Echoed).body]).toEqual([200, `b${i}`])
  }
})

test('plain and TLS on one port; a router with TLS has no plain side', async () => {
  await using gateway = await startTraefikGateway({
    file: {
      http: {
        routers: {
          plain: { rule: 'PathPrefix(`/`)', service: 's' },
          secure: { rule: 'PathPrefix(`/`)', service: 's', tls: {}, middlewares: ['m'] },
        },
        middlewares: { m: { headers: { customRequestHeaders: { 'X-Tls': '1' } } } },
        services: { s: { loadBalancer: { servers: [{ url: 'http://echo:80' }] } } },
      },
    },
  })
  service(gateway.dispatcher, 'echo', 80, echo)
  const plain = (await (await fetch(gateway.url())).json()) as Echoed
  expect(plain.headers['x-tls']).toBeUndefined()
  const req = httpsRequest(gateway.url('web', 'https'), { rejectUnauthorized: false, agent: false, headers: { host: 'a.test' } }).end()
  const [res] = (await once(req, 'response')) as [import('node:http').IncomingMessage]
  let text = ''
  for await (const piece of res) text += String(piece)
  const { headers } = JSON.parse(text) as Echoed
  expect([headers['x-tls'], headers['x-forwarded-proto'], headers['x-forwarded-port']]).toEqual(['1', 'https', '443'])
})

test('a broken file is refused and what is in force stays; a mistake of one part is that part’s', async () => {
  await using gateway = await startTraefikGateway({
    file: one('/before'),
    variables: { TRAEFIK_API_INSECURE: 'true', TRAEFIK_PING: 'true', TRAEFIK_METRICS_PROMETHEUS: 'true' },
  })
  service(gateway.dispatcher, 'echo', 80, echo)
  const status = async (path: string) => (await fetch(`${gateway.url()}${path}`)).status
  await gateway.write('http: [broken')
  await expect(gateway.reload()).rejects.toThrow('dynamic.yml')
  expect(await status('/before')).toBe(200)
  const next = one('/after')
  Object.assign(next.http.routers, { bad: { rule: 'Nope(`x`)', service: 's' }, lost: { rule: 'Path(`/lost`)', service: 'absent' } })
  await gateway.write(JSON.stringify(next))
  await gateway.reload()
  expect([await status('/before'), await status('/after'), await status('/lost')]).toEqual([404, 200, 404])
  const api = async (path: string) => (await fetch(`${gateway.url('traefik')}/api/${path}`)).json() as Promise<Record<string, unknown>>
  expect(await api('http/routers/bad@file')).toMatchObject({
    status: 'disabled',
    error: [expect.stringContaining('unsupported function: Nope')],
  })
  expect(await api('http/routers/lost@file')).toMatchObject({ status: 'disabled', error: ['the service "absent@file" does not exist'] })
  expect(await api('overview')).toMatchObject({ http: { routers: { errors: 2 } }, providers: ['File'] })
  const page = await fetch(`${gateway.url('traefik')}/dashboard/`)
  expect([page.status, page.headers.get('content-security-policy')]).toEqual([200, expect.stringContaining("default-src 'none'")])
  expect(await (await fetch(`${gateway.url('traefik')}/ping`)).text()).toBe('OK')
  const metrics = await (await fetch(`${gateway.url('traefik')}/metrics`)).text()
  expect(metrics).toMatch(/traefik_service_requests_total\{code="200",method="GET",protocol="http",service="s@file"\} 2/)
  expect(metrics).toMatch(/traefik_config_reloads_total 3/)
})

test('secrets of a configuration are not in the API', async () => {
  await using gateway = await startTraefikGateway({
    file: one('/', { a: { basicAuth: { users: ['u:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='] } } }),
    variables: { TRAEFIK_API_INSECURE: 'true' },
  })
  expect(await (await fetch(`${gateway.url('traefik')}/api/rawdata`)).text()).not.toContain('SHA')
})

test('both front ends together are a start error', async () => {
  await expect(
    startTraefikGateway({ file: one('/'), variables: { KONG_DECLARATIVE_CONFIG_STRING: '_format_version: "2.1"' } }),
  ).rejects.toThrow('a gateway has one of them')
})

const label = (name: string, path: string, port: number) => `
  ${name}:
    image: supabase/${name}
    labels:
      - "traefik.enable=true"
      - "traefik.http.routers.${name}.rule=PathPrefix(\`${path}\`)"
      - "traefik.http.routers.${name}.entrypoints=websecure"
      - "traefik.http.routers.${name}.tls.certresolver=letsencrypt"
      - "traefik.http.services.${name}.loadbalancer.server.port=${port}"
      - "traefik.http.middlewares.${name}-stripprefix.stripprefix.prefixes=${path}"
      - "traefik.http.routers.${name}.middlewares=${name}-stripprefix"`

const MINIMAL = [
  ['rest', '/rest/v1', 3000],
  ['auth', '/auth/v1', 9999],
] as const
const FULL = [
  ...MINIMAL,
  ['realtime', '/realtime/v1', 4000],
  ['storage', '/storage/v1', 5000],
  ['meta', '/pg', 8080],
  ['functions', '/functions/v1', 9000],
  ['analytics', '/analytics/v1', 4000],
] as const

test.each([
  ['minimal', MINIMAL],
  ['full', FULL],
])('a %s compose file with labels: TLS entry point, redirect of the plain one, prefixes stripped', async (_, services) => {
  await using gateway = await startTraefikGateway({
    compose: `services:${services.map(([name, path, port]) => label(name, path, port)).join('')}\n  db:\n    image: supabase/postgres\n`,
    entryPoints: { websecure: 18_443 },
    variables: {
      TRAEFIK_PROVIDERS_DOCKER: 'true',
      TRAEFIK_PROVIDERS_DOCKER_EXPOSEDBYDEFAULT: 'false',
      TRAEFIK_ENTRYPOINTS_WEB_HTTP_REDIRECTIONS_ENTRYPOINT_TO: 'websecure',
      TRAEFIK_ENTRYPOINTS_WEB_HTTP_REDIRECTIONS_ENTRYPOINT_SCHEME: 'https',
    },
  })
  for (const [name, , port] of services) service(gateway.dispatcher, name, port, echo)
  for (const [name, path] of services) {
    const req = httpsRequest(`${gateway.url('websecure', 'https')}${path}/thing?q=1`, { rejectUnauthorized: false, agent: false }).end()
    const [res] = (await once(req, 'response')) as [import('node:http').IncomingMessage]
    let text = ''
    for await (const piece of res) text += String(piece)
    const seen = JSON.parse(text) as Echoed
    expect([name, seen.url, seen.headers['x-forwarded-prefix'], seen.headers['x-forwarded-proto']]).toEqual([
      name,
      '/thing?q=1',
      path,
      'https',
    ])
  }
  const plain = await fetch(`${gateway.url()}/rest/v1/x`, { redirect: 'manual' })
  expect([plain.status, plain.headers.get('location')]).toEqual([301, 'https://127.0.0.1:18443/rest/v1/x'])
})

test('labels: names in any case, variables, the default rule, one wrong service out of the way', async () => {
  await using gateway = await startTraefikGateway({
    compose: `name: kit
services:
  app:
    expose: ["3000"]
    labels:
      Traefik.HTTP.Middlewares.pre.AddPrefix.Prefix: "/\${WHERE:-here}"
      traefik.http.routers.app.rule: Path(\`/app\`)
      traefik.http.routers.app.middlewares: pre
  plain-service:
    expose: ["4000"]
  wrong:
    expose: ["5000"]
    labels: ["traefik.http.routers.wrong.nonsense=1"]
  hidden:
    expose: ["6000"]
    labels: ["traefik.enable=false"]
`,
    variables: { TRAEFIK_API_INSECURE: 'true' },
  })
  service(gateway.dispatcher, 'app', 3000, echo)
  service(gateway.dispatcher, 'plain-service', 4000, echo)
  expect(((await (await fetch(`${gateway.url()}/app`)).json()) as Echoed).url).toBe('/here/app')
  expect(await rawExchange(gateway.port(), 'GET /any HTTP/1.1\r\nhost: plain-service-kit\r\nconnection: close\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 200 [\s\S]*"url":"\/any"/,
  )
  const routers = (await (await fetch(`${gateway.url('traefik')}/api/http/routers?search=docker`)).json()) as { name: string }[]
  expect(routers.map(({ name }) => name)).toEqual(['app@docker', 'plain-service-kit@docker'])
})

test('the access log: one line per request, and nothing a client sends begins another', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-access-'))
  try {
    const path = `${folder}/access.log`
    await using logged = await startTraefikGateway({ file: one('/'), variables: { TRAEFIK_ACCESSLOG_FILEPATH: path } })
    service(logged.dispatcher, 'echo', 80, echo)
    await fetch(`${logged.url()}/a%0Ab?q=1`, { headers: { 'user-agent': 'agent "x"' } })
    await expect
      .poll(() => readFile(path, 'utf8'))
      .toMatch(
        /^127\.0\.0\.1 - - \[[^\]]+\] "GET \/a%0Ab\?q=1 HTTP\/1\.1" 200 \d+ "-" "agent \\"x\\"" 1 "r@file" "http:\/\/echo:80" \d+ms\n$/,
      )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
