// Sockets of Realtime: who gets in, what is said in which version, and what rubbish does.
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import {
  inSeconds,
  prepareRealtimeDatabase,
  SECRET,
  startRealtime,
  type TestRealtime,
  token,
  userBroadcast,
} from '../support/realtime-service.ts'

let server: TestPostgres
let realtime: TestRealtime
beforeAll(async () => {
  server = await startPostgres()
  await prepareRealtimeDatabase(server)
  realtime = await startRealtime(server)
})
afterAll(async () => {
  await realtime?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

let topics = 0
const topic = () => `t${++topics}`

describe('a handshake', () => {
  test.each<[string, () => string, number, string | undefined]>([
    ['without a key', () => '', 401, 'API key is missing'],
    ['with rubbish', () => '?apikey=rubbish', 401, 'The token provided is not a valid JWT'],
    ['with a key of another secret', () => `?apikey=${token({}, 'x'.repeat(40))}`, 401, 'Failed to validate JWT signature'],
    ['with an expired key', () => `?apikey=${token({ exp: inSeconds(-9) })}`, 401, 'Token has expired'],
    ['without role', () => `?apikey=${token({ role: undefined })}`, 401, 'Fields `role` and `exp` are required in JWT'],
    ['without exp', () => `?apikey=${token({ exp: undefined })}`, 401, 'Fields `role` and `exp` are required in JWT'],
    ['in version 3', () => `?apikey=${token()}&vsn=3.0.0`, 403, undefined],
  ])('%s is refused', async (_, query, status, error) => {
    const refused = await realtime.refused(query())
    expect([refused.status, refused.json]).toEqual([status, error === undefined ? undefined : { error }])
  })
  test('takes the key from x-api-key before the query, and any host and origin', async () => {
    const socket = await realtime.open({
      apikey: 'rubbish',
      headers: { 'x-api-key': token(), host: 'elsewhere.example', origin: 'https://x.example' },
    })
    await socket.settled()
  })
  test('a key with nbf in the future and white space in it opens', async () => {
    const key = token({ nbf: inSeconds(900), iat: inSeconds(900) })
    const socket = await realtime.open({ apikey: `${key.slice(0, 9)} \n${key.slice(9)}` })
    await socket.settled()
  })
  test('agrees on no subprotocol, whatever is offered', async () => {
    const ws = new WebSocket(`ws://127.0.0.1:${realtime.port}/socket/websocket?apikey=${token()}&vsn=2.0.0`, {
      headers: { 'sec-websocket-protocol': 'chat, phoenix' },
    })
    const [answer] = (await once(ws, 'upgrade')) as [IncomingMessage]
    expect(answer.headers['sec-websocket-protocol']).toBeUndefined()
    ws.terminate()
  })
  test('HS512 by the same secret opens', async () => {
    const { createHmac } = await import('node:crypto')
    const body = [{ alg: 'HS512' }, { role: 'anon', exp: inSeconds(60) }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    await (await realtime.open({ apikey: `${body}.${createHmac('sha512', SECRET).update(body).digest('base64url')}` })).settled()
  })
  test('without an upgrade is told so', async () => {
    expect((await realtime.call('GET', `/socket/websocket?apikey=${token()}&vsn=2.0.0`)).status).toBe(400)
    expect((await realtime.call('GET', '/socket/websocket?vsn=2.0.0')).json).toEqual({ error: 'API key is missing' })
  })
})

describe('frames', () => {
  test('a payload passes as it was written, with every digit', async () => {
    const [a, b, old] = [await realtime.open(), await realtime.open(), await realtime.open({ vsn: '1.0.0' })]
    const name = topic()
    for (const socket of [a, b, old]) await socket.join(name)
    const texts: string[] = []
    for (const socket of [b, old]) socket.ws.on('message', (data) => texts.push(data.toString()))
    a.raw(`["j", "1", "realtime:${name}", "broadcast", {"event":"n", "payload": 12345678901234567890.10 } ]`)
    await b.got(name, 'n')
    await old.got(name, 'n')
    expect(texts.map((text) => text.includes('12345678901234567890.10'))).toEqual([true, true])
  })
  test('version 1 is told of JSON in binary frames and not of bytes', async () => {
    const [a, old, b] = [await realtime.open(), await realtime.open({ vsn: '1.0.0' }), await realtime.open()]
    const name = topic()
    for (const socket of [a, old, b]) await socket.join(name)
    a.raw(userBroadcast(`realtime:${name}`, 'bytes', 0, Buffer.from([255, 0])))
    a.raw(userBroadcast(`realtime:${name}`, 'no json', 1, '{broken'))
    a.raw(userBroadcast(`realtime:${name}`, 'json', 1, '{"a":1}'))
    expect((await old.got(name, 'json')).payload).toEqual({ event: 'json', payload: { a: 1 }, type: 'broadcast' })
    expect((await b.got(name, 'bytes')).payload.payload).toEqual(Buffer.from([255, 0]))
    expect(old.frames.filter(({ event }) => event === 'broadcast')).toHaveLength(1)
  })
  test('whatever is sent, the socket and its channels live', async () => {
    const socket = await realtime.open()
    const name = topic()
    await socket.join(name, { broadcast: { self: true } })
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.array(fc.jsonValue(), { maxLength: 6 }).map((list) => JSON.stringify(list)),
      fc
        .tuple(fc.jsonValue(), fc.jsonValue(), fc.constantFrom(`realtime:${name}`, 'realtime:', 'phoenix', '__proto__'), fc.jsonValue())
        .map(([joinRef, ref, where, payload]) => JSON.stringify([joinRef, ref, where, 'broadcast', payload])),
      fc
        .tuple(fc.constantFrom('presence', 'access_token', 'heartbeat', 'constructor'), fc.jsonValue())
        .map(([event, payload]) => JSON.stringify(['1', '2', `realtime:${name}x`, event, payload])),
    )
    const frame = fc.oneof(
      text,
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc.uint8Array().map((bytes) => Buffer.from([3, ...bytes])),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 20 }), async (frames) => {
        for (const one of frames) socket.raw(one)
        await socket.settled()
      }),
      { numRuns: 60 },
    )
    const from = socket.frames.length
    socket.send(name, 'alive', {})
    await socket.got(name, 'alive', from)
  })
  test('whatever a join says, it is answered', async () => {
    const socket = await realtime.open()
    const part = fc.oneof(fc.jsonValue(), fc.constantFrom(true, 'true', 'FALSE', null, {}, []))
    const config = fc.record({ broadcast: part, presence: part, private: part, postgres_changes: part }, { requiredKeys: [] })
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.record({ config: fc.oneof(config, part), access_token: part }, { requiredKeys: [] }), part),
        async (payload) => {
          const name = topic()
          const reply = await socket.ask(`realtime:${name}`, 'phx_join', payload, 'j')
          expect(['ok', 'error']).toContain(reply.status)
          if (reply.status === 'ok')
            expect(await socket.ask(`realtime:${name}`, 'phx_leave', {}, 'j')).toEqual({ status: 'ok', response: {} })
        },
      ),
      { numRuns: 80 },
    )
  })
  test('deeply nested JSON ends nothing', async () => {
    const socket = await realtime.open()
    const name = topic()
    const deep = '['.repeat(200_000) + ']'.repeat(200_000)
    socket.raw(`["1","1","realtime:${name}","phx_join",{"config":{"postgres_changes":[{"schema":"public","x":${deep}}]}}]`)
    socket.raw(deep)
    await socket.settled()
  })
})

