// Requests to services, in this process and over real sockets: the same cases for both wherever both exist.
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, type RequestListener, request } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { UpgradeHandler } from '../../../http/handler.ts'
import { echo, echoed, rawExchange, service, startGateway, startServer, type TestGateway } from '../testing.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

type Where = 'in this process' | 'over the network'

const UP = { name: 'up', url: 'http://up:3000/', routes: [{ name: 'up', paths: ['/'] }] }

/** A gateway whose service `up` is this listener. */
async function gatewayTo(
  where: Where,
  listener: RequestListener,
  more: { upgrade?: UpgradeHandler; service?: object } = {},
): Promise<TestGateway> {
  const config = { services: [{ ...UP, ...more.service }] }
  if (where === 'in this process') {
    const door = await startGateway(config)
    service(door.dispatcher, 'up', 3000, listener, more.upgrade)
    open.push(door)
    return door
  }
  const upstream = await startServer(listener, more.upgrade)
  const door = await startGateway(config, { UP_URL: upstream.url })
  open.push(upstream, door)
  return door
}

function ask(
  door: TestGateway,
  options: { path?: string; method?: string; headers?: Record<string, string | number> } = {},
): ClientRequest {
  return request({ host: '127.0.0.1', port: door.port, path: '/', agent: false, ...options })
}

async function answerOf(req: ClientRequest): Promise<IncomingMessage> {
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  return res
}

async function textOf(res: IncomingMessage): Promise<string> {
  res.setEncoding('utf8')
  let text = ''
  for await (const piece of res) text += piece
  return text
}

