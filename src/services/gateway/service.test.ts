// The service around the engine: reload, limits, TLS, status, what a start refuses.
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:http2'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readEnv } from '../../env/read.ts'
import { Dispatcher } from '../../http/dispatch.ts'
import { serveEndpoint } from '../../http/server.ts'
import { silentLog } from '../../log/log.ts'
import { gatewayEnv } from './env.ts'
import { gateway } from './index.ts'
import { echo, echoed, rawExchange, service, startGateway, startServer } from './testing.ts'

const toUp = (path: string, more: object = {}) => ({
  services: [{ name: 'up', url: 'http://up:80', routes: [{ name: 'r', paths: [path] }], ...more }],
})

describe('a reload', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gateway-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  test('takes a new file over, keeps the old plan when the new one is wrong, and cuts no request off', async () => {
    const file = join(folder, 'kong.yml')
    const write = (config: object) => writeFile(file, JSON.stringify({ _format_version: '2.1', ...config }))
    await write(toUp('/one'))
    await using door = await startGateway(undefined, { KONG_DECLARATIVE_CONFIG: file })
    let finish = () => {}
    service(door.dispatcher, 'up', 80, (_, res) => {
      res.write('begun ')
      finish = () => res.end('and ended')
    })
    const running = await fetch(`${door.url}/one`)
    await write(toUp('/two'))
    await door.reload()
    expect((await fetch(`${door.url}/one`)).status).toBe(404)
    finish()
    expect(await running.text()).toBe('begun and ended')
    await write(toUp('three'))
    await expect(door.reload()).rejects.toThrow(/should start with: \//)
    const two = fetch(`${door.url}/two`)
    expect((await two).status).toBe(200)
    finish()
  })

  test('a file that is not there refuses the start by its name', async () => {
    const file = join(folder, 'absent.yml')
    await expect(startGateway(undefined, { KONG_DECLARATIVE_CONFIG: file })).rejects.toThrow(`${file}:\ncannot read the file (ENOENT)`)
  })
})

describe('a limit on bodies', () => {
  const LIMIT = { KONG_CLIENT_MAX_BODY_SIZE: '1k' }
  test.each([
    ['announced', 1_024, 200],
    ['announced', 1_025, 413],
    ['in pieces', 1_024, 200],
  ])('%s, %i bytes: %i', async (how, bytes, status) => {
    await using door = await startGateway(toUp('/'), LIMIT)
    service(door.dispatcher, 'up', 80, echo)
    const body = Buffer.alloc(bytes, 'x')
    const response = await fetch(
      door.url,
      how === 'announced' ? { method: 'POST', body } : ({ method: 'POST', body: new Blob([body]).stream(), duplex: 'half' } as RequestInit),
    )
    expect(response.status).toBe(status)
    await response.text()
  })

  test.each(['in this process', 'over the network'])('a body in pieces that grows past it never arrives whole %s', async (where) => {
    let whole = false
    const listener: Parameters<typeof startServer>[0] = (req, res) => {
      req.resume()
      req.on('end', () => {
        whole = true
        res.end()
      })
      req.on('error', () => {})
    }
    await using upstream = await startServer(listener)
    await using door = await startGateway(toUp('/'), where === 'over the network' ? { ...LIMIT, UP_URL: upstream.url } : LIMIT)
    if (where === 'in this process') service(door.dispatcher, 'up', 80, listener)
    const body = new Blob([Buffer.alloc(100_000)]).stream()
    await expect(fetch(door.url, { method: 'POST', body, duplex: 'half' } as RequestInit)).rejects.toThrow()
    expect(whole).toBe(false)
  })
})

