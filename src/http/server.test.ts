import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import type { Endpoint } from '../service/definition.ts'
import { serveEndpoint } from './server.ts'

const hello: Endpoint = { port: 1, handle: (_, res) => res.end('hello') }
const get = (port: number, headers = {}) =>
  new Promise<{ status: number; text: string }>((resolve, reject) => {
    request({ port, host: '127.0.0.1', headers, agent: false }, (res) => {
      let text = ''
      res
        .on('data', (chunk) => {
          text += chunk
        })
        .on('end', () => resolve({ status: res.statusCode!, text }))
    })
      .on('error', reject)
      .end()
  })

test('answers, and after close neither listens nor keeps idle connections', async () => {
  const server = await serveEndpoint(hello, '127.0.0.1', 0)
  expect(await get(server.port)).toEqual({ status: 200, text: 'hello' })
  await server.close()
  await expect(get(server.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a header block over the limit is refused with 431', async () => {
  const server = await serveEndpoint(hello, '127.0.0.1', 0)
  expect((await get(server.port, { big: 'x'.repeat(40_000) })).status).toBe(431)
  await server.close()
})

test('a request that runs ends before close resolves; one that hangs is cut after the grace time', async () => {
  let begun: () => void = () => {}
  const running = new Promise<void>((resolve) => {
    begun = resolve
  })
  const slow: Endpoint = {
    port: 1,
    handle(_, res) {
      begun()
      setImmediate(() => res.end('late'))
    },
  }
  const server = await serveEndpoint(slow, '127.0.0.1', 0)
  const answer = get(server.port)
  await running
  await server.close()
  expect((await answer).text).toBe('late')

  const hung = new Promise<void>((resolve) => {
    begun = resolve
  })
  const hanging = await serveEndpoint({ port: 1, handle: () => begun() }, '127.0.0.1', 0)
  const refused = expect(get(hanging.port)).rejects.toMatchObject({ code: 'ECONNRESET' })
  await hung
  await hanging.close(10)
  await refused
})

test('an upgrade where nobody takes one is refused', async () => {
  const server = await serveEndpoint(hello, '127.0.0.1', 0)
  const socket = connect(server.port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  const text = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())))
  expect(text).toMatch(/^HTTP\/1\.1 400 /)
  await server.close()
})

test('bytes behind the last request of a connection are dropped, and its answer goes out whole', async () => {
  let go = () => {}
  const requests: (string | undefined)[] = []
  const server = await serveEndpoint(
    {
      port: 1,
      handle: (req, res) => {
        requests.push(req.url)
        go = () => res.end('whole')
      },
    },
    '127.0.0.1',
    0,
  )
  const socket = connect(server.port, '127.0.0.1')
  let text = ''
  socket.on('data', (piece) => {
    text += piece
  })
  socket.write('POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1GET /b HTTP/1.1\r\nHost: a\r\n\r\n')
  await expect.poll(() => requests).toEqual(['/a'])
  go()
  await once(socket, 'close')
  await server.close(0)
  expect([requests, text.match(/HTTP\/1\.1 \d+/g), text.endsWith('whole')]).toEqual([['/a'], ['HTTP/1.1 200'], true])
})

test('a handler that throws ends its own request and nothing else', async () => {
  const bugs: unknown[] = []
  const buggy: Endpoint = {
    port: 1,
    handle: (req, res) => {
      if (req.headers['late']) res.flushHeaders()
      throw new Error('a bug')
    },
    upgrade: () => {
      throw new Error('another')
    },
  }
  const server = await serveEndpoint(buggy, '127.0.0.1', 0, (error) => bugs.push(error))
  expect((await get(server.port)).status).toBe(500)
  await expect(
    new Promise((resolve, reject) => {
      request({ port: server.port, host: '127.0.0.1', headers: { late: '1' }, agent: false }, (res) =>
        res.on('error', reject).on('end', resolve).resume(),
      )
        .on('error', reject)
        .end()
    }),
  ).rejects.toThrow()
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
  await once(socket, 'close')
  expect(bugs.map(String)).toEqual(['Error: a bug', 'Error: a bug', 'Error: another'])
  await server.close()
})
