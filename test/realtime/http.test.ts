// Realtime over HTTP: messages in, tenants and their limits, metrics, and the ways to listen without a WebSocket.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import {
  type Json,
  prepareRealtimeDatabase,
  SECRET,
  serviceRole,
  startRealtime,
  type TestRealtime,
  token,
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

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  realtime.call('POST', path, { body, headers, token: token() })

describe('broadcasts', () => {
  test('a batch is all or nothing', async () => {
    const refused = await post('/api/broadcast', {
      messages: [{ topic: 'x', event: ' ', payload: {} }, 5, { topic: 'x', event: 'e', payload: {}, private: 'maybe' }],
    })
    expect([refused.status, refused.json]).toEqual([
      422,
      {
        errors: {
          messages: [
            { event: ["can't be blank"] },
            { topic: ["can't be blank"], event: ["can't be blank"], payload: ["can't be blank"] },
            { private: ['is invalid'] },
          ],
        },
      },
    ])
  })
  test('a batch of very many messages is looked at once, not once for each of them', async () => {
    const messages = Array.from({ length: 300_000 }, () => ({}))
    const refused = await post('/api/broadcast', { messages })
    expect([refused.status, refused.json.errors.messages.length]).toEqual([422, messages.length])
  })
  test('whether a message is private can be no object', async () => {
    const flag = { toString: 1, valueOf: 1 }
    const refused = await post('/api/broadcast', { messages: [{ topic: 'x', event: 'e', payload: {}, private: flag }] })
    expect([refused.status, refused.json]).toEqual([422, { errors: { messages: [{ private: ['is invalid'] }] } }])
  })
  test.each<[string, unknown, Record<string, string>, number]>([
    ['no JSON', '{broken', { 'content-type': 'application/json' }, 400],
    ['no object', '[]', { 'content-type': 'application/json' }, 422],
    ['nothing', '', { 'content-type': 'application/json' }, 422],
  ])('a body that is %s', async (_, body, headers, status) => {
    expect((await post('/api/broadcast', body, headers)).status).toBe(status)
  })
  test('a single one takes any JSON, and keeps its digits', async () => {
    const socket = await realtime.open()
    await socket.join('a/b c')
    const text: string[] = []
    socket.ws.on('message', (data) => text.push(data.toString()))
    const path = `/api/broadcast/${encodeURIComponent('a/b c')}/events/e`
    expect((await post(path, '12345678901234567890', { 'content-type': 'application/json; charset=utf-8' })).status).toBe(202)
    await socket.got('a/b c', 'e')
    expect(text[0]).toContain('{"_json":12345678901234567890}')
    expect((await post('/api/broadcast/%zz/events/e', {})).status).toBe(400)
  })
  test('over the limit of a second, a batch is refused as a whole', async () => {
    await using small = await startRealtime(server, { TENANT_MAX_EVENTS_PER_SECOND: '2' })
    const messages = Array.from({ length: 3 }, () => ({ topic: 'x', event: 'e', payload: {} }))
    const refused = await small.call('POST', '/api/broadcast', { token: token(), body: { messages } })
    expect([refused.status, refused.json]).toEqual([429, { message: 'Too many messages to broadcast, please reduce the batch size' }])
    expect(refused.headers.get('x-rate-limit')).toBe('2')
  })
})

