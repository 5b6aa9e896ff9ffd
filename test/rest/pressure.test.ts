// Many at once: slow queries, clients that go away, uploads that never end. Nobody pays for another one's trouble.
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import type { Client } from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { startRest, type TestRest, token } from './harness.ts'

let postgres: TestPostgres
let rest: TestRest
let admin: Client

beforeAll(async () => {
  postgres = await startPostgres()
  admin = await postgres.connect()
  await admin.query(readFileSync(new URL('./schema.sql', import.meta.url), 'utf8'))
  await admin.query(`
    create function api.wait_for(lock int) returns int language plpgsql as $$ begin perform pg_advisory_xact_lock_shared(lock); return lock; end $$;
    create function api.nap() returns int language plpgsql as $$ begin perform pg_sleep(0.03); return 1; end $$`)
  rest = await startRest(postgres.url('authenticator'), { PGRST_DB_POOL: '4' })
  await vi.waitFor(() => rest.health(), 10_000)
})
afterAll(async () => {
  await rest?.[Symbol.asyncDispose]()
  await postgres?.[Symbol.asyncDispose]()
})

const running = async (): Promise<number> => {
  const { rows } = await admin.query<{ count: string }>(
    `select count(*) from pg_stat_activity where usename = 'authenticator' and state = 'active' and query ilike '%wait_for%'`,
  )
  return Number(rows[0]!.count)
}

test('slow queries hold up nobody while a connection is left', async () => {
  await admin.query('select pg_advisory_lock(1)')
  const slow = Array.from({ length: 3 }, () => rest.call('GET', '/rpc/wait_for?lock=1', { role: 'web_user' }))
  await vi.waitFor(async () => expect(await running()).toBe(3), 10_000)
  const others = await Promise.all(Array.from({ length: 200 }, (_, a) => rest.call('GET', `/rpc/add?a=${a}`, { role: 'web_user' })))
  expect(others.every(({ status, json }, a) => status === 200 && json === a + 10)).toBe(true)
  expect(await running()).toBe(3)
  await admin.query('select pg_advisory_unlock(1)')
  for (const { status, json } of await Promise.all(slow)) expect([status, json]).toEqual([200, 1])
})

test('a thousand clients that go away harm nobody, and their queries end', async () => {
  const { port } = new URL(rest.url)
  const bearer = await token({ role: 'web_user' })
  const failures: unknown[] = []
  let served = 0
  let leaving = 1_000
  // Neighbours on the same few connections, all the time.
  const neighbour = async () => {
    while (leaving > 0) {
      const { status, text } = await rest.call('GET', served % 3 === 0 ? '/rpc/nap' : `/rpc/add?a=${served}`, { role: 'web_user' })
      if (status !== 200) failures.push(text)
      served++
    }
  }
  const neighbours = Array.from({ length: 6 }, neighbour)
  const leaver = async () => {
    while (leaving-- > 0) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () => {
          socket.write(`GET /rpc/nap HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bearer}\r\n\r\n`, () => {
            // Some leave before the query runs, some while it does.
            if (leaving % 2 === 0) socket.destroy()
            else setTimeout(() => socket.destroy(), leaving % 20)
          })
        })
        socket.on('error', () => undefined)
        socket.on('close', () => resolve())
      })
    }
  }
  await Promise.all([...Array.from({ length: 20 }, leaver), ...neighbours])
  expect(failures).toEqual([])
  expect(served).toBeGreaterThan(6)
  await admin.query('select pg_advisory_lock(2)')
  const request = httpRequest(`${rest.url}/rpc/wait_for?lock=2`, { headers: { authorization: `Bearer ${bearer}` } })
  request.on('error', () => undefined)
  request.end()
  await vi.waitFor(async () => expect(await running()).toBe(1), 10_000)
  request.destroy()
  // The lock is still held: only a cancel can have ended it.
  await vi.waitFor(async () => expect(await running()).toBe(0), 10_000)
  await admin.query('select pg_advisory_unlock(2)')
}, 60_000)

test('an upload that never ends is none of the others business', async () => {
  const { port } = new URL(rest.url)
  const bearer = await token({ role: 'web_user' })
  const before = process.memoryUsage().arrayBuffers
  const uploads = await Promise.all(
    Array.from(
      { length: 40 },
      () =>
        new Promise<ReturnType<typeof connect>>((resolve) => {
          const socket = connect(Number(port), '127.0.0.1', () => {
            const head = `POST /rpc/add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bearer}\r\nContent-Type: application/json\r\nContent-Length: 400000000\r\n\r\n`
            socket.write(`${head}{"a":`, () => resolve(socket))
          })
          socket.on('error', () => undefined)
        }),
    ),
  )
  const answers = await Promise.all(Array.from({ length: 50 }, (_, a) => rest.call('POST', '/rpc/add', { role: 'web_user', body: { a } })))
  expect(answers.every(({ status }) => status === 200)).toBe(true)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000)
  for (const socket of uploads) socket.destroy()
})
