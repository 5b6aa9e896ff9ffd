import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseConnection } from '../../src/pg/connection-options.ts'
import {
  AcquisitionTimeout,
  Cancellation,
  ConnectError,
  ConnectionLost,
  Executor,
  type ExecutorOptions,
  type Result,
  StatementError,
} from '../../src/pg/executor.ts'
import { listen } from '../../src/pg/listener.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'

let postgres: TestPostgres
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'plinth-hba-'))
  await chmod(folder, 0o755)
  const rules = [
    'host all scram_user all scram-sha-256',
    'host all md5_user all md5',
    'host all plain_user all password',
    'host all all all trust',
  ]
  writeFileSync(join(folder, 'hba.conf'), `${rules.join('\n')}\n`)
  postgres = await startPostgres({ hba_file: join(folder, 'hba.conf'), max_connections: '60' })
  const admin = await postgres.connect()
  await admin.query("create role scram_user login password 'sécret @:/'; create role plain_user login password 'plain'")
  await admin.query("set password_encryption = 'md5'; create role md5_user login password 'md5 secret'")
  await admin.query('create table things (id int primary key, name text not null)')
})
afterAll(async () => {
  await postgres[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

function open(options: Partial<ExecutorOptions> = {}): Executor & AsyncDisposable {
  const executor = new Executor({ connection: postgres.url(), max: 4, ...options })
  return Object.assign(executor, { [Symbol.asyncDispose]: () => executor.close() })
}

const texts = (results: readonly Result[]) => results.map(({ rows }) => rows.map((row) => row.map((value) => value?.toString() ?? null)))
const one = async (executor: Executor, text: string, values: string[] = []) =>
  texts(await executor.run({ statements: [{ text, values }] }))[0]![0]![0]

test.each([
  ['scram_user', 'sécret @:/'],
  ['md5_user', 'md5 secret'],
  ['plain_user', 'plain'],
])('%s logs in by password', async (user, password) => {
  const url = new URL(postgres.url())
  const login = `postgresql://${user}:${encodeURIComponent(password)}@${url.host}/postgres`
  await using executor = open({ connection: login })
  expect(await one(executor, 'select current_user')).toBe(user)
  await using wrong = open({ connection: login.replace(/:[^:@]*@/, ':wrong@') })
  await expect(one(wrong, 'select 1')).rejects.toBeInstanceOf(ConnectError)
})

test('the statements of a batch are one transaction', async () => {
  await using executor = open()
  const batch = executor.run({
    statements: [
      { text: "insert into things values (1, 'one')" },
      { text: "insert into things values (1, 'again')" },
      { text: 'select 1' },
    ],
  })
  await expect(batch).rejects.toMatchObject({ name: 'StatementError', statement: 1, fields: { code: '23505' } })
  expect(await one(executor, 'select count(*) from things')).toBe('0')
})

test('settings of a batch end with it', async () => {
  await using executor = open({ max: 1 })
  const [, seen] = texts(
    await executor.run({
      statements: [{ text: "select set_config('my.role', $1, true)", values: ['ann'] }, { text: "select current_setting('my.role')" }],
    }),
  )
  expect(seen).toEqual([['ann']])
  expect(await one(executor, "select coalesce(nullif(current_setting('my.role', true), ''), 'nobody')")).toBe('nobody')
})

test('bytes go in and come out as they are', async () => {
  await using executor = open()
  const big = Buffer.alloc(3_000_000, 'xyz')
  const [result] = await executor.run({
    statements: [{ text: 'select $1::text, length($2::bytea), $3::text', values: [big, { binary: Buffer.from([0, 1, 255]) }, null] }],
  })
  const [text, length, nothing] = result!.rows[0]!
  expect(text!.equals(big)).toBe(true)
  expect([length!.toString(), nothing]).toEqual(['3', null])
})

test('an explicit transaction ends as its results say', async () => {
  await using executor = open({ max: 1 })
  const insert = (id: number, end: 'commit' | 'rollback') =>
    executor.run({
      statements: [{ text: "insert into things values ($1, 'x') returning id", values: [String(id)] }],
      transaction: { begin: 'begin', end: (results) => (results[0]!.rows.length === 1 ? end : 'commit') },
    })
  await insert(10, 'rollback')
  await insert(11, 'commit')
  expect(await one(executor, "select string_agg(id::text, ',') from things where id in (10, 11)")).toBe('11')
  const thrown = executor.run({
    statements: [{ text: "insert into things values (12, 'x')" }],
    transaction: {
      begin: 'begin',
      end: () => {
        throw new RangeError('too many')
      },
    },
  })
  await expect(thrown).rejects.toBeInstanceOf(RangeError)
  const failed = executor.run({ statements: [{ text: 'select 1/0' }], transaction: { begin: 'begin', end: 'commit' } })
  await expect(failed).rejects.toMatchObject({ fields: { code: '22012' } })
  expect(await one(executor, 'select count(*) from things where id = 12')).toBe('0')
  expect(await one(executor, 'select pg_current_xact_id_if_assigned()')).toBe(null)
})

test('a statement that opens a transaction by itself does not leave it open', async () => {
  await using executor = open({ max: 1 })
  await executor.run({ statements: [{ text: 'begin' }, { text: "insert into things values (20, 'x')" }] })
  expect(await one(executor, 'select count(*) from things where id = 20')).toBe('0')
})

test('an error in the middle of a pipeline harms neither the requests before nor those behind it', async () => {
  await using executor = open({ max: 1 })
  await one(executor, 'select 1')
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      (index % 5 === 2
        ? one(executor, 'select 1 / ($1::int - $1::int)', [String(index)])
        : one(executor, 'select $1::text', [String(index)])
      ).catch((error: StatementError) => error.fields.code),
    ),
  )
  expect(outcomes).toEqual(Array.from({ length: 40 }, (_, index) => (index % 5 === 2 ? '22012' : String(index))))
})

test('a statement whose preparation an error skipped is prepared by the request behind', async () => {
  await using executor = open({ max: 1 })
  await one(executor, 'select 1')
  const failing = executor.run({ statements: [{ text: "select 'x'::int" }, { text: 'select 4711' }] })
  const behind = one(executor, 'select 4711')
  await expect(failing).rejects.toBeInstanceOf(StatementError)
  expect(await behind).toBe('4711')
  expect(await one(executor, 'select 4711')).toBe('4711')
})

test('statements are forgotten before they become too many, and work again afterwards', async () => {
  await using executor = open({ max: 1 })
  for (let round = 0; round < 2; round++)
    for (let index = 0; index < 300; index++) expect(await one(executor, `select ${index}`)).toBe(String(index))
  expect(Number(await one(executor, 'select count(*) from pg_prepared_statements'))).toBeLessThanOrEqual(252)
})

test('all answers reach whoever asked, whatever the order', async () => {
  await using executor = open({ max: 3 })
  const answers = await Promise.all(
    Array.from({ length: 2_000 }, (_, index) => one(executor, `select $1::int, ${index % 7}`, [String(index)])),
  )
  expect(answers).toEqual(Array.from({ length: 2_000 }, (_, index) => String(index)))
  expect(executor.stats()).toMatchObject({ open: 3, busy: 0, waiting: 0 })
})

test('a slow request holds up nobody while there is another connection, and only young ones are shared', async () => {
  await using executor = open({ max: 2 })
  await Promise.all([one(executor, 'select 1'), one(executor, 'select 1')])
  const slow = one(executor, 'select pg_sleep(1.5)')
  await new Promise((resolve) => setTimeout(resolve, 60)) // the slow one is no longer young
  const began = performance.now()
  await Promise.all(Array.from({ length: 50 }, (_, index) => one(executor, 'select $1::text', [String(index)])))
  expect(performance.now() - began).toBeLessThan(1_000)
  await slow
})

test('a connection that last served the same role is preferred', async () => {
  await using executor = open({ max: 2 })
  const pid = async (affinity: string) =>
    texts(await executor.run({ statements: [{ text: 'select pg_backend_pid()' }], affinity }))[0]![0]![0]
  const sleeping = executor.run({ statements: [{ text: 'select pg_backend_pid(), pg_sleep(0.1)' }], affinity: 'ann' })
  const bob = await pid('bob')
  const ann = texts(await sleeping)[0]![0]![0]
  expect(ann).not.toBe(bob)
  expect([await pid('bob'), await pid('ann'), await pid('bob'), await pid('ann')]).toEqual([bob, ann, bob, ann])
})

test('giving up cancels the query, and the connection serves the next', async () => {
  await using executor = open({ max: 1 })
  const cancellation = new Cancellation()
  const slow = executor.run({ statements: [{ text: 'select pg_sleep(30)' }] }, cancellation)
  const admin = await postgres.connect()
  const asleep = async () =>
    (await admin.query("select from pg_stat_activity where query = 'select pg_sleep(30)' and wait_event = 'PgSleep'")).rowCount
  await expect.poll(asleep, { timeout: 10_000 }).toBe(1)
  cancellation.cancel()
  await expect(slow).rejects.toMatchObject({ fields: { code: '57014' } })
  expect(await one(executor, 'select 1')).toBe('1')
})

test('a thousand requests given up never cancel a neighbour', async () => {
  await using executor = open({ max: 4 })
  let neighbours = 0
  const tasks: Promise<unknown>[] = []
  for (let index = 0; index < 1_000; index++) {
    const cancellation = new Cancellation()
    tasks.push(executor.run({ statements: [{ text: 'select pg_sleep(0.002)' }] }, cancellation).catch(() => undefined))
    setTimeout(() => cancellation.cancel(), index % 11)
    tasks.push(
      one(executor, 'select $1::text', [String(index)]).then((value) => {
        expect(value).toBe(String(index))
        neighbours++
      }),
    )
    if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(tasks)
  expect(neighbours).toBe(1_000)
})

test('a killed connection fails its request and is replaced', async () => {
  const troubles: string[] = []
  await using executor = open({ max: 1, onTrouble: (error) => troubles.push(error.message) })
  await expect(one(executor, 'select pg_terminate_backend(pg_backend_pid())')).rejects.toMatchObject({
    name: 'ConnectionLost',
    code: '57P01',
  })
  expect(await one(executor, 'select 1')).toBe('1')
  expect(troubles).toHaveLength(1)
})

test('an idle connection that is killed is noticed before it is used', async () => {
  await using executor = open({ max: 1 })
  const pid = await one(executor, 'select pg_backend_pid()')
  const admin = await postgres.connect()
  await admin.query('select pg_terminate_backend($1)', [Number(pid)])
  await expect.poll(() => executor.stats().open).toBe(0)
  expect(await one(executor, 'select 1')).toBe('1')
})

test('whoever waits too long is told so', async () => {
  await using executor = open({ max: 1, acquisitionTimeoutMs: 300 })
  await one(executor, 'select 1')
  const slow = one(executor, 'select pg_sleep(1)')
  await new Promise((resolve) => setTimeout(resolve, 40)) // no longer young
  await expect(one(executor, 'select 1')).rejects.toBeInstanceOf(AcquisitionTimeout)
  expect(executor.stats().timeouts).toBe(1)
  await slow
})

test('a read that was sent behind a request that turns out slow waits no longer; what writes is waited for', async () => {
  await using executor = open({ max: 1, acquisitionTimeoutMs: 200 })
  await executor.ping()
  const order: string[] = []
  const slow = executor.run({ statements: [{ text: 'select pg_sleep(3)' }] }).then(() => order.push('slow'))
  const read = executor.run({ statements: [{ text: 'select 1' }], readOnly: true }).catch((error: unknown) => {
    order.push('read')
    return error
  })
  const write = executor.run({ statements: [{ text: 'create table written as select 1 as id' }] }).then(() => order.push('write'))
  expect(await read).toBeInstanceOf(AcquisitionTimeout)
  expect(executor.stats()).toMatchObject({ timeouts: 1, busy: 1 })
  await Promise.all([slow, write])
  expect(order).toEqual(['read', 'slow', 'write'])
  expect(await one(executor, 'select count(*) from written')).toBe('1')
})

test('connections are given back when they are idle or old', async () => {
  await using idle = open({ max: 2, maxIdleMs: 100 })
  await one(idle, 'select 1')
  await expect.poll(() => idle.stats().open).toBe(0)
  await using old = open({ max: 1, maxLifetimeMs: 1 })
  const first = await one(old, 'select pg_backend_pid()')
  await expect.poll(() => one(old, 'select pg_backend_pid()')).not.toBe(first)
})

test('nobody there: the error says where it looked', async () => {
  await using executor = open({ connection: 'postgresql://x@127.0.0.1:1/x' })
  await expect(one(executor, 'select 1')).rejects.toThrow('connection to server at "127.0.0.1", port 1 failed: Connection refused')
})

/** Passes bytes on, and breaks connections when told to. */
async function proxy(): Promise<{ url: string; cut: () => void } & AsyncDisposable> {
  const target = new URL(postgres.url())
  const sockets = new Set<Socket>()
  const server: Server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    url: `postgresql://supabase_admin@127.0.0.1:${port}/postgres`,
    cut,
    async [Symbol.asyncDispose]() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('a network that breaks under load costs what was under way and nothing else', async () => {
  await using broken = await proxy()
  await using executor = open({ connection: broken.url, max: 3 })
  const errors: unknown[] = []
  for (let round = 0; round < 5; round++) {
    const running = Array.from({ length: 30 }, (_, index) =>
      one(executor, 'select $1::text || pg_sleep(0.005)::text', [String(index)]).catch((error: unknown) => errors.push(error)),
    )
    await new Promise((resolve) => setTimeout(resolve, 10)) // some are at work by now
    broken.cut()
    await Promise.all(running)
    await expect.poll(() => one(executor, 'select 1').catch(() => undefined)).toBe('1')
  }
  expect(errors.length).toBeGreaterThan(0)
  expect(errors.every((error) => error instanceof ConnectionLost || error instanceof ConnectError)).toBe(true)
})

test('a listener hears, and hears again after its connection was lost', async () => {
  const heard: string[] = []
  const ready: boolean[] = []
  const listener = listen({
    connection: parseConnection(postgres.url()),
    channel: 'News "quoted"',
    onNotification: (payload) => heard.push(payload),
    onReady: (again) => ready.push(again),
    onTrouble: () => undefined,
  })
  try {
    const admin = await postgres.connect()
    await expect.poll(() => ready).toEqual([false])
    await admin.query(`notify "News ""quoted""", 'one'`)
    await expect.poll(() => heard).toEqual(['one'])
    await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %'")
    await expect.poll(() => ready, { timeout: 5_000 }).toEqual([false, true])
    await admin.query(`notify "News ""quoted""", 'two'`)
    await expect.poll(() => heard).toEqual(['one', 'two'])
  } finally {
    await listener.close()
  }
})