describe('tenants', () => {
  const admin = (method: string, path: string, body?: unknown) =>
    realtime.call(method, `/api/tenants${path}`, { token: serviceRole(), ...(body === undefined ? {} : { body }) })

  test('without a token, or with one of another secret, nobody gets in', async () => {
    for (const bearer of [undefined, token({}, 'x'.repeat(40)), token({ exp: 1 })]) {
      const refused = await realtime.call('GET', '/api/tenants', bearer === undefined ? {} : { token: bearer })
      expect([refused.status, refused.text]).toEqual([403, ''])
    }
  })
  test('a limit that the column cannot hold is refused by its name', async () => {
    const refused = await admin('PUT', '/large', { tenant: { max_events_per_second: 3_000_000_000 } })
    expect([refused.status, refused.json]).toEqual([
      422,
      { errors: { max_events_per_second: ['must be less than or equal to 2147483647'] } },
    ])
  })
  test('a second tenant has its own key, its own topics and its own address', async () => {
    const key = 'the-secret-of-the-second-tenant-is-this-one'
    const database = new URL(server.url())
    const settings = {
      db_host: database.hostname,
      db_port: database.port,
      db_name: 'postgres',
      db_user: 'supabase_admin',
      db_password: 'x',
      region: 'x',
    }
    const tenant = { jwt_secret: key, extensions: [{ type: 'postgres_cdc_rls', settings }] }
    expect((await admin('PUT', '/second', { tenant: { jwt_secret: key } })).status).toBe(422)
    const made = await admin('PUT', '/second', { tenant })
    expect([made.status, made.json.data.external_id]).toEqual([201, 'second'])
    expect(JSON.stringify(made.json)).not.toContain(key)
    const shown = (await admin('GET', '/second')).json.data
    expect(shown.extensions[0].settings).toMatchObject({ slot_name: 'supabase_realtime_replication_slot' })
    expect(shown.extensions[0].settings.db_host).not.toBe(database.hostname)
    const [first, second] = [
      await realtime.open({ headers: { host: 'realtime-dev.example' } }),
      await realtime.open({ apikey: token({}, key), headers: { host: 'second.example:443' } }),
    ]
    await first.join('same', { broadcast: { self: true } })
    await second.join('same', { broadcast: { self: true } })
    first.send('same', 'mine', {})
    second.send('same', 'yours', {})
    await first.got('same', 'mine')
    await second.got('same', 'yours')
    for (const socket of [first, second]) expect(socket.frames.filter(({ event }) => event === 'broadcast')).toHaveLength(1)
    const unknown = await realtime.refused(`?apikey=${token()}`, { host: 'third.example' })
    expect([unknown.status, unknown.json]).toEqual([404, { error: 'Tenant not found' }])
    expect((await admin('DELETE', '/second')).status).toBe(204)
    expect(await second.closed).toBe(1012)
    expect(first.ws.readyState).toBe(1)
  })
  test('a tenant is changed by name and checked', async () => {
    expect((await admin('PUT', '/realtime-dev', { tenant: { max_channels_per_client: 'many' } })).json).toEqual({
      errors: { max_channels_per_client: ['is invalid'] },
    })
    expect(
      (await admin('PATCH', '/realtime-dev', { tenant: { max_channels_per_client: 7, unknown: 1 } })).json.data.max_channels_per_client,
    ).toBe(7)
    await admin('PATCH', '/realtime-dev', { tenant: { max_channels_per_client: 100 } })
    expect((await realtime.call('PUT', '/api/tenants/realtime-dev', { token: serviceRole(), body: '{' })).status).toBe(400)
  })
  test('suspending one closes its sockets and lets nobody in', async () => {
    const socket = await realtime.open()
    await socket.join('x')
    await admin('PUT', '/realtime-dev', { tenant: { suspend: true } })
    expect(await socket.closed).toBe(1012)
    expect((await realtime.refused(`?apikey=${token()}`)).json).toEqual({ error: 'Realtime was disabled for this tenant' })
    expect((await post('/api/broadcast', {})).json).toEqual({ message: 'Tenant is suspended' })
    await admin('PUT', '/realtime-dev', { tenant: { suspend: false } })
    await (await realtime.open()).settled()
  })
})

test('metrics are for who has the secret, by upstream’s names', async () => {
  expect((await realtime.call('GET', '/metrics')).status).toBe(403)
  const { status, text } = await realtime.call('GET', '/metrics', { token: token({}, SECRET) })
  expect(status).toBe(200)
  for (const name of [
    'realtime_connections_connected{tenant="realtime-dev"}',
    'realtime_channel_events{',
    'realtime_channel_global_joins',
    'realtime_payload_size_bucket{',
  ])
    expect(text).toContain(name)
})