test('over TLS the service is told so, and routes for TLS alone are served', async () => {
  const config = JSON.stringify({ _format_version: '2.1', ...toUp('/', { routes: [{ name: 'r', paths: ['/'], protocols: ['https'] }] }) })
  const env = readEnv(gatewayEnv, { KONG_PROXY_LISTEN: '127.0.0.1:0, 127.0.0.1:0 ssl', KONG_DECLARATIVE_CONFIG_STRING: config })
  const dispatcher = new Dispatcher()
  service(dispatcher, 'up', 80, echo)
  const running = await gateway.start(env, { log: silentLog, dispatcher, signal: new AbortController().signal })
  const tls = running.endpoints.find(({ port }) => port === 8443)!
  const server = await serveEndpoint(tls, '127.0.0.1', 0)
  try {
    const body = await new Promise<string>((resolve, reject) => {
      get({ host: 'localhost', family: 4, port: server.port, ca: tls.tls!.cert, agent: false }, (res) => {
        let text = ''
        res.on('data', (piece) => {
          text += piece
        })
        res.on('end', () => resolve(text))
      }).on('error', reject)
    })
    expect(JSON.parse(body)).toMatchObject({ headers: { 'x-forwarded-proto': 'https', 'x-forwarded-port': String(server.port) } })
  } finally {
    await server.close(0)
    await running.stop()
  }
})

test.each(['in this process', 'over the network'])(
  'over HTTP/2 a body streams through to a service %s, and its answer back',
  async (where) => {
    const listener = (req: IncomingMessage, res: ServerResponse) => {
      res.writeHead(200, {
        'content-type': 'text/plain',
        'x-version': req.httpVersion,
        'x-host': req.headers.host,
        'set-cookie': ['a=1', 'b=2'],
      })
      req.pipe(res)
    }
    await using upstream = await startServer(listener)
    const config = JSON.stringify({ _format_version: '2.1', ...toUp('/') })
    const env = readEnv(gatewayEnv, {
      KONG_PROXY_LISTEN: '127.0.0.1:0, 127.0.0.1:0 http2 ssl',
      KONG_DECLARATIVE_CONFIG_STRING: config,
      ...(where === 'over the network' && { UP_URL: upstream.url }),
    })
    const dispatcher = new Dispatcher()
    if (where === 'in this process') service(dispatcher, 'up', 80, listener)
    const running = await gateway.start(env, { log: silentLog, dispatcher, signal: new AbortController().signal })
    const tls = running.endpoints.find(({ port }) => port === 8443)!
    const server = await serveEndpoint(tls, '127.0.0.1', 0)
    const session = connect(`https://127.0.0.1:${server.port}`, { ca: tls.tls!.cert })
    try {
      const stream = session.request({ ':method': 'POST', ':path': '/echo' })
      const body = Buffer.alloc(1_000_000, 'x')
      stream.end(body)
      const [headers] = await once(stream, 'response')
      expect(headers).toMatchObject({ ':status': 200, 'x-host': 'up', 'set-cookie': ['a=1', 'b=2'], via: 'kong/2.8.1' })
      const chunks: Buffer[] = []
      for await (const chunk of stream) chunks.push(chunk as Buffer)
      expect(Buffer.concat(chunks).equals(body)).toBe(true)
    } finally {
      session.destroy()
      await server.close(0)
      await running.stop()
    }
  },
)

test.each([
  [426, undefined, 'Please use HTTPS protocol'],
  [301, 'https://www.test/x/y?a=1', undefined],
])('a plain request on a route for TLS is %i', async (https_redirect_status_code, location, message) => {
  await using door = await startGateway(
    toUp('/', { routes: [{ name: 'r', paths: ['/x'], protocols: ['https'], https_redirect_status_code }] }),
  )
  const answer = await rawExchange(door.port, 'GET /x/y?a=1 HTTP/1.1\r\nHost: www.test:8000\r\nConnection: close\r\n\r\n')
  expect(answer).toContain(`HTTP/1.1 ${https_redirect_status_code} `)
  if (location) expect(answer).toContain(`Location: ${location}\r\n`)
  if (message) expect(answer).toContain(message)
})

test('what it says of itself can be turned off', async () => {
  await using door = await startGateway(toUp('/x'), { KONG_HEADERS: 'off' })
  service(door.dispatcher, 'up', 80, echo)
  for (const path of ['/x', '/none']) {
    const { headers } = await fetch(`${door.url}${path}`)
    expect([...headers.keys()].filter((name) => /kong|via|^server$/.test(name))).toEqual([])
  }
})

