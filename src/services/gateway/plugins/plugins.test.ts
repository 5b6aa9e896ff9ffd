// Each plugin through the whole gateway, with a service in this process behind it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConfigurationError } from '../config/load.ts'
import { echo, echoed, rawExchange, service, startGateway, type TestGateway } from '../testing.ts'

const withPlugins = (...plugins: object[]) => ({
  services: [{ name: 'up', url: 'http://up:80', routes: [{ name: 'all', paths: ['/'] }], plugins }],
  consumers: [
    {
      username: 'anna',
      custom_id: 'c-1',
      keyauth_credentials: [{ key: 'key-anna' }, { key: 'schlüssel' }],
      basicauth_credentials: [{ username: 'anna', password: 'pass:with:colons' }],
      acls: [{ group: 'readers' }, { group: 'writers' }],
    },
    { username: 'ben', keyauth_credentials: [{ key: 'key-ben' }], acls: [{ group: 'others' }] },
    { username: 'guest' },
  ],
})

let door: TestGateway | undefined
const started = async (...plugins: object[]) => {
  door = await startGateway(withPlugins(...plugins))
  service(door.dispatcher, 'up', 80, echo)
  return door
}
const using = (...plugins: object[]) => {
  beforeAll(() => started(...plugins))
  afterAll(() => door?.[Symbol.asyncDispose]())
}
const call = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  fetch(`${door!.url}${path}`, { headers, ...init })
const seen = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  echoed(`${door!.url}${path}`, { headers, ...init })
const said = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) => {
  const response = await call(path, headers, init)
  return [response.status, ((await response.json()) as { message?: string }).message]
}
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })

