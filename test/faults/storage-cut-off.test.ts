// Storage loses its database in the middle of an operation, before and after each message, and its clients in the middle of a body.
// Afterwards, without a restart, every object has its bytes and all bytes have an object.
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { readEnv } from '../../src/env/read.ts'
import { Dispatcher } from '../../src/http/dispatch.ts'
import { type ListeningServer, serveEndpoint } from '../../src/http/server.ts'
import { silentLog } from '../../src/log/log.ts'
import type { RunningService } from '../../src/service/definition.ts'
import { FileBackend } from '../../src/services/storage/backend/file/file-backend.ts'
import { storageEnv } from '../../src/services/storage/env.ts'
import { findOrphans } from '../../src/services/storage/housekeeping/check.ts'
import { withConnection } from '../../src/services/storage/housekeeping/connection.ts'
import { settleIntents } from '../../src/services/storage/housekeeping/settle.ts'
import { storage } from '../../src/services/storage/index.ts'
import { sign } from '../support/auth-service.ts'
import { JWT_SECRET, type StorageDatabase, startStorageDatabase } from '../support/storage-database.ts'

vi.setConfig({ testTimeout: 180_000 })

/** Far longer than the service waits before it tries again. */
const TIDY_MS = 45_000

/** Between the service and its database: cuts all connections instead of passing on the message that it is told. */
interface Wire {
  readonly port: number
  /** Messages that pass before the cut; either way. */
  cutAfter: number
  /** Whether it has been cut since. */
  cut: boolean
  close(): Promise<void>
}

const token = sign({ role: 'service_role' }, JWT_SECRET)
const A = 'the first bytes '.repeat(10_000)
const B = 'other bytes, and more of them '.repeat(10_000)
let database: StorageDatabase
let folder: string
let wire: Wire
let service: RunningService
let server: ListeningServer

async function openWire(to: number): Promise<Wire> {
  const sockets = new Set<Socket>()
  const proxy = createServer((near) => {
    const far = connect(to, '127.0.0.1')
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('error', () => undefined)
      from.on('close', () => {
        sockets.delete(from)
        into.destroy()
      })
      from.on('data', (chunk) => {
        if (wire.cutAfter-- > 0) return void into.write(chunk)
        wire.cutAfter = Number.POSITIVE_INFINITY
        wire.cut = true
        for (const socket of sockets) socket.destroy()
      })
    }
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    port: (proxy.address() as AddressInfo).port,
    cutAfter: Number.POSITIVE_INFINITY,
    cut: false,
    async close() {
      proxy.close()
      for (const socket of sockets) socket.destroy()
      await once(proxy, 'close')
    },
  }
}