describe('channels', () => {
  test('joins are answered one after the other, and the last one of a topic counts', async () => {
    const socket = await realtime.open()
    const name = `realtime:${topic()}`
    for (let i = 0; i < 3; i++) socket.push(name, 'phx_join', { config: { broadcast: { self: true } } }, `j${i}`)
    socket.push(name, 'broadcast', { event: 'after' }, 'j2')
    await socket.next(({ event }) => event === 'broadcast')
    expect(socket.frames.map(({ event, joinRef }) => [event, joinRef])).toEqual([
      ['phx_reply', 'j0'],
      ['phx_reply', 'j1'],
      ['phx_close', 'j0'],
      ['phx_reply', 'j2'],
      ['phx_close', 'j1'],
      ['broadcast', null],
    ])
  })
  test('who is gone is nowhere any more', async () => {
    const [a, b] = [await realtime.open(), await realtime.open()]
    const name = topic()
    await a.join(name, { presence: { enabled: true, key: 'a' } })
    await b.join(name, { presence: { enabled: true, key: 'b' } })
    await a.ask(`realtime:${name}`, 'presence', { type: 'presence', event: 'track', payload: { x: 1 } })
    await b.next(({ event, payload }) => event === 'presence_diff' && payload.joins.a)
    a.ws.terminate()
    await b.next(({ event, payload }) => event === 'presence_diff' && payload.leaves.a)
    const late = await realtime.open()
    await late.join(name, { presence: { enabled: true } })
    expect((await late.next(({ event }) => event === 'presence_state')).payload).toEqual({})
  })
  test('presence whose event is no text is refused, and nothing ends', async () => {
    const socket = await realtime.open()
    const name = topic()
    await socket.join(name)
    expect(await socket.ask(`realtime:${name}`, 'presence', { type: 'presence', event: { toString: 1, valueOf: 1 } })).toEqual({
      status: 'error',
      response: {},
    })
    await socket.settled()
    expect(socket.frames.map(({ event }) => event)).not.toContain('phx_error')
  })
  test('an expired token ends its channel and not the socket', async () => {
    const socket = await realtime.open()
    const name = topic()
    await socket.join(name, {}, { access_token: token({ exp: inSeconds(4) }) })
    const system = await socket.next(({ event }) => event === 'system')
    expect(system.payload).toMatchObject({
      channel: name,
      extension: 'system',
      status: 'error',
      message: expect.stringMatching(/^Token has expired \d seconds ago$/),
    })
    await socket.next(({ event }) => event === 'phx_close')
    await socket.settled()
  })
})