describe('key-auth', () => {
  using({ name: 'key-auth' })

  test.each([
    ['/', {}, 'No API key found in request'],
    ['/?apikey=', {}, 'No API key found in request'],
    ['/?apikey', {}, 'No API key found in request'],
    ['/?APIKEY=key-anna', {}, 'No API key found in request'],
    ['/', { apikey: '' }, 'No API key found in request'],
    ['/', { apikey: 'nope' }, 'Invalid authentication credentials'],
    ['/', { apikey: 'KEY-ANNA' }, 'Invalid authentication credentials'],
    ['/', { apikey: 'key-anna, key-ben' }, 'Invalid authentication credentials'],
    ['/?apikey=key-anna&apikey=key-anna', {}, 'Duplicate API key found'],
  ])('%s with %j is 401: %s', async (path, headers, message) => {
    expect(await said(path, headers as Record<string, string>)).toEqual([401, message])
  })

  test.each([
    ['/', { ApiKey: 'key-anna' }, 'anna'],
    ['/?apikey=key-ben&x=1', {}, 'ben'],
    ['/?apikey=key-ben', { apikey: 'key-anna' }, 'anna'],
    ['/?apikey=schl%C3%BCssel', {}, 'anna'],
  ])('%s with %j is %s', async (path, headers, username) => {
    const { headers: got } = await seen(path, headers as Record<string, string>)
    expect(got['x-consumer-username']).toBe(username)
  })

  test('a key in another form than ASCII is compared by its bytes', async () => {
    const answer = await rawExchange(
      door!.port,
      Buffer.from('GET / HTTP/1.1\r\nHost: a\r\napikey: schlüssel\r\nConnection: close\r\n\r\n', 'utf8'),
    )
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('a repeated header is a duplicate', async () => {
    const answer = await rawExchange(
      door!.port,
      'GET / HTTP/1.1\r\nHost: a\r\napikey: key-anna\r\napikey: key-anna\r\nConnection: close\r\n\r\n',
    )
    expect(answer).toContain('Duplicate API key found')
  })

  test('what a client says about who it is does not pass', async () => {
    const forged = {
      'x-consumer-username': 'root',
      'x-consumer-id': '1',
      'x-consumer-groups': 'admin',
      'x-credential-identifier': '1',
      'x-credential-username': 'root',
      'x-anonymous-consumer': 'true',
    }
    const { headers } = await seen('/', { apikey: 'key-ben', ...forged })
    expect(headers).toMatchObject({ 'x-consumer-username': 'ben' })
    for (const name of ['x-consumer-groups', 'x-credential-username', 'x-anonymous-consumer', 'x-consumer-custom-id'])
      expect(headers[name]).toBeUndefined()
    for (const name of ['x-consumer-id', 'x-credential-identifier']) expect(headers[name]).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('the refusal says how to ask', async () => expect((await call('/')).headers.get('www-authenticate')).toBe('Key realm="kong"'))

  test('Connection cannot take away what the gateway tells', async () => {
    const answer = await rawExchange(
      door!.port,
      'GET / HTTP/1.1\r\nHost: a\r\napikey: key-anna\r\nConnection: close, x-consumer-username, apikey\r\n\r\n',
    )
    const { headers } = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as { headers: Record<string, string> }
    expect([headers['x-consumer-username'], headers['apikey']]).toEqual(['anna', undefined])
  })
})

describe('key-auth that hides keys and takes them from bodies', () => {
  using({ name: 'key-auth', config: { hide_credentials: true, key_in_body: true, key_names: ['x-token', 'apikey'] } })

  test('a header and a parameter go, the others stay', async () => {
    expect((await seen('/', { 'x-token': 'key-anna' })).headers['x-token']).toBeUndefined()
    expect((await seen('/?a=%2F&apikey=key-anna&b')).url).toBe('/?a=%2F&b')
  })

  test.each([
    ['application/json', '{"apikey":"key-ben","b":[2]}', '{"b":[2]}'],
    ['application/x-www-form-urlencoded', 'a=1&apikey=key-ben&c=%20', 'a=1&c=%20'],
  ])('a field of %s goes, and the length is right', async (type, body, left) => {
    const got = await seen('/', { 'content-type': type }, { method: 'POST', body })
    expect([got.headers['x-consumer-username'], got.body, got.headers['content-length']]).toEqual(['ben', left, String(left.length)])
  })

  test.each([['text/plain'], ['application/json']])('a body of %s without a key is no key', async (type) => {
    expect(await said('/', { 'content-type': type }, { method: 'POST', body: '{"a":' })).toEqual([401, 'No API key found in request'])
  })
})

describe('key-auth and basic-auth for anybody', () => {
  using({ name: 'key-auth', config: { anonymous: 'guest' } }, { name: 'basic-auth', config: { anonymous: 'guest' } })

  test.each([
    [{ apikey: 'key-anna' }, 'anna', undefined],
    [basic('anna:pass:with:colons'), 'anna', undefined],
    [{}, 'guest', 'true'],
    [{ apikey: 'wrong' }, 'guest', 'true'],
  ])('%j is %s', async (headers, username, anonymous) => {
    const got = (await seen('/', headers as Record<string, string>)).headers
    expect([got['x-consumer-username'], got['x-anonymous-consumer']]).toEqual([username, anonymous])
  })
})

test('an anonymous consumer that is not there refuses the file', async () => {
  await expect(startGateway(withPlugins({ name: 'key-auth', config: { anonymous: 'ghost' } }))).rejects.toThrow(ConfigurationError)
})

describe('basic-auth', () => {
  using({ name: 'basic-auth', config: { hide_credentials: true } })

  test('the right password opens and stays here', async () => {
    const { headers } = await seen('/', basic('anna:pass:with:colons'))
    expect([headers['x-consumer-username'], headers['x-credential-username'], headers['authorization']]).toEqual([
      'anna',
      'anna',
      undefined,
    ])
  })

  const WRONG = 'Invalid authentication credentials'
  test.each<[Record<string, string>, string]>([
    [{}, 'Unauthorized'],
    [basic('anna:pass'), WRONG],
    [basic('anna:'), WRONG],
    [basic('other:x'), WRONG],
    [basic('ANNA:pass:with:colons'), WRONG],
    [basic('nocolon'), WRONG],
    [basic(':x'), WRONG],
    [{ authorization: 'Bearer x' }, WRONG],
  ])('%j is 401: %s', async (headers, message) => expect(await said('/', headers)).toEqual([401, message]))
})

describe.each([
  [{ allow: ['readers'] }, 'key-anna', 200],
  [{ allow: ['x', 'writers'] }, 'key-anna', 200],
  [{ allow: ['readers'] }, 'key-ben', 403],
  [{ deny: ['others'] }, 'key-ben', 403],
  [{ deny: ['others'] }, 'key-anna', 200],
  [{ whitelist: ['others'] }, 'key-ben', 200],
])('acl %j', (config, apikey, status) => {
  using({ name: 'key-auth' }, { name: 'acl', config })
  test(`answers ${status} to ${apikey}`, async () => expect((await call('/', { apikey })).status).toBe(status))
})

describe('acl', () => {
  using({ name: 'acl', config: { allow: ['readers'] } })
  test('without anybody known is 401', async () => expect(await said('/')).toEqual([401, 'Unauthorized']))
})

describe('cors', () => {
  const preflight = { origin: 'https://app.test', 'access-control-request-method': 'POST', 'access-control-request-headers': 'apikey, x-a' }

  describe('by default', () => {
    using({ name: 'cors' }, { name: 'key-auth' })
    test('answers a preflight before anybody asks for a key', async () => {
      const response = await call('/', preflight, { method: 'OPTIONS' })
      expect([
        response.status,
        await response.text(),
        response.headers.get('access-control-allow-origin'),
        response.headers.get('access-control-allow-headers'),
      ]).toEqual([200, '', '*', 'apikey, x-a'])
      expect(response.headers.get('access-control-allow-methods')).toBe('GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT')
    })
    test('a refusal can be read', async () => expect((await call('/')).headers.get('access-control-allow-origin')).toBe('*'))
    test('OPTIONS that is no preflight goes on', async () =>
      expect((await call('/', { origin: 'https://a' }, { method: 'OPTIONS' })).status).toBe(401))
  })

  describe('with a list', () => {
    using({
      name: 'cors',
      config: { origins: ['https://one.test', 'three.test', '.*\\.sub\\.test'], credentials: true, exposed_headers: ['X-A'] },
    })
    test.each([
      ['https://one.test', 'https://one.test'],
      ['https://one.test:443', 'https://one.test'],
      ['http://three.test:8080', 'http://three.test:8080'],
      ['https://a.sub.test', 'https://a.sub.test'],
      ['http://one.test', null],
      ['https://one.test.evil.test', null],
      ['https://sub.test.evil.org', null],
      ['null', null],
    ])('%s gets %s', async (origin, allowed) => {
      const { headers } = await call('/', { origin })
      expect([headers.get('access-control-allow-origin'), headers.get('vary')]).toEqual([allowed, 'Origin'])
      expect(headers.get('access-control-allow-credentials')).toBe(allowed && 'true')
    })
  })
})

describe('request-termination', () => {
  describe.each([
    [{ status_code: 403, message: 'no' }, 403, '{"message":"no"}', 'application/json; charset=utf-8'],
    [{}, 503, '{"message":"Service unavailable"}', 'application/json; charset=utf-8'],
    [{ status_code: 418 }, 418, '', null],
    [{ status_code: 200, body: '<p>', content_type: 'text/html' }, 200, '<p>', 'text/html'],
  ])('%j', (config, status, body, type) => {
    using({ name: 'request-termination', config })
    test(`answers ${status} ${body}`, async () => {
      const response = await call('/', { accept: 'text/html' })
      expect([response.status, await response.text(), response.headers.get('content-type')]).toEqual([status, body, type])
    })
  })

  describe('with a trigger', () => {
    using({ name: 'request-termination', config: { status_code: 410, trigger: 'x-stop' } })
    test.each([
      ['/', { 'X-Stop': '1' }, 410],
      ['/?x-stop', {}, 410],
      ['/', {}, 200],
    ])('%s with %j answers %i', async (path, headers, status) =>
      expect((await call(path, headers as Record<string, string>)).status).toBe(status),
    )
  })
})

describe.each([
  [{ allow: ['127.0.0.1', '::1'] }, 200],
  [{ allow: ['10.0.0.0/8'] }, 403],
  [{ deny: ['127.0.0.0/8'] }, 403],
  [{ allow: ['127.0.0.1'], deny: ['127.0.0.1'] }, 403],
])('ip-restriction %j', (config, status) => {
  using({ name: 'ip-restriction', config })
  test(`answers ${status} whatever the client claims`, async () => {
    expect((await call('/', { 'x-forwarded-for': '10.0.0.1', 'x-real-ip': '10.0.0.1' })).status).toBe(status)
  })
})

describe('post-function', () => {
  const chunk = (header: string) => `-- a comment
    local auth = kong.request.get_header("${header}")
    if auth == nil or auth == "" or auth:find("^%s*$") then
      kong.service.request.clear_header("${header}")
    end`
  using(
    { name: 'request-transformer', config: { add: { headers: ['authorization:$(headers.apikey)'] } } },
    { name: 'post-function', config: { access: [chunk('Authorization')] } },
  )

  test('takes a blank header away and leaves the others', async () => {
    const { headers } = await seen('/')
    expect('authorization' in headers).toBe(false)
    expect((await seen('/', { apikey: 'k' })).headers['authorization']).toBe('k')
    expect((await seen('/', { authorization: 'AWS4 x' })).headers['authorization']).toBe('AWS4 x')
  })

  test.each([chunk('a').replace('clear_header("a")', 'clear_header("b")'), `${chunk('a')} os.exit()`, 'return'])(
    'other code is refused: %.40j',
    async (code) => {
      await expect(startGateway(withPlugins({ name: 'post-function', config: { access: [code] } }))).rejects.toThrow(
        /this Lua chunk is not known/,
      )
    },
  )
})

describe('request-transformer', () => {
  const changed = (config: object, path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
    started({ name: 'request-transformer', config }).then(async (gateway) => {
      await using _ = gateway
      return await seen(path, headers, init)
    })

  test('remove, rename, replace, add, append in this order', async () => {
    const config = {
      remove: { headers: ['x-a'] },
      rename: { headers: ['x-b:x-a'] },
      replace: { headers: ['x-a:replaced'] },
      add: { headers: ['x-a:added', 'x-b:added'] },
      append: { headers: ['x-b:appended'] },
    }
    const { headers } = await changed(config, '/', { 'x-a': '1', 'x-b': '2' })
    expect([headers['x-a'], headers['x-b']]).toEqual(['replaced', 'added, appended'])
  })

  test('the query', async () => {
    const config = {
      remove: { querystring: ['a'] },
      rename: { querystring: ['b:c'] },
      replace: { querystring: ['d:new', 'absent:x'] },
      add: { querystring: ['e:a b', 'f:x'] },
      append: { querystring: ['f:2'] },
    }
    expect((await changed(config, '/?a=1&b=%2F&d=1&f=1&keep=%2b')).url).toBe('/?c=%2F&d=new&f=1&keep=%2b&e=a%20b&f=2')
  })

  test.each([
    ['application/json', '{"a":1,"b":7,"d":"old"}', '{"c":7,"d":["old","new"],"é":"ü"}'],
    ['application/x-www-form-urlencoded', 'a=1&b=7&d=old', 'c=7&d=old&%C3%A9=%C3%BC&d=new'],
  ])('a body of %s', async (type, body, expected) => {
    const config = { remove: { body: ['a'] }, rename: { body: ['b:c'] }, add: { body: ['é:ü', 'd:not'] }, append: { body: ['d:new'] } }
    const got = await changed(config, '/', { 'content-type': type }, { method: 'POST', body })
    if (type.endsWith('json')) expect(JSON.parse(got.body)).toEqual(JSON.parse(expected))
    else expect(got.body).toBe(expected)
    expect(got.headers['content-length']).toBe(String(Buffer.byteLength(got.body)))
  })

  test('the path, the method and the host', async () => {
    const config = { http_method: 'PUT', replace: { uri: '/u/$(query_params.q)', headers: ['host:other.test'] } }
    expect(await changed(config, '/x?q=../a b')).toMatchObject({ method: 'PUT', url: '/a%20b?q=../a%20b', headers: { host: 'other.test' } })
  })

  test('a form sent as GET goes to the query', async () => {
    const got = await changed(
      { http_method: 'GET' },
      '/?x=0',
      { 'content-type': 'application/x-www-form-urlencoded' },
      { method: 'POST', body: 'a=1&b=2' },
    )
    expect([got.method, got.url, got.body]).toEqual(['GET', '/?x=0&a=1&b=2', ''])
  })

  test('a value never becomes another header line', async () => {
    const got = await changed({ add: { headers: ['x-q:$(query_params.v)'] } }, '/?v=1%0d%0aX-Evil:%201%00')
    expect([got.headers['x-q'], got.headers['x-evil']]).toEqual(['1%0D%0AX-Evil: 1%00', undefined])
  })

  test('expressions see the request as it came, not what the same plugin changes', async () => {
    const got = await changed({ replace: { headers: ['x-a:new'] }, add: { headers: ['x-b:$(headers.x_a)'] } }, '/', { 'x-a': 'old' })
    expect([got.headers['x-a'], got.headers['x-b']]).toEqual(['new', 'old'])
  })

  test('an expression that fails is the gateway’s error, and nothing reaches the service', async () => {
    await using _ = await started({ name: 'request-transformer', config: { add: { headers: ['x:$(#headers.absent)'] } } })
    expect(await said('/')).toEqual([500, 'An unexpected error occurred'])
  })
})

describe('response-transformer', () => {
  using({
    name: 'response-transformer',
    config: { remove: { headers: ['content-type'] }, add: { headers: ['x-a:1', 'via:not'] }, append: { headers: ['x-a:2'] } },
  })
  test('changes the head of an answer', async () => {
    const { headers } = await call('/')
    expect([headers.get('content-type'), headers.get('x-a'), headers.get('via')]).toEqual([null, '1, 2', 'kong/2.8.1'])
  })
})

describe('which configuration of a plugin runs', () => {
  const add = (value: string, where: object = {}) => ({
    name: 'request-transformer',
    config: { add: { headers: [`x-from:${value}`] } },
    ...where,
  })
  beforeAll(async () => {
    door = await startGateway({
      consumers: [{ username: 'c', keyauth_credentials: [{ key: 'k' }] }],
      services: [
        {
          name: 'a',
          url: 'http://up:80',
          routes: [
            { name: 'a1', paths: ['/a1'] },
            { name: 'a2', paths: ['/a2'] },
          ],
        },
        { name: 'b', url: 'http://up:80', routes: [{ name: 'b1', paths: ['/b1'] }] },
      ],
      plugins: [
        { name: 'key-auth', config: { anonymous: '' } },
        add('all'),
        add('service', { service: 'a' }),
        add('route', { route: 'a1' }),
        add('consumer', { consumer: 'c' }),
        add('route and consumer', { route: 'a1', consumer: 'c' }),
      ],
    })
    service(door.dispatcher, 'up', 80, echo)
  })
  afterAll(() => door?.[Symbol.asyncDispose]())

  test.each([
    ['/b1', 'consumer'],
    ['/a2', 'consumer'],
    ['/a1', 'route and consumer'],
  ])('for the consumer on %s that of %s', async (path, from) => {
    expect((await seen(path, { apikey: 'k' })).headers['x-from']).toBe(from)
  })
})