describe('long polling', () => {
  const poll = (query: string) => realtime.call('GET', `/socket/longpoll?vsn=2.0.0&apikey=${token()}${query}`)
  const publish = (session: string, body: string, type = 'application/json') =>
    realtime.call('POST', `/socket/longpoll?vsn=2.0.0&token=${session}`, { body, headers: { 'content-type': type } })

  test('joins, hears and says', async () => {
    const opened = (await poll('')).json
    expect(opened).toEqual({ status: 410, token: expect.any(String), messages: [] })
    const session = opened.token as string
    expect((await publish(session, '["1","1","realtime:lp","phx_join",{"config":{"broadcast":{"self":true}}}]')).json).toEqual({
      status: 200,
    })
    const reply = (await poll(`&token=${session}`)).json
    expect([reply.status, JSON.parse(reply.messages[0])[4].status]).toEqual([200, 'ok'])
    const socket = await realtime.open()
    await socket.join('lp')
    const waiting = poll(`&token=${session}`)
    socket.send('lp', 'hi', { a: 1 })
    expect((await waiting).json.messages.map((text: string) => JSON.parse(text)[4].event)).toEqual(['hi'])
    await publish(
      session,
      '["1","2","realtime:lp","broadcast",{"event":"one"}]\n["1","3","realtime:lp","broadcast",{"event":"two"}]\n',
      'application/x-ndjson',
    )
    await socket.got('lp', 'two')
  })
  test('of two polls of one session the later one is told', async () => {
    const session = (await poll('')).json.token as string
    await publish(session, '["1","1","realtime:two","phx_join",{"config":{}}]')
    await poll(`&token=${session}`)
    const earlier = poll(`&token=${session}`)
    const later = poll(`&token=${session}`)
    const first = await Promise.race([earlier, later])
    expect(first.json.messages).toEqual([])
    const began = performance.now()
    const socket = await realtime.open()
    await socket.join('two')
    socket.send('two', 'hi', {})
    const told = [...(await earlier).json.messages, ...(await later).json.messages].map((text: string) => JSON.parse(text)[4].event)
    expect(told).toEqual(['hi'])
    // A poll that nobody wakes ends after ten seconds.
    expect(performance.now() - began).toBeLessThan(9_000)
  })
  test('an unknown session begins anew, and nobody gets in without a key', async () => {
    expect((await publish('nobody', '[]')).json).toEqual({ status: 410 })
    expect((await poll('&token=nobody')).json).toMatchObject({ status: 410, token: expect.any(String) })
    expect((await realtime.call('GET', '/socket/longpoll?vsn=2.0.0')).json).toEqual({ status: 403 })
  })
})

describe('server-sent events', () => {
  const events = async (query: string) => {
    const stop = new AbortController()
    const response = await fetch(`${realtime.url}/sse?apikey=${token()}${query}`, { signal: stop.signal })
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    return {
      response,
      stop: () => stop.abort(),
      async next(): Promise<Json> {
        while (!rest.includes('\n\n')) {
          const { value, done } = await reader.read()
          if (done) return undefined
          rest += value
        }
        const end = rest.indexOf('\n\n')
        const event = rest.slice(0, end)
        rest = rest.slice(end + 2)
        return JSON.parse(event.replace(/^data: /, ''))
      },
    }
  }

  test('a listener who goes before being let in leaves nothing behind', async () => {
    await using fresh = await startRealtime(server)
    // The record of the tenant is not known yet, so that the answer takes longer than the client stays.
    const socket = connect(fresh.port, '127.0.0.1')
    socket.end(`GET /sse?topic=gone&apikey=${token()} HTTP/1.1\r\nhost: x\r\n\r\n`)
    await once(socket.resume(), 'close')
    await (await fresh.open()).settled()
    const { text } = await fresh.call('GET', '/metrics', { token: token({}, SECRET) })
    expect(text).toMatch(/^phoenix_connections_active 1$/m)
  })
  test('tell what comes to a topic, until the client goes', async () => {
    const stream = await events('&topic=news&presence=true')
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect((await stream.next()).payload).toEqual({ status: 'ok', response: { postgres_changes: [] } })
    expect((await stream.next()).event).toBe('presence_state')
    const socket = await realtime.open()
    await socket.join('news', { presence: { key: 'me' } })
    socket.send('news', 'flash', { a: 1 })
    expect(await stream.next()).toEqual({
      topic: 'realtime:news',
      event: 'broadcast',
      payload: { type: 'broadcast', event: 'flash', payload: { a: 1 } },
      ref: null,
    })
    stream.stop()
  })
  test('are refused like a join, and end with the token', async () => {
    expect((await realtime.call('GET', `/sse?topic=x&private=true&apikey=${token()}`)).json).toEqual({
      error: 'Unauthorized: You do not have permissions to read from this Channel topic: x',
    })
    expect((await realtime.call('GET', '/sse?topic=x')).json).toEqual({ error: 'API key is missing' })
    expect((await realtime.call('GET', `/sse?apikey=${token()}`)).json).toEqual({
      error: 'TopicNameRequired: You must provide a topic name',
    })
    const stream = await events(`&topic=short&access_token=${token({ exp: Math.floor(Date.now() / 1_000) + 4 })}`)
    const seen: string[] = []
    for (let event = await stream.next(); event !== undefined; event = await stream.next()) seen.push(event.event)
    expect(seen).toEqual(['phx_reply', 'system', 'phx_close'])
  })
})
