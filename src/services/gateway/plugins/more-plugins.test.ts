// jwt, hmac-auth, limits, ids and changed bodies through the whole gateway, with a service in this process and one behind a socket.
import { createHash, createHmac, createSign, generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConfigurationError } from '../config/load.ts'
import { echo, echoed, rawExchange, service, startGateway, startServer, type TestGateway, type TestServer } from '../testing.ts'

const rsa = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})
const ec = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})

const consumers = [
  {
    username: 'anna',
    jwt_secrets: [
      { key: 'anna', secret: 'a secret' },
      { key: 'rsa', algorithm: 'RS256', rsa_public_key: rsa.publicKey },
      { key: 'ec', algorithm: 'ES256', rsa_public_key: ec.publicKey },
      { key: '__proto__', secret: 'proto' },
    ],
    hmacauth_credentials: [{ username: 'anna', secret: 'hmac secret' }],
    keyauth_credentials: [{ key: 'ka' }],
  },
  { username: 'nobody' },
]

let door: TestGateway
let far: TestServer
const routes: [name: string, ...plugins: object[]][] = [
  ['jwt', { name: 'jwt' }],
  ['jwtexp', { name: 'jwt', config: { claims_to_verify: ['exp', 'nbf'] } }],
  ['jwtanon', { name: 'jwt', config: { anonymous: 'nobody' } }],
  ['hmac', { name: 'hmac-auth' }],
  ['hmacbody', { name: 'hmac-auth', config: { validate_request_body: true } }],
  ['rate', { name: 'rate-limiting', config: { year: 2, month: 1 + 1 } }],
  ['burst', { name: 'rate-limiting', config: { year: 5 } }],
  ['size', { name: 'request-size-limiting', config: { allowed_payload_size: 10, size_unit: 'bytes' } }],
  ['bot', { name: 'bot-detection', config: { allow: ['GoodBot'], deny: ['^Evil'] } }],
  ['id', { name: 'correlation-id', config: { generator: 'uuid', echo_downstream: true } }],
  ['echo', { name: 'request-termination', config: { status_code: 200, echo: true, trigger: 'x-echo' } }],
  [
    'change',
    {
      name: 'response-transformer',
      config: {
        remove: { json: ['gone'] },
        replace: { json: ['method:replaced', 'absent:no'] },
        add: { json: ['n:5', 'yes:true', 'text:1'], json_types: ['number', 'boolean', 'string'] },
        append: { json: ['list:one'] },
      },
    },
  ],
]

beforeAll(async () => {
  far = await startServer(echo)
  door = await startGateway({
    consumers,
    services: routes.flatMap(([name, ...plugins]) => [
      { name, url: 'http://up:80', routes: [{ name, paths: [`/${name}`] }], plugins },
      { name: `far-${name}`, url: far.url, routes: [{ name: `far-${name}`, paths: [`/far/${name}`] }], plugins },
    ]),
  })
  service(door.dispatcher, 'up', 80, echo)
})
afterAll(async () => {
  await door[Symbol.asyncDispose]()
  await far[Symbol.asyncDispose]()
})

const call = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  fetch(`${door.url}${path}`, { headers, ...init })
const answer = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) => {
  const response = await call(path, headers, init)
  return [response.status, (await response.json()) as Record<string, unknown>] as const
}
const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const token = (claims: object, header: Record<string, unknown> = { alg: 'HS256' }, secret = 'a secret') => {
  const signed = `${b64(header)}.${b64(claims)}`
  const alg = header['alg']
  const signature =
    alg === 'RS256'
      ? createSign('sha256').update(signed).sign(rsa.privateKey, 'base64url')
      : alg === 'ES256'
        ? createSign('sha256').update(signed).sign({ key: ec.privateKey, dsaEncoding: 'ieee-p1363' }, 'base64url')
        : alg === 'none'
          ? ''
          : createHmac(`sha${String(alg).slice(2)}`, secret)
              .update(signed)
              .digest('base64url')
  return `${signed}.${signature}`
}
const bearer = (text: string) => ({ authorization: `Bearer ${text}` })

