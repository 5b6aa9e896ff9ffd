import { createServer, get, IncomingMessage } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import { expect, test } from 'vitest'
import { applyRewrite, Dispatcher, type HeaderLines, handOver, viewsOf } from './dispatch.ts'

const linesOf = (headers: HeaderLines): string[] => headers.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${headers[i + 1]}\r\n`] : []))

/** What Node's own parser makes of these header lines, on a real socket. */
async function asNodeSeesThem(headers: HeaderLines): Promise<Pick<IncomingMessage, 'headers' | 'headersDistinct' | 'rawHeaders'>> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const seen = new Promise<IncomingMessage>((resolve) => server.once('request', (req, res) => res.end(() => resolve(req))))
  const { connect } = await import('node:net')
  const socket = connect(port, '127.0.0.1')
  socket.end(`GET / HTTP/1.1\r\n${linesOf(headers).join('')}\r\n`)
  const { headers: joined, headersDistinct, rawHeaders } = await seen
  socket.destroy()
  await new Promise((resolve) => server.close(resolve))
  return { headers: joined, headersDistinct, rawHeaders }
}

test.each<[string, HeaderLines]>([
  ['plain', ['Host', 'a', 'X-One', '1']],
  ['repeated', ['Host', 'a', 'X-Many', '1', 'x-many', '2', 'X-MANY', '3']],
  [
    'first wins',
    [
      'Host',
      'a',
      'Authorization',
      'Bearer 1',
      'authorization',
      'Bearer 2',
      'Content-Type',
      'a/b',
      'Content-Type',
      'c/d',
      'User-Agent',
      'x',
      'User-Agent',
      'y',
    ],
  ],
  ['cookies', ['Host', 'a', 'Cookie', 'a=1', 'Cookie', 'b=2']],
  ['set-cookie', ['Host', 'a', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']],
  ['empty value', ['Host', 'a', 'X-Empty', '']],
])('%s headers look the same handed over as they do from a socket', async (_, headers) => {
  const expected = await asNodeSeesThem(headers)
  const req = new IncomingMessage(new Socket())
  req.url = '/old'
  applyRewrite(req, { url: '/new?a=b', headers })
  expect(req.url).toBe('/new?a=b')
  expect({ ...req.headers }).toEqual({ ...expected.headers })
  expect({ ...req.headersDistinct }).toEqual({ ...expected.headersDistinct })
  expect(req.rawHeaders).toEqual(expected.rawHeaders)
  // What stands in where Node keeps its views in another way.
  const { joined, distinct } = viewsOf(headers)
  expect({ ...joined }).toEqual({ ...expected.headers })
  expect({ ...distinct }).toEqual({ ...expected.headersDistinct })
})

test('a real request that is handed over shows only the new headers, also those read before', async () => {
  const seen: unknown[] = []
  const endpoint = {
    port: 3000,
    handle(req: IncomingMessage, res: { end(): void }) {
      seen.push(req.url, { ...req.headers }, { ...req.headersDistinct }, req.rawHeaders)
      res.end()
    },
  }
  const server = createServer((req, res) => {
    void req.headers.host
    void req.headersDistinct
    handOver(endpoint, req, res, { url: '/inner', headers: ['X-New', 'yes'] })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => get({ port, path: '/outer', headers: { 'x-old': 'gone' } }, (res) => res.resume().on('end', resolve)))
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  expect(seen).toEqual(['/inner', { 'x-new': 'yes' }, { 'x-new': ['yes'] }, ['X-New', 'yes']])
})

test('names and aliases lead to the endpoint of that port, in any letter case, until they are taken back', () => {
  const dispatcher = new Dispatcher()
  const [api, admin] = [3000, 3001].map((port) => ({ port, handle: () => {} }))
  const withdraw = dispatcher.register(['rest', 'PostgREST'], [api!, admin!])
  expect(dispatcher.resolve('REST', 3000)).toBe(api)
  expect(dispatcher.resolve('postgrest', 3001)).toBe(admin)
  expect(dispatcher.resolve('rest', 80)).toBeUndefined()
  withdraw()
  expect(dispatcher.resolve('rest', 3000)).toBeUndefined()
})

test('taking back an old registration leaves a newer one', () => {
  const dispatcher = new Dispatcher()
  const [old, young] = [0, 1].map(() => ({ port: 1, handle: () => {} }))
  const withdraw = dispatcher.register(['a'], [old!])
  dispatcher.register(['a'], [young!])
  withdraw()
  expect(dispatcher.resolve('a', 1)).toBe(young)
})

test('absent names have a reason, strangers are unknown', () => {
  const dispatcher = new Dispatcher()
  dispatcher.declareAbsent(['storage'], 'storage is not part of this profile')
  dispatcher.registerAddress(['meta'], 8080, 'http://127.0.0.1:4')
  expect(dispatcher.absence('Storage')).toMatch(/profile/)
  expect([dispatcher.knows('storage'), dispatcher.knows('meta'), dispatcher.knows('example.org')]).toEqual([true, true, false])
  expect(dispatcher.address('meta', 8080)).toBe('http://127.0.0.1:4')
})

test('a server elsewhere is meant by every port of its name, unless one port has an address of its own', () => {
  const dispatcher = new Dispatcher()
  const withdraw = dispatcher.registerAddress(['rest'], undefined, 'http://10.0.0.5:3000')
  dispatcher.registerAddress(['rest'], 3001, 'http://10.0.0.5:9')
  expect([dispatcher.address('REST', 3000), dispatcher.address('rest', 3001)]).toEqual(['http://10.0.0.5:3000', 'http://10.0.0.5:9'])
  withdraw()
  expect([dispatcher.address('rest', 3000), dispatcher.address('rest', 3001)]).toEqual([undefined, 'http://10.0.0.5:9'])
})