test('a trusted proxy’s word is passed on', async () => {
  await using door = await startGateway(toUp('/x'), {
    KONG_TRUSTED_IPS: '127.0.0.1,::1',
    KONG_REAL_IP_HEADER: 'X-Forwarded-For',
    KONG_REAL_IP_RECURSIVE: 'on',
  })
  service(door.dispatcher, 'up', 80, echo)
  const headers = {
    'x-forwarded-for': '1.2.3.4',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'www.test',
    'x-forwarded-port': '443',
    'x-forwarded-prefix': '/outer',
  }
  expect((await echoed(`${door.url}/x/y`, { headers })).headers).toMatchObject({
    ...headers,
    'x-forwarded-for': '1.2.3.4, 127.0.0.1',
    'x-real-ip': '1.2.3.4',
  })
})

test('the status page tells the configuration in force', async () => {
  const env = readEnv(gatewayEnv, { KONG_PROXY_LISTEN: 'off', KONG_DECLARATIVE_CONFIG_STRING: '{"_format_version":"2.1"}' })
  const running = await gateway.start(env, { log: silentLog, dispatcher: new Dispatcher(), signal: new AbortController().signal })
  const server = await serveEndpoint(running.endpoints.find(({ port }) => port === 8100)!, '127.0.0.1', 0)
  const status = (await (await fetch(`http://127.0.0.1:${server.port}/status`)).json()) as { configuration_hash: string }
  expect(status.configuration_hash).toMatch(/^[0-9a-f]{32}$/)
  expect((await fetch(`http://127.0.0.1:${server.port}/other`)).status).toBe(404)
  await server.close(0)
  await running.stop()
})

test('realtime is asked under the name that its tenant is read from', async () => {
  await using door = await startGateway(undefined, { PLINTH_GATEWAY_FORM: 'local' })
  service(door.dispatcher, 'realtime-dev.supabase-realtime', 4000, echo)
  expect((await echoed(`${door.url}/realtime/v1/api/broadcast`)).headers['host']).toBe('realtime-dev.supabase-realtime:4000')
})

describe.each(['self-hosted', 'local'])('storage behind the %s file', (form) => {
  const KEYS = { SUPABASE_ANON_KEY: 'a', SUPABASE_SERVICE_KEY: 's', DASHBOARD_USERNAME: 'u', DASHBOARD_PASSWORD: 'p' }
  test.each([
    ['/object/sign/b/x?token=t', {}, undefined],
    ['/s3/b/x?X-Amz-Signature=1', {}, undefined],
    ['/s3/b/x', { authorization: 'AWS4-HMAC-SHA256 x' }, 'AWS4-HMAC-SHA256 x'],
  ])('%s with %j has the authorization %j: never an empty one', async (path, headers, authorization) => {
    await using door = await startGateway(undefined, { ...KEYS, PLINTH_GATEWAY_FORM: form })
    service(door.dispatcher, 'storage', 5000, echo)
    const seen = await echoed(`${door.url}/storage/v1${path}`, { headers: headers as Record<string, string> })
    expect([seen.url, seen.headers['authorization']]).toEqual([path, authorization])
  })

  test('a resumable upload of 7 MB in pieces arrives', async () => {
    await using door = await startGateway(undefined, { ...KEYS, PLINTH_GATEWAY_FORM: form })
    service(door.dispatcher, 'storage', 5000, (req, res) => {
      let bytes = 0
      req.on('data', (piece: Buffer) => {
        bytes += piece.length
      })
      req.on('end', () => {
        res.writeHead(204, { 'upload-offset': bytes, 'tus-resumable': '1.0.0' })
        res.end()
      })
    })
    const sent = await fetch(`${door.url}/storage/v1/upload/resumable/x`, {
      method: 'PATCH',
      body: Buffer.alloc(7_000_000),
      headers: { 'tus-resumable': '1.0.0' },
    })
    expect([sent.status, sent.headers.get('upload-offset')]).toEqual([204, '7000000'])
  })
})
