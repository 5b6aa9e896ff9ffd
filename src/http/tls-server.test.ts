import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { request as http1Request } from 'node:https'
import { createSecureContext, connect as tlsConnect } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Endpoint } from '../service/definition.ts'
import { selfSigned } from '../services/gateway/tls/self-signed.ts'
import { type ListeningServer, serveEndpoint } from './server.ts'

const pair = selfSigned(['localhost', '127.0.0.1'])
let server: ListeningServer
let session: ClientHttp2Session | undefined
let handle: Endpoint['handle'] = (_, res) => res.end()

const start = async (tls: Partial<NonNullable<Endpoint['tls']>> = {}) => {
  server = await serveEndpoint({ port: 1, handle: (req, res) => handle(req, res), tls: { ...pair, http2: true, ...tls } }, '127.0.0.1', 0)
}
beforeEach(() => start())
afterEach(async () => {
  session?.destroy()
  session = undefined
  await server.close(0)
})

const open = () => {
  session ??= connect(`https://localhost:${server.port}`, {
    ca: pair.cert,
    lookup: (_, __, done) => done(null, [{ address: '127.0.0.1', family: 4 }] as never, 4),
  })
  return session
}

interface Answer {
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

async function ask(headers: OutgoingHttpHeaders, body?: Buffer | string): Promise<Answer> {
  const stream = open().request({ ':path': '/', ...headers }, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  const [given] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return { headers: given, text: Buffer.concat(chunks).toString() }
}

const seen = (req: IncomingMessage) => ({
  version: req.httpVersion,
  method: req.method,
  url: req.url,
  raw: req.rawHeaders,
  headers: req.headers,
})

test('a stream comes as the request that HTTP/1.1 would have brought', async () => {
  handle = (req, res) => res.end(JSON.stringify(seen(req)))
  const { text } = await ask({ ':method': 'GET', ':path': '/a?b=1', 'x-two': ['1', '2'], cookie: ['a=1', 'b=2'] })
  const { version, method, url, raw, headers } = JSON.parse(text)
  expect([version, method, url]).toEqual(['2.0', 'GET', '/a?b=1'])
  expect(raw.slice(0, 2)).toEqual(['host', `localhost:${server.port}`])
  expect(raw.some((name: string) => name.startsWith(':'))).toBe(false)
  expect(headers).toMatchObject({ host: `localhost:${server.port}`, 'x-two': '1, 2', cookie: 'a=1; b=2' })
  expect(headers).not.toHaveProperty('transfer-encoding')
})

test('a body without a length has the framing of one', async () => {
  handle = async (req, res) => {
    let size = 0
    for await (const chunk of req) size += chunk.length
    res.end(`${req.headers['transfer-encoding']} ${size}`)
  }
  expect((await ask({ ':method': 'POST' }, Buffer.alloc(300_000))).text).toBe('chunked 300000')
  expect((await ask({ ':method': 'POST', 'content-length': 5 }, 'hello')).text).toBe('undefined 5')
})

test('what belongs to a connection of HTTP/1.1 is left out of an answer, and repeated headers are kept', async () => {
  handle = (_, res) => {
    res.setHeader('Keep-Alive', 'timeout=5')
    res.writeHead(201, 'Made', [
      'Connection',
      'close',
      'Transfer-Encoding',
      'chunked',
      'Set-Cookie',
      'a=1',
      'Set-Cookie',
      'b=2',
      'X-One',
      '1',
    ])
    res.end('made')
  }
  const { headers, text } = await ask({ ':method': 'GET' })
  expect(headers).toMatchObject({ ':status': 201, 'set-cookie': ['a=1', 'b=2'], 'x-one': '1' })
  for (const name of ['connection', 'keep-alive', 'transfer-encoding']) expect(headers).not.toHaveProperty(name)
  expect(text).toBe('made')
})

test('a client that gives up a stream closes that one response alone', async () => {
  const closed: string[] = []
  let gone: () => void = () => {}
  const first = new Promise<void>((resolve) => {
    gone = resolve
  })
  handle = (req, res) => {
    if (req.url === '/wait')
      res.once('close', () => {
        closed.push(String(res.writableFinished))
        gone()
      })
    else res.end('fine')
  }
  const stream = open().request({ ':path': '/wait' })
  stream.on('error', () => {})
  expect((await ask({})).text).toBe('fine')
  stream.close(constants.NGHTTP2_CANCEL)
  await first
  expect(closed).toEqual(['false'])
  expect((await ask({})).text).toBe('fine')
})

test('a body that nobody reads does not keep the answer back, nor the next stream', async () => {
  handle = (_, res) => res.writeHead(413).end('too large')
  const stream = open().request({ ':method': 'POST', ':path': '/' })
  stream.on('error', () => {})
  stream.write(Buffer.alloc(2_000_000))
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  expect(headers[':status']).toBe(413)
  let text = ''
  stream.on('data', (chunk) => {
    text += String(chunk)
  })
  await once(stream, 'end')
  expect(text).toBe('too large')
  expect((await ask({})).text).toBe('too large')
})

test('a request that hangs is cut when the grace time of a close is over, and an idle connection ends at once', async () => {
  let begun: () => void = () => {}
  const running = new Promise<void>((resolve) => {
    begun = resolve
  })
  handle = () => begun()
  const stream = open().request({ ':path': '/' })
  const cut = new Promise((resolve) => stream.once('close', resolve))
  stream.on('error', () => {})
  await running
  await server.close(10)
  await cut
})

test('a client of HTTP/1.1 is served on the same port', async () => {
  handle = (req, res) => res.end(req.httpVersion)
  const text = await new Promise((resolve, reject) => {
    http1Request({ host: '127.0.0.1', port: server.port, ca: pair.cert, servername: 'localhost', agent: false }, (res) =>
      res.once('data', (chunk) => resolve(String(chunk))),
    )
      .on('error', reject)
      .end()
  })
  expect(text).toBe('1.1')
})

const certificateFor = async (servername: string, more = {}): Promise<string | undefined> => {
  const socket = tlsConnect({ host: '127.0.0.1', port: server.port, servername, rejectUnauthorized: false, ...more })
  await once(socket, 'secureConnect')
  const name = socket.getPeerCertificate().subject?.CN as string | undefined
  const protocol = socket.alpnProtocol
  socket.destroy()
  return `${name} ${protocol || '-'}`
}

test('the certificate is that of the name, and the validation of an authority has its own', async () => {
  await server.close(0)
  const other = createSecureContext(selfSigned(['other.test']))
  const proof = createSecureContext(selfSigned(['proof.test']))
  let awaited = false
  await start({
    contextFor: (name) => (name === 'other.test' ? other : undefined),
    validation: { awaited: () => awaited, contextFor: () => proof },
  })
  const acme = { ALPNProtocols: ['acme-tls/1'] }
  expect(await certificateFor('other.test')).toBe('other.test -')
  expect(await certificateFor('unknown.test')).toBe('localhost -')
  await expect(certificateFor('other.test', acme)).rejects.toMatchObject({
    code: expect.stringMatching(/ALPN|NO_APPLICATION_PROTOCOL|ECONNRESET/),
  })
  awaited = true
  expect(await certificateFor('other.test', acme)).toBe('proof.test acme-tls/1')
  expect(await certificateFor('other.test', { ALPNProtocols: ['h2'] })).toBe('other.test h2')
})
