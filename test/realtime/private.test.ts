// Private channels: policies on realtime.messages, asked at the join, at the first send, and again for every new token.
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { inSeconds, prepareRealtimeDatabase, serviceRole, startRealtime, type TestRealtime, token } from '../support/realtime-service.ts'

let server: TestPostgres
let realtime: TestRealtime
let admin: Client
beforeAll(async () => {
  server = await startPostgres()
  await prepareRealtimeDatabase(server)
  realtime = await startRealtime(server)
  admin = await server.connect()
  await admin.query(`
    create policy members_read on realtime.messages for select to authenticated using (
      realtime.topic() = current_setting('request.jwt.claims')::jsonb ->> 'room' and extension = any (string_to_array(current_setting('request.jwt.claims')::jsonb ->> 'read', ',')));
    create policy members_write on realtime.messages for insert to authenticated with check (
      realtime.topic() = current_setting('request.jwt.claims')::jsonb ->> 'room' and extension = any (string_to_array(current_setting('request.jwt.claims')::jsonb ->> 'write', ',')));
    create policy told_by_header on realtime.messages for select to anon using (current_setting('request.headers')::jsonb ->> 'x-pass' = 'let me in')`)
})
afterAll(async () => {
  await realtime?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

let rooms = 0
const user = (room: string, read: string, write = '', more: object = {}) => token({ role: 'authenticated', room, read, write, ...more })
const room = () => `room '${++rooms}"; drop table realtime.messages; --`
const denied = (name: string) => ({
  status: 'error',
  response: { reason: `Unauthorized: You do not have permissions to read from this Channel topic: ${name}` },
})

describe('a join', () => {
  test('is for who may read, whatever the topic is called', async () => {
    const name = room()
    const socket = await realtime.open({ apikey: user(name, 'broadcast') })
    expect(await socket.join(name, { private: true })).toEqual({ status: 'ok', response: { postgres_changes: [] } })
    const other = `${name}x`
    expect(await socket.join(other, { private: true })).toEqual(denied(other))
    expect((await admin.query('select from realtime.messages')).rowCount).toBe(0)
  })
  test.each(['service_role', 'authenticated', 'nobody', 'postgres', `x'; reset role; --`])(
    'a role %s that may not is told no',
    async (role) => {
      const socket = await realtime.open({ apikey: token({ role }) })
      const reply = await socket.join('elsewhere', { private: true })
      expect(reply.status).toBe(role === 'service_role' || role === 'postgres' ? 'ok' : 'error')
    },
  )
  test('a policy may look at the headers of the handshake', async () => {
    const [a, b] = [await realtime.open({ headers: { 'x-pass': 'let me in' } }), await realtime.open()]
    expect([(await a.join('club', { private: true })).status, (await b.join('club', { private: true })).status]).toEqual(['ok', 'error'])
  })
})

describe('rights', () => {
  test('to write are asked for once, per token', async () => {
    const name = room()
    const socket = await realtime.open()
    await socket.join(name, { private: true, broadcast: { self: true, ack: true } }, { access_token: user(name, 'broadcast', 'broadcast') })
    await admin.query('alter policy members_write on realtime.messages with check (false)')
    try {
      // Nobody had asked yet, so the policy of now decides.
      socket.send(name, 'first', {})
      socket.push(`realtime:${name}`, 'access_token', { access_token: user(name, 'broadcast', 'broadcast', { n: 2 }) })
      // Answered in its turn, when both have been looked at.
      await socket.ask(`realtime:${name}`, 'presence', {})
    } finally {
      await admin.query(
        `alter policy members_write on realtime.messages with check (realtime.topic() = current_setting('request.jwt.claims')::jsonb ->> 'room')`,
      )
    }
    socket.push(`realtime:${name}`, 'access_token', { access_token: user(name, 'broadcast', 'broadcast', { n: 3 }) })
    socket.send(name, 'second', {})
    await socket.got(name, 'second')
    expect(socket.frames.filter(({ event }) => event === 'broadcast').map(({ payload }) => payload.event)).toEqual(['second'])
  })
  test('of a new token decide from then on, for presence and broadcast each', async () => {
    const name = room()
    const [socket, boss] = [await realtime.open(), await realtime.open({ apikey: serviceRole() })]
    await socket.join(name, { private: true, presence: { enabled: true, key: 'me' } }, { access_token: user(name, 'presence') })
    await boss.join(name, { private: true, broadcast: { ack: true }, presence: { enabled: true } })
    const send = (event: string) => boss.ask(`realtime:${name}`, 'broadcast', { type: 'broadcast', event })
    await send('unheard')
    socket.push(`realtime:${name}`, 'access_token', { access_token: user(name, 'presence,broadcast', 'presence') })
    expect(await socket.ask(`realtime:${name}`, 'presence', { event: 'track', payload: { a: 1 } })).toEqual({ status: 'ok', response: {} })
    await send('heard')
    await socket.got(name, 'heard')
    expect(socket.frames.some(({ payload }) => payload?.event === 'unheard')).toBe(false)
    socket.push(`realtime:${name}`, 'access_token', { access_token: user(name, 'broadcast') })
    const { payload } = await socket.next(({ event }) => event === 'system')
    expect(payload).toMatchObject({ status: 'error', message: `You no longer have permission to read from this Channel topic: ${name}` })
    await socket.next(({ event }) => event === 'phx_close')
    await boss.next(({ event, payload: diff }) => event === 'presence_diff' && diff.leaves.me)
  })
  test('cannot be asked for while the database is away, and public channels do not mind', async () => {
    const socket = await realtime.open({ apikey: serviceRole() })
    await socket.join('open', { broadcast: { self: true } })
    await server.halt()
    try {
      expect(await socket.join('secret', { private: true })).toEqual({
        status: 'error',
        response: { reason: 'UnableToConnectToProject: Realtime was unable to connect to the project database' },
      })
      socket.send('open', 'still', {})
      await socket.got('open', 'still')
    } finally {
      await server.resume()
    }
    await expect.poll(() => socket.join('secret', { private: true }), { timeout: 20_000 }).toMatchObject({ status: 'ok' })
  })
})

test('HTTP asks for the right to write of the very token', async () => {
  const name = 'http-room'
  const hearer = await realtime.open({ apikey: serviceRole() })
  await hearer.join(name, { private: true })
  admin = await server.connect()
  await admin.query(
    `alter policy members_write on realtime.messages with check (realtime.topic() = current_setting('request.jwt.claims')::jsonb ->> 'room')`,
  )
  const post = (path: string, body: unknown, bearer: string) => realtime.call('POST', path, { body, token: bearer })
  const path = `/api/broadcast/${name}/events/one?private=true`
  expect((await post(path, {}, user('other', 'broadcast', 'broadcast'))).status).toBe(403)
  expect((await post(path, { a: 1 }, user(name, '', 'broadcast'))).status).toBe(202)
  const messages = ['a', 'b'].map((event) => ({ topic: name, event, payload: {}, private: true }))
  expect((await post('/api/broadcast', { messages }, token({ role: 'authenticated', exp: inSeconds(60) }))).status).toBe(202)
  expect(
    (await post('/api/broadcast', { messages: [{ topic: name, event: 'end', payload: {}, private: true }] }, serviceRole())).status,
  ).toBe(202)
  await hearer.got(name, 'end')
  expect(hearer.frames.filter(({ event }) => event === 'broadcast').map(({ payload }) => payload.event)).toEqual(['one', 'end'])
})
