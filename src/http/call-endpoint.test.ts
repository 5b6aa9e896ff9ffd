import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { callEndpoint } from './call-endpoint.ts'

const never = new AbortController().signal
const read = async (body: AsyncIterable<Buffer>): Promise<string> => {
  const pieces: Buffer[] = []
  for await (const piece of body) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces).toString()
}

test('status, headers of every spelling, and a body in pieces', async () => {
  const answer = await callEndpoint(
    {
      port: 1,
      handle: (req, res) => {
        res.setHeader('X-Set', 'a')
        res.writeHead(203, { 'X-Head': `${req.method} ${req.url} ${req.headers['accept']}` })
        res.write('one ')
        setImmediate(() => res.end('two'))
      },
    },
    { url: '/path?q', headers: { Accept: 'image/webp' } },
    never,
  )
  expect(answer.status).toBe(203)
  expect(answer.headers).toMatchObject({ 'x-set': 'a', 'x-head': 'GET /path?q image/webp' })
  expect(await read(answer.body)).toBe('one two')
})

test('a large body waits for its reader', async () => {
  const bytes = Buffer.alloc(3_000_000, 7)
  const answer = await callEndpoint({ port: 1, handle: (_, res) => res.end(bytes) }, { url: '/', headers: {} }, never)
  expect(answer.status).toBe(200)
  expect((await read(answer.body)).length).toBe(bytes.length)
})

test('a router of Fastify answers as to a socket', async () => {
  const app = Fastify()
  app.get('/x', async (_, reply) => reply.code(418).header('x-a', '1').send({ tea: true }))
  await app.ready()
  const answer = await callEndpoint({ port: 1, handle: (req, res) => app.routing(req, res) }, { url: '/x', headers: {} }, never)
  expect([answer.status, answer.headers['x-a'], await read(answer.body)]).toEqual([418, '1', '{"tea":true}'])
  await app.close()
})

test('who gives up before the head rejects, and the handler sees its client leave', async () => {
  const gone = new AbortController()
  let closed = false
  const handle = (_: unknown, res: { once(event: 'close', listener: () => void): unknown }) => {
    res.once('close', () => {
      closed = true
    })
  }
  const call = callEndpoint({ port: 1, handle: handle as never }, { url: '/', headers: {} }, gone.signal)
  gone.abort(new Error('enough'))
  await expect(call).rejects.toThrow('enough')
  expect(closed).toBe(true)
})

test('a handler that ends the request without an answer is an error', async () => {
  await expect(callEndpoint({ port: 1, handle: (_, res) => res.destroy() }, { url: '/', headers: {} }, never)).rejects.toThrow(
    'without an answer',
  )
})