describe.each(['', '/far'])('at a service%s', (prefix) => {
  describe('jwt', () => {
    test.each([
      [token({ iss: 'anna' })],
      [token({ iss: 'rsa' }, { alg: 'RS256' })],
      [token({ iss: 'ec' }, { alg: 'ES256' })],
      [token({}, { alg: 'HS256', iss: 'anna' })],
      [token({ iss: '__proto__' }, { alg: 'HS256' }, 'proto')],
    ])('a good token', async (text) => {
      const { headers } = await echoed(`${door.url}${prefix}/jwt`, { headers: bearer(text) })
      expect(headers['x-consumer-username']).toBe('anna')
    })

    test.each([
      ['', 'Unauthorized'],
      ['a.b', 'Bad token; invalid JSON'],
      ['a.b.c', 'Bad token; invalid JSON'],
      [`${b64([])}.${b64({})}.x`, 'Bad token; invalid JSON'],
      [token({ iss: 'anna' }, { alg: 'none' }), 'Bad token; invalid alg'],
      [`${b64({ alg: 'HS256' })}.${b64({ iss: 'anna' })}.`, 'Bad token; invalid signature'],
      [token({}), "No mandatory 'iss' in claims"],
      [token({ iss: '' }), "Invalid 'iss' in claims"],
      [token({ iss: {} }), "Invalid 'iss' in claims"],
      [token({ iss: 'constructor' }), "No credentials found for given 'iss'"],
      [token({ iss: 'rsa' }, { alg: 'HS256' }, rsa.publicKey), 'Invalid algorithm'],
      [token({ iss: 'anna' }, { alg: 'HS256' }, 'another'), 'Invalid signature'],
      [`${token({ iss: 'ec' }, { alg: 'ES256' }).slice(0, -4)}`, 'Invalid signature'],
    ])('%s is 401: %s', async (text, message) => {
      expect(await answer(`${prefix}/jwt`, text ? bearer(text) : {})).toEqual([401, { message }])
    })

    test('claims only where they are asked for', async () => {
      const now = Math.floor(Date.now() / 1000)
      const claims = async (more: object) => (await answer(`${prefix}/jwtexp`, bearer(token({ iss: 'anna', ...more }))))[1]
      expect(await claims({ exp: now - 10, nbf: now + 100 })).toEqual({ exp: 'token expired', nbf: 'token not valid yet' })
      expect(await claims({ exp: 'soon' })).toEqual({ exp: 'must be a number', nbf: 'must be a number' })
      expect((await call(`${prefix}/jwt`, bearer(token({ iss: 'anna', exp: 1 })))).status).toBe(200)
    })

    test('several tokens, and nobody where that is allowed', async () => {
      const text = token({ iss: 'anna' })
      expect((await answer(`${prefix}/jwt?jwt=${text}&jwt=${text}`))[1]).toEqual({ message: 'Multiple tokens provided' })
      const { headers } = await echoed(`${door.url}${prefix}/jwtanon`, { headers: { ...bearer('a.b.c'), 'x-consumer-username': 'anna' } })
      expect([headers['x-consumer-username'], headers['x-anonymous-consumer']]).toEqual(['nobody', 'true'])
    })
  })

  describe('hmac-auth', () => {
    const signed = (path: string, headers: Record<string, string>, names: string, { secret = 'hmac secret', method = 'GET' } = {}) => {
      const text = names
        .split(' ')
        .map((name) => (name === 'request-line' ? `${method} ${path} HTTP/1.1` : `${name}: ${headers[name]}`))
        .join('\n')
      const signature = createHmac('sha256', secret).update(text).digest('base64')
      return { ...headers, authorization: `hmac username="anna", algorithm="hmac-sha256", headers="${names}", signature="${signature}"` }
    }
    const date = (seconds = 0) => new Date(Date.now() + seconds * 1000).toUTCString()
    const path = `${prefix}/hmac?x=1`

    test('who signs is known; another path, secret or day is not', async () => {
      const { headers } = await echoed(`${door.url}${path}`, { headers: signed(path, { 'x-date': date() }, 'x-date request-line') })
      expect([headers['x-consumer-username'], headers['x-credential-username']]).toEqual(['anna', 'anna'])
      const said = async (given: Record<string, string>) => (await answer(path, given))[1]['message']
      expect(await said(signed(`${path}2`, { 'x-date': date() }, 'x-date request-line'))).toBe('HMAC signature does not match')
      expect(await said(signed(path, { 'x-date': date() }, 'x-date', { secret: 'no' }))).toBe('HMAC signature does not match')
      expect(await said(signed(path, { 'x-date': date(-400) }, 'x-date'))).toMatch(/a valid date or x-date header is required/)
      expect(await said({ 'x-date': date(), authorization: 'hmac nonsense' })).toBe('HMAC signature cannot be verified')
      expect(await said({ 'x-date': date() })).toBe('Unauthorized')
    })

    test('the digest of the body has to be signed', async () => {
      const target = `${prefix}/hmacbody`
      const post = async (body: string, of: string, names: string) => {
        const digest = `SHA-256=${createHash('sha256').update(of).digest('base64')}`
        return (await call(target, signed(target, { 'x-date': date(), digest }, names, { method: 'POST' }), { method: 'POST', body }))
          .status
      }
      expect(await post('one', 'one', 'x-date digest')).toBe(200)
      expect(await post('two', 'one', 'x-date digest')).toBe(401)
      expect(await post('two', 'two', 'x-date')).toBe(401)
    })
  })

  test('rate-limiting counts down, tells, refuses, and counts nothing that it refused', async () => {
    const seen = []
    for (let i = 0; i < 4; i++) seen.push(await call(`${prefix}/rate`))
    expect(seen.map(({ status }) => status)).toEqual([200, 200, 429, 429])
    expect(seen.map(({ headers }) => headers.get('x-ratelimit-remaining-year'))).toEqual(['1', '0', '0', '0'])
    expect(seen[0]!.headers.get('ratelimit-limit')).toBe('2')
    expect(Number(seen[2]!.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await seen[2]!.json()).toEqual({ message: 'API rate limit exceeded' })
  })

  test('rate-limiting lets no more through at once than one after another', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => call(`${prefix}/burst`)))
    expect(all.filter(({ status }) => status === 200)).toHaveLength(5)
  })

  test('request-size-limiting measures announced and other bodies', async () => {
    const post = async (body: string | ReadableStream, more: object = {}) =>
      (await call(`${prefix}/size`, {}, { method: 'POST', body, ...more })).status
    const stream = (text: string) => new Blob([text]).stream()
    expect([await post('0123456789'), await post('0123456789a')]).toEqual([200, 413])
    expect([await post(stream('0123456789'), { duplex: 'half' }), await post(stream('x'.repeat(5000)), { duplex: 'half' })]).toEqual([
      200, 413,
    ])
  })

  test.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0', 200],
    ['Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36', 200],
    ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', 403],
    ['facebookexternalhit/1.1', 403],
    ['Scrapy/2.5', 403],
    ['Evil browser', 403],
    ['GoodBot/1.0', 200],
  ])('bot-detection: %s is %i', async (agent, status) => {
    expect((await call(`${prefix}/bot`, { 'user-agent': agent })).status).toBe(status)
  })

  test('bot-detection takes one agent', async () => {
    const text = await rawExchange(
      door.port,
      `GET ${prefix}/bot HTTP/1.1\r\nHost: a\r\nUser-Agent: a\r\nUser-Agent: b\r\nConnection: close\r\n\r\n`,
    )
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('correlation-id makes one, keeps a given one, and tells it', async () => {
    const made = await call(`${prefix}/id`)
    const id = made.headers.get('kong-request-id')
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    expect(((await made.json()) as { headers: Record<string, string> }).headers['kong-request-id']).toBe(id)
    expect((await call(`${prefix}/id`, { 'kong-request-id': 'mine' })).headers.get('kong-request-id')).toBe('mine')
  })

  test('request-termination shows what arrived, when it is told to', async () => {
    expect((await answer(`${prefix}/echo`))[1]['url']).toBe('/')
    const [, body] = await answer(`${prefix}/echo?a=1&a=2`, { 'x-echo': '1' }, { method: 'POST', body: 'text' })
    const { request, matched_route } = body as { request: Record<string, unknown>; matched_route: { name: string } }
    expect([request['method'], request['path'], request['query'], request['raw_body'], matched_route.name]).toEqual([
      'POST',
      `${prefix}/echo`,
      { a: ['1', '2'] },
      'text',
      prefix ? 'far-echo' : 'echo',
    ])
  })

  test('response-transformer changes a JSON body and its length', async () => {
    const response = await call(`${prefix}/change`)
    const body = (await response.json()) as Record<string, unknown>
    expect([body['method'], body['absent'], body['n'], body['yes'], body['text'], body['list']]).toEqual([
      'replaced',
      undefined,
      5,
      true,
      '1',
      ['one'],
    ])
    const head = await call(`${prefix}/change`, {}, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })
})

test.each([
  [{ name: 'rate-limiting', config: {} }, /at least one of these fields must be non-empty: 'second'/],
  [
    { name: 'rate-limiting', config: { minute: 5, hour: 1 } },
    /The limit for hour\(1\.0\) cannot be lower than the limit for minute\(5\.0\)/,
  ],
  [{ name: 'rate-limiting', config: { minute: 0 } }, /value must be greater than 0/],
  [{ name: 'rate-limiting', config: { minute: 1, policy: 'redis' } }, /redis_host': required field missing/],
  [{ name: 'rate-limiting', config: { minute: 1, policy: 'cluster' } }, /local and redis are there/],
  [{ name: 'rate-limiting', config: { minute: 1, limit_by: 'header' } }, /header_name': required field missing/],
  [{ name: 'jwt', config: { claims_to_verify: ['sub'] } }, /expected one of: exp, nbf/],
  [{ name: 'jwt', config: { anonymous: 'ghost' } }, /no consumer 'ghost'/],
  [{ name: 'bot-detection', config: { deny: ['('] } }, /not a valid regex/],
])('%j is refused', async (plugin, message) => {
  const file = { services: [{ name: 's', url: 'http://up:80', routes: [{ name: 'r', paths: ['/'] }], plugins: [plugin] }] }
  await expect(startGateway(file)).rejects.toThrow(ConfigurationError)
  await expect(startGateway(file)).rejects.toThrow(message)
})