describe.each<Where>(['in this process', 'over the network'])('a service %s', (where) => {
  test('is told who asked, and how', async () => {
    const door = await gatewayTo(where, echo)
    const { headers } = await echoed(`${door.url}/a/b?q=1`, {
      headers: {
        'x-forwarded-for': '1.2.3.4',
        'x-forwarded-host': 'evil',
        'x-real-ip': '6.6.6.6',
        'x-forwarded-prefix': '/evil',
        'x-forwarded-path': '/evil',
        'x-many': '1',
        te: 'gzip',
      },
    })
    expect(headers).toMatchObject({
      host: 'up:3000',
      'x-forwarded-for': '1.2.3.4, 127.0.0.1',
      'x-forwarded-host': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-port': String(door.port),
      'x-forwarded-path': '/a/b',
      'x-real-ip': '127.0.0.1',
    })
    for (const name of ['x-forwarded-prefix', 'te']) expect(headers[name]).toBeUndefined()
  })

  test('never sees what belongs to the client’s connection', async () => {
    const door = await gatewayTo(where, echo)
    const answer = await rawExchange(
      door.port,
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x-private\r\nX-Private: 1\r\nKeep-Alive: 9\r\nProxy-Connection: x\r\nProxy: http://evil\r\nX-Many: a\r\nX-Many: b\r\n\r\n',
    )
    const { headers, raw } = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as {
      headers: Record<string, string>
      raw: string[]
    }
    for (const name of ['x-private', 'keep-alive', 'proxy-connection', 'proxy']) expect(headers[name]).toBeUndefined()
    expect(raw.filter((_, i) => raw[i - 1]?.toLowerCase() === 'x-many')).toEqual(['a', 'b'])
  })

  test('answers with its own status, headers and repeated lines; what belongs to its connection stays here', async () => {
    const door = await gatewayTo(where, (_, res) => {
      res.setHeader('x-inner', '1')
      res.setHeader('connection', 'x-inner')
      res.writeHead(207, { 'set-cookie': ['a=1', 'b=2'], server: 'theirs', 'x-accel-redirect': '/x', etag: '"z"' })
      res.end('body')
    })
    const res = await answerOf(ask(door).end())
    expect([
      res.statusCode,
      res.headers['set-cookie'],
      res.headers['server'],
      res.headers['etag'],
      res.headers['x-inner'],
      res.headers['x-accel-redirect'],
      await textOf(res),
    ]).toEqual([207, ['a=1', 'b=2'], 'theirs', '"z"', undefined, undefined, 'body'])
  })

  test.each([
    ['GET', 204, ''],
    ['GET', 304, ''],
    ['HEAD', 200, ''],
    ['GET', 200, 'own'],
  ])('%s answered %i has the body %j', async (method, status, body) => {
    const door = await gatewayTo(where, (_, res) => {
      if (status === 200) res.setHeader('content-length', 3)
      res.writeHead(status)
      res.end(status === 200 ? 'own' : undefined)
    })
    const res = await answerOf(ask(door, { method }).end())
    expect([res.statusCode, await textOf(res), res.headers['content-length']]).toEqual([status, body, status === 200 ? '3' : undefined])
  })

  test('a piece arrives while the service still writes', async () => {
    let go = () => {}
    const door = await gatewayTo(where, (_, res) => {
      res.write('first')
      go = () => res.end(' last')
    })
    const res = await answerOf(ask(door).end())
    res.setEncoding('utf8')
    const ended = once(res, 'end')
    const [first] = (await once(res, 'data')) as [string]
    const second = once(res, 'data')
    go()
    expect([first, ...(await second)]).toEqual(['first', ' last'])
    await ended
  })

  test('reads a body while the client still writes, past what is read ahead', async () => {
    let bytes = 0
    let halfway = () => {}
    const half = new Promise<void>((resolve) => {
      halfway = resolve
    })
    const door = await gatewayTo(where, (req, res) => {
      req.on('data', (piece: Buffer) => {
        bytes += piece.length
        if (bytes >= 100_000) halfway()
      })
      req.on('end', () => res.end(String(bytes)))
    })
    const req = ask(door, { method: 'POST' })
    req.write(Buffer.alloc(100_000))
    await half
    req.end(Buffer.alloc(50_000))
    expect(await textOf(await answerOf(req))).toBe('150000')
  })

  test('Expect: 100-continue is answered by the gateway', async () => {
    const door = await gatewayTo(where, echo)
    const req = ask(door, { method: 'POST', headers: { expect: '100-continue', 'content-length': 5 } })
    req.flushHeaders()
    await once(req, 'continue')
    req.end('hello')
    const seen = JSON.parse(await textOf(await answerOf(req))) as { body: string; headers: Record<string, string> }
    expect([seen.body, seen.headers['expect']]).toEqual(['hello', undefined])
  })

  test('a client that goes away ends the service’s work', async () => {
    let ended = () => {}
    const end = new Promise<void>((resolve) => {
      ended = resolve
    })
    const door = await gatewayTo(where, (_, res) => {
      res.write('begin')
      res.on('close', ended)
    })
    const req = ask(door).end()
    await answerOf(req)
    req.destroy()
    await end
  })

  test('a service that breaks off leaves the client a broken answer', async () => {
    const door = await gatewayTo(where, (req, res) => {
      res.write('begin', () => req.socket.destroy())
    })
    const answer = await rawExchange(door.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(answer).toContain('begin')
    expect(answer).not.toMatch(/\r\n0\r\n\r\n$/)
  })

  test('a slow reader holds the service back', async () => {
    let written = 0
    const total = 64 * 1024 * 1024
    const door = await gatewayTo(where, (_, res) => {
      const block = Buffer.alloc(65_536)
      const more = () => {
        while (written < total) {
          written += block.length
          if (!res.write(block)) {
            res.once('drain', more)
            return
          }
        }
        res.end()
      }
      more()
    })
    const res = await answerOf(ask(door).end())
    let before = -1
    const stands = () => {
      const same = written === before
      before = written
      return same
    }
    await expect.poll(stands, { interval: 50 }).toBe(true)
    expect(written).toBeLessThan(total / 2)
    let received = 0
    for await (const piece of res) received += (piece as Buffer).length
    expect(received).toBe(total)
  })

  test('trailers pass to a client', async () => {
    const door = await gatewayTo(where, (_, res) => {
      res.writeHead(200, { trailer: 'x-sum' })
      res.write('body')
      res.addTrailers({ 'x-sum': '42' })
      res.end()
    })
    const res = await answerOf(ask(door, { headers: { te: 'trailers' } }).end())
    await textOf(res)
    expect(res.trailers).toEqual({ 'x-sum': '42' })
  })

  test('two hundred uploads at once all arrive', async () => {
    const door = await gatewayTo(where, (req, res) => {
      let bytes = 0
      req.on('data', (piece: Buffer) => {
        bytes += piece.length
      })
      req.on('end', () => res.end(String(bytes)))
    })
    const bodies = Array.from({ length: 200 }, (_, i) => Buffer.alloc(100_000 + i))
    const answers = await Promise.all(bodies.map(async (body) => (await fetch(door.url, { method: 'PUT', body })).text()))
    expect(answers).toEqual(bodies.map(({ length }) => String(length)))
  })

  describe('with WebSockets', () => {
    const sockets = new WebSocketServer({ noServer: true })
    const upgrade: UpgradeHandler = (req, socket, head) => {
      if (req.url?.startsWith('/refuse')) {
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno')
        return
      }
      sockets.handleUpgrade(req, socket, head, (ws) => {
        ws.on('message', (data, binary) => {
          const text = data.toString()
          if (text === 'describe') ws.send(JSON.stringify({ url: req.url, headers: req.headers }))
          else if (text === 'cut') ws.terminate()
          else ws.send(data, { binary })
        })
      })
    }
    const connectTo = async (door: TestGateway, path = '/') => {
      const ws = new WebSocket(`ws://127.0.0.1:${door.port}${path}`, ['realtime'])
      await once(ws, 'open')
      return ws
    }
    const next = async (ws: WebSocket) => String(((await once(ws, 'message')) as [Buffer])[0])

    test('they open, speak both ways and close', async () => {
      const door = await gatewayTo(where, echo, { upgrade })
      const ws = await connectTo(door, '/socket?vsn=1')
      expect(ws.protocol).toBe('realtime')
      ws.send('describe')
      const { url, headers } = JSON.parse(await next(ws)) as { url: string; headers: Record<string, string> }
      expect(url).toBe('/socket?vsn=1')
      expect(headers).toMatchObject({ upgrade: 'websocket', host: 'up:3000', 'x-forwarded-for': '127.0.0.1' })
      ws.send('x'.repeat(1_000_000))
      expect((await next(ws)).length).toBe(1_000_000)
      ws.close()
      await once(ws, 'close')
    })

    test('the service’s end is the client’s', async () => {
      const ws = await connectTo(await gatewayTo(where, echo, { upgrade }))
      ws.send('cut')
      await once(ws, 'close')
    })

    test('a refusal passes', async () => {
      const door = await gatewayTo(where, echo, { upgrade })
      const ws = new WebSocket(`ws://127.0.0.1:${door.port}/refuse`)
      const [, res] = (await once(ws, 'unexpected-response')) as [unknown, IncomingMessage]
      expect(res.statusCode).toBe(403)
      res.destroy()
    })

    test('an upgrade to something else is an ordinary request', async () => {
      const door = await gatewayTo(where, echo, { upgrade })
      const answer = await rawExchange(
        door.port,
        'GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n',
      )
      expect(answer).toMatch(/^HTTP\/1\.1 200 /)
      expect(answer).not.toMatch(/"(upgrade|http2-settings)"/i)
    })

    test('what follows a refused handshake is not read as a request', async () => {
      let requests = 0
      const door = await gatewayTo(
        where,
        (_, res) => {
          requests++
          res.end()
        },
        { upgrade, service: { plugins: [{ name: 'request-termination', config: { status_code: 403 } }] } },
      )
      const handshake =
        'GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
      const answer = await rawExchange(door.port, `${handshake}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`)
      expect([answer.match(/HTTP\/1\.1/g)?.length, requests]).toEqual([1, 0])
    })

    test('stopping the gateway ends them', async () => {
      const door = await gatewayTo(where, echo, { upgrade })
      const ws = await connectTo(door)
      open.splice(open.indexOf(door), 1)
      await Promise.all([once(ws, 'close'), door[Symbol.asyncDispose]()])
    })
  })
})

test('a handler that throws is the gateway’s error, and its head passes the plugins once', async () => {
  const door = await gatewayTo(
    'in this process',
    () => {
      throw new Error('a bug')
    },
    { service: { plugins: [{ name: 'cors' }] } },
  )
  const response = await fetch(door.url)
  expect([
    response.status,
    await response.json(),
    response.headers.get('access-control-allow-origin'),
    response.headers.get('via'),
  ]).toEqual([500, { message: 'An unexpected error occurred' }, '*', 'kong/2.8.1'])
})

describe('over the network', () => {
  async function server(onConnection: (socket: Socket, n: number) => void): Promise<{ url: string; count: () => number }> {
    const sockets = new Set<Socket>()
    let count = 0
    const listener = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      onConnection(socket, ++count)
    })
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    open.push({
      async [Symbol.asyncDispose]() {
        for (const socket of sockets) socket.destroy()
        await new Promise((resolve) => listener.close(resolve))
      },
    })
    return { url: `http://127.0.0.1:${(listener.address() as { port: number }).port}`, count: () => count }
  }
  const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  const to = async (url: string, more: object = {}) => {
    const door = await startGateway({ services: [{ ...UP, ...more }] }, { UP_URL: url })
    open.push(door)
    return door
  }

  test.each([
    ['GET', 2, 200, 3],
    ['GET', 5, 502, 3],
    ['DELETE', 1, 200, 2],
    ['PUT', 1, 200, 2],
    ['POST', 1, 502, 1],
    ['PATCH', 1, 502, 1],
  ])('%s with %i connections that are dropped is %i after %i tries', async (method, drops, status, tries) => {
    const upstream = await server((socket, n) => socket.once('data', () => (n <= drops ? socket.destroy() : socket.end(OK))))
    const door = await to(upstream.url, { retries: 2 })
    const response = await fetch(door.url, { method, ...(method === 'GET' ? {} : { body: 'a body' }) })
    expect([response.status, upstream.count()]).toEqual([status, tries])
  })

  test('refused connections are tried again, for any method', async () => {
    const gone = await startServer(echo)
    await gone[Symbol.asyncDispose]()
    const door = await to(gone.url, { retries: 1 })
    const response = await fetch(door.url, { method: 'POST', body: 'x', headers: { accept: 'application/json' } })
    expect([response.status, await response.json()]).toEqual([
      502,
      { message: 'An invalid response was received from the upstream server' },
    ])
    expect(response.headers.get('via')).toBe('kong/2.8.1')
  })

  test('a name that does not resolve is 503', async () => {
    const door = await to('http://no-such-host.invalid:80')
    expect((await fetch(door.url)).status).toBe(503)
  })

  test('silence is 504, and counts from the last byte', async () => {
    const quiet = await server(() => {})
    expect((await fetch((await to(quiet.url, { read_timeout: 200, retries: 0 })).url)).status).toBe(504)
    const drip = await server((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n')
      let n = 0
      const timer = setInterval(() => {
        socket.write('x')
        if (++n === 4) clearInterval(timer)
      }, 150)
    })
    expect(await (await fetch((await to(drip.url, { read_timeout: 400, retries: 0 })).url)).text()).toBe('xxxx')
  })

  test('a client that stops writing is told 408', async () => {
    const upstream = await server((socket) => socket.resume())
    const door = await to(upstream.url, { read_timeout: 300, retries: 0 })
    const socket = connect(door.port, '127.0.0.1')
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(70_000)}`)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 /)
  })

  test.each([
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!',
    'HTTP/1.1 200 OK\r\ncontent-length: abc\r\n\r\nhello',
    'HTTP/1.1 2OO OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
    'SSH-2.0-x\r\n',
  ])('an answer that is none is 502: %j', async (raw) => {
    const upstream = await server((socket) => socket.once('data', () => socket.end(raw)))
    expect((await fetch((await to(upstream.url, { retries: 0 })).url)).status).toBe(502)
  })

  test('connections are kept and used again', async () => {
    let connections = 0
    const upstream = await startServer(echo)
    const counting = await server((socket) => {
      connections++
      const onward = connect(upstream.port, '127.0.0.1')
      socket.pipe(onward).pipe(socket)
      onward.on('error', () => socket.destroy())
    })
    open.push(upstream)
    const door = await to(counting.url)
    for (let i = 0; i < 20; i++) await echoed(door.url)
    expect(connections).toBeLessThan(5)
  })

  test('an upload that lasts longer than the time-out goes through', async () => {
    const timeoutMs = 800
    let arrived = 0
    let wake = () => {}
    const upstream = await startServer((req, res) => {
      req.on('data', (piece: Buffer) => {
        arrived += piece.length
        wake()
      })
      req.on('end', () => res.end(String(arrived)))
    })
    open.push(upstream)
    const door = await to(upstream.url, { read_timeout: timeoutMs, retries: 0 })
    const req = ask(door, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
    const answer = answerOf(req)
    const until = performance.now() + 2 * timeoutMs
    for (let sent = 0; performance.now() < until; ) {
      req.write('x'.repeat(10_000))
      sent += 10_000
      // Beyond what is read ahead, each piece waits for the one before.
      while (sent > 100_000 && arrived < sent)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
    req.end()
    expect((await answer).statusCode).toBe(200)
  })

  test('an idle tunnel ends with the service’s time-outs', async () => {
    const sockets = new WebSocketServer({ noServer: true })
    const upstream = await startServer(echo, (req, socket, head) => sockets.handleUpgrade(req, socket, head, () => {}))
    open.push(upstream)
    const door = await to(upstream.url, { read_timeout: 200, write_timeout: 200 })
    const ws = new WebSocket(`ws://127.0.0.1:${door.port}/`)
    await once(ws, 'open')
    await once(ws, 'close')
  })

  test('targets of an upstream take turns; the Host is as it says', async () => {
    const [a, b] = await Promise.all(['a', 'b'].map((name) => startServer((req, res) => res.end(`${name} ${req.headers.host}`))))
    open.push(a!, b!)
    const door = await startGateway({
      services: [{ ...UP, url: 'http://pair/' }],
      upstreams: [
        { name: 'pair', host_header: 'api.internal', targets: [{ target: `127.0.0.1:${a!.port}` }, { target: `127.0.0.1:${b!.port}` }] },
      ],
    })
    open.push(door)
    const answers = []
    for (let i = 0; i < 4; i++) answers.push(await (await fetch(door.url)).text())
    expect(answers).toEqual([
      `a api.internal:${a!.port}`,
      `b api.internal:${b!.port}`,
      `a api.internal:${a!.port}`,
      `b api.internal:${b!.port}`,
    ])
  })
})