beforeAll(async () => {
  database = await startStorageDatabase()
  folder = await mkdtemp(join(tmpdir(), 'plinth-cut-off-'))
  wire = await openWire(Number(new URL(database.url).port))
  const through = new URL(database.url)
  through.port = String(wire.port)
  const env = readEnv(storageEnv, database.variables(folder, { DATABASE_POOL_URL: through.href }))
  service = await storage.start(env, { log: silentLog, dispatcher: new Dispatcher(), signal: new AbortController().signal })
  server = await serveEndpoint(service.endpoints[0]!, '127.0.0.1', 0)
  await database.admin.query(`insert into storage.buckets (id, name) values ('one', 'one'), ('two', 'two')`)
})
afterAll(async () => {
  await server?.close(0)
  await service?.stop()
  await wire?.close()
  await database?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const call = (method: string, path: string, body: string | object, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

/** Once the service has cleared up behind itself, and what it left is settled. */
async function tidy(): Promise<Map<string, string>> {
  const backend = await FileBackend.open({ path: folder, bucket: 'stub', tenantId: 'stub', etag: 'md5' })
  for (const end = Date.now() + TIDY_MS; ; ) {
    await withConnection(database.url, (client) => settleIntents(client, backend))
    const { rows } = await database.admin.query('select from plinth_storage.intents')
    if (rows.length === 0 && (await readdir(join(folder, 'uploading'))).length === 0) break
    if (Date.now() > end)
      throw new Error(`notes are left: ${JSON.stringify((await database.admin.query('select * from plinth_storage.intents')).rows)}`)
    // The service tries again after two seconds; removals are settled for it after a minute.
    await database.admin.query(`update plinth_storage.intents set created_at = '2026-01-01' where kind = 'remove'`)
    await sleep(100)
  }
  const found = await withConnection(database.url, (client) => findOrphans(client, backend, { olderThanMs: -1_000 }))
  expect(found).toMatchObject({ filesWithoutRow: [], rowsWithoutFile: [], files: found.rows })
  const { rows } = await database.admin.query<{ bucket: string; name: string; version: string }>(
    'select bucket_id as bucket, name, version from storage.objects',
  )
  const objects = await Promise.all(
    rows.map(
      async ({ bucket, name, version }) =>
        [`${bucket}/${name}`, await readFile(join(folder, 'stub/stub', bucket, name, version), 'utf8')] as const,
    ),
  )
  return new Map(objects)
}

async function clear(): Promise<void> {
  for (const bucket of ['one', 'two']) expect((await call('DELETE', `/object/${bucket}`, { prefixes: ['a', 'b'] })).status).toBe(200)
}

/** Runs `act` again and again, the connections cut one message later each time, until it is through. Returns how many messages it takes. */
async function cutEverywhere(
  prepare: () => Promise<void>,
  act: () => Promise<Response>,
  allowed: readonly Map<string, string>[],
): Promise<number> {
  for (let after = 0; ; after++) {
    await clear()
    await prepare()
    wire.cut = false
    wire.cutAfter = after
    const response = await act()
    const text = await response.text()
    wire.cutAfter = Number.POSITIVE_INFINITY
    const found = await tidy()
    expect(allowed, text).toContainEqual(found)
    if (response.ok) expect(found).toEqual(allowed.at(-1))
    if (!wire.cut) {
      expect(response.status, text).toBe(200)
      return after
    }
  }
}

const entries = (...pairs: [string, string][]) => new Map(pairs)
const put = (path: string, text: string) => async () => {
  expect((await call('POST', `/object/${path}`, text)).status).toBe(200)
}

test('the database is lost in the middle of an upload that replaces another', async () => {
  const messages = await cutEverywhere(put('one/a', A), () => call('PUT', '/object/one/a', B), [
    entries(['one/a', A]),
    entries(['one/a', B]),
  ])
  expect(messages).toBeGreaterThanOrEqual(4)
})

test('the database is lost in the middle of a move', async () => {
  await cutEverywhere(
    put('one/a', A),
    () => call('POST', '/object/move', { bucketId: 'one', sourceKey: 'a', destinationBucket: 'two', destinationKey: 'b' }),
    [entries(['one/a', A]), entries(['two/b', A])],
  )
})

test('the database is lost in the middle of a deletion', async () => {
  await cutEverywhere(put('one/a', A), () => call('DELETE', '/object/one', { prefixes: ['a'] }), [entries(['one/a', A]), entries()])
})

test('clients that leave in the middle of a body leave nothing behind', async () => {
  await clear()
  await put('one/a', A)()
  const leave = async (chunked: boolean, sent: number) => {
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => undefined)
    const body = 'x'.repeat(sent)
    socket.write(
      `PUT /object/one/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: text/plain\r\n` +
        (chunked ? `Transfer-Encoding: chunked\r\n\r\n${sent.toString(16)}\r\n${body}\r\n` : `Content-Length: ${sent + 1}\r\n\r\n${body}`),
    )
    // The bytes are on their way to the disk, or refused before.
    await vi.waitFor(async () => expect((await readdir(join(folder, 'uploading'))).length).toBeGreaterThan(0), {
      timeout: 30_000,
      interval: 5,
    })
    socket.destroy()
    await once(socket, 'close')
    await vi.waitFor(async () => expect(await readdir(join(folder, 'uploading'))).toEqual([]), { timeout: 30_000, interval: 20 })
  }
  for (const sent of [1, 100_000, 3_000_000]) for (const chunked of [false, true]) await leave(chunked, sent)
  expect(await tidy()).toEqual(entries(['one/a', A]))
})

test('many writers of one name, each whole or not at all', async () => {
  await clear()
  const texts = Array.from({ length: 12 }, (_, index) => `${index} `.repeat(50_000 + index))
  const answers = await Promise.all(
    texts.map((text, index) => call(index % 2 ? 'PUT' : 'POST', '/object/one/a', text, { 'x-upsert': 'true' })),
  )
  expect(answers.some(({ status }) => status === 200)).toBe(true)
  await Promise.all(answers.map((answer) => answer.arrayBuffer()))
  const found = await tidy()
  expect([...found.keys()]).toEqual(['one/a'])
  expect(texts).toContain(found.get('one/a'))
})
