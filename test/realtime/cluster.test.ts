// Two instances of Realtime on one Redis: broadcast, presence and users are those of both, also when one of them dies.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import {
  prepareRealtimeDatabase,
  serviceRole,
  startRealtime,
  type TestRealtime,
  token,
  userBroadcast,
} from '../support/realtime-service.ts'
import { createSchemas } from '../support/roles.ts'

const hasRedis = (() => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    // Not on this machine: its tests are skipped.
    return false
  }
})()

describe.skipIf(!hasRedis)('two instances (skipped without redis-server)', () => {
  let folder: string
  let redis: ReturnType<typeof spawn>
  let server: TestPostgres
  let one: TestRealtime
  let two: TestRealtime
  const startRedis = async () => {
    redis = spawn('redis-server', ['--port', '0', '--unixsocket', join(folder, 'redis.sock'), '--save', '', '--dir', folder], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await new Promise<void>((resolve) => redis.stdout!.on('data', (text: Buffer) => /ready to accept/i.test(text.toString()) && resolve()))
  }
  const stopRedis = async () => {
    const ended = new Promise((resolve) => redis.once('exit', resolve))
    redis.kill()
    await ended
  }
  const onRedis = () => ({ PLINTH_REDIS_URL: `unix://${join(folder, 'redis.sock')}` })
  const start = () => startRealtime(server, onRedis())
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plinth-redis-'))
    await startRedis()
    server = await startPostgres()
    await prepareRealtimeDatabase(server)
    one = await start()
    two = await start()
    await together()
  })
  afterAll(async () => {
    await two?.[Symbol.asyncDispose]()
    await one?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
    await stopRedis()
    await rm(folder, { recursive: true, force: true })
  })

  let topics = 0
  const topic = () => `c${++topics}`
  const users = async (realtime: TestRealtime) =>
    (await realtime.call('GET', '/api/tenants/realtime-dev/health', { token: serviceRole() })).json.data.connected_cluster as number
  /** Until each hears the other. */
  async function together(): Promise<void> {
    const name = topic()
    const [a, b] = [await one.open(), await two.open()]
    await a.join(name)
    await b.join(name)
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const)
      await vi.waitFor(
        async () => {
          from.send(name, 'there?', {})
          await to.settled()
          expect(to.frames.some(({ event }) => event === 'broadcast')).toBe(true)
        },
        { timeout: 20_000, interval: 50 },
      )
    for (const socket of [a, b]) socket.ws.terminate()
    await Promise.all([a.closed, b.closed])
  }

  test('a broadcast in every form reaches the sockets of both, once', async () => {
    const name = topic()
    const [a, b, old] = [await one.open(), await two.open(), await two.open({ vsn: '1.0.0' })]
    for (const socket of [a, b, old]) await socket.join(name, { broadcast: { self: true } })
    a.raw(`["j","1","realtime:${name}","broadcast",{"event":"text","payload":1.50}]`)
    a.raw(userBroadcast(`realtime:${name}`, 'json', 1, '{"a":"ü"}'))
    a.raw(userBroadcast(`realtime:${name}`, 'bytes', 0, Buffer.from([10, 0, 255])))
    await one.call('POST', '/api/broadcast', {
      token: serviceRole(),
      body: { messages: [{ topic: name, event: 'http', payload: { b: 1 } }] },
    })
    await Promise.all([a, b, old].map((socket) => socket.got(name, 'http')))
    const events = (socket: typeof a) => socket.frames.filter(({ event }) => event === 'broadcast').map(({ payload }) => payload.event)
    expect([events(a), events(b), events(old)]).toEqual([
      ['text', 'json', 'bytes', 'http'],
      ['text', 'json', 'bytes', 'http'],
      ['text', 'json', 'http'],
    ])
    expect((await b.got(name, 'bytes')).payload.payload).toEqual(Buffer.from([10, 0, 255]))
  })
  test('another project on the same Redis hears nothing, though its tenant has the same name', async () => {
    await (await server.connect()).query('create database other')
    const admin = await server.connect('supabase_admin', 'other')
    await createSchemas(admin)
    await admin.query('create schema _realtime authorization supabase_admin')
    const secret = 'the-secret-of-quite-another-project-is-this'
    await using stranger = await startRealtime(server, { ...onRedis(), DB_NAME: 'other', API_JWT_SECRET: secret })
    const name = topic()
    const [a, b, c] = [await one.open(), await two.open(), await stranger.open({ apikey: token({}, secret) })]
    await c.join(name, { presence: { enabled: true } })
    await a.join(name)
    await b.join(name, { presence: { enabled: true } })
    await a.ask(`realtime:${name}`, 'presence', { type: 'presence', event: 'track', payload: {} })
    a.send(name, 'ours', {})
    await b.got(name, 'ours')
    await b.next(({ event }) => event === 'presence_diff')
    await stranger.call('POST', '/api/broadcast', {
      token: token({}, secret),
      body: { messages: [{ topic: name, event: 'theirs', payload: {} }] },
    })
    await c.got(name, 'theirs')
    a.send(name, 'more', {})
    await b.got(name, 'more')
    const heard = (socket: typeof a) => socket.frames.filter(({ event }) => event === 'broadcast').map(({ payload }) => payload.event)
    expect([heard(b), heard(c)]).toEqual([['ours', 'more'], ['theirs']])
    expect(c.frames.map(({ event }) => event)).not.toContain('presence_diff')
  })
  test('public and private topics of one name stay apart', async () => {
    const name = topic()
    const [a, b] = [await one.open({ apikey: serviceRole() }), await two.open({ apikey: serviceRole() })]
    await a.join(name, { private: true })
    await b.join(name)
    a.send(name, 'secret', {})
    const c = await one.open()
    await c.join(name)
    c.send(name, 'open', {})
    await b.got(name, 'open')
    expect(b.frames.filter(({ event }) => event === 'broadcast')).toHaveLength(1)
  })
  test('presence is that of both: for those who are there, those who come later, and those who go', async () => {
    const name = topic()
    const [a, b] = [await one.open(), await two.open()]
    await a.join(name, { presence: { enabled: true, key: 'a' } })
    await b.join(name, { presence: { enabled: true, key: 'b' } })
    const track = (socket: typeof a, payload: object) => socket.ask(`realtime:${name}`, 'presence', { event: 'track', payload })
    await track(a, { v: 1 })
    const joined = await b.next(({ event, payload }) => event === 'presence_diff' && payload.joins.a)
    await track(b, { v: 2 })
    await a.next(({ event, payload }) => event === 'presence_diff' && payload.joins.b)
    const late = await two.open()
    await late.join(name, { presence: { enabled: true } })
    const state = (await late.next(({ event }) => event === 'presence_state')).payload
    expect(state).toMatchObject({ a: { metas: [{ v: 1, phx_ref: joined.payload.joins.a.metas[0].phx_ref }] }, b: { metas: [{ v: 2 }] } })
    a.ws.terminate()
    await b.next(({ event, payload }) => event === 'presence_diff' && payload.leaves.a)
  })
  test('users of both count against the limit', async () => {
    const here = async (realtime: TestRealtime) =>
      Number(
        /^realtime_connections_connected\{.*\} (\d+)$/m.exec((await realtime.call('GET', '/metrics', { token: serviceRole() })).text)?.[1],
      )
    const socket = await two.open()
    await socket.join(topic())
    await expect
      .poll(async () => [(await here(two)) > 0, (await users(one)) === (await here(one)) + (await here(two))], { timeout: 20_000 })
      .toEqual([true, true])
  })
  test('an instance that comes learns what is there; one that goes takes its own along', async () => {
    const name = topic()
    const a = await one.open()
    await a.join(name, { presence: { enabled: true, key: 'a' } })
    await a.ask(`realtime:${name}`, 'presence', { event: 'track', payload: { v: 1 } })
    const three = await start()
    const c = await three.open()
    await expect
      .poll(
        async () => {
          const from = c.frames.length
          await c.join(name, { presence: { enabled: true, key: 'c' } })
          return (await c.next(({ event }) => event === 'presence_state', from)).payload
        },
        { timeout: 20_000 },
      )
      .toMatchObject({ a: { metas: [{ v: 1 }] } })
    await c.ask(`realtime:${name}`, 'presence', { event: 'track', payload: { v: 3 } })
    await a.next(({ event, payload }) => event === 'presence_diff' && payload.joins.c)
    await three[Symbol.asyncDispose]()
    await a.next(({ event, payload }) => event === 'presence_diff' && payload.leaves.c)
  })
  test('without Redis each serves its own, and together again they know of each other', async () => {
    const name = topic()
    const [a, b] = [await one.open(), await two.open()]
    await a.join(name, { broadcast: { self: true }, presence: { enabled: true, key: 'a' } })
    await b.join(name, { presence: { enabled: true, key: 'b' } })
    await stopRedis()
    a.send(name, 'alone', {})
    await a.got(name, 'alone')
    await a.ask(`realtime:${name}`, 'presence', { event: 'track', payload: { v: 1 } })
    await startRedis()
    await b.next(({ event, payload }) => event === 'presence_diff' && payload.joins.a)
    await together()
    expect(b.frames.some(({ event }) => event === 'broadcast')).toBe(false)
  })
})
