// Messages that SQL sends, as they come out of the log; and the upkeep of the table that holds them.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../src/log/log.ts'
import type { DatabaseMessage } from '../../src/services/realtime/changes/feed.ts'
import { openDatabaseBroadcasts } from '../../src/services/realtime/messages/broadcasts.ts'
import { startJanitor } from '../../src/services/realtime/messages/janitor.ts'
import { keepMessagePartitions } from '../../src/services/realtime/messages/partitions.ts'
import { eventually } from '../support/changes.ts'
import { type RealtimeDatabase, startRealtimeDatabase } from '../support/realtime-database.ts'

let db: RealtimeDatabase
const sql = async (text: string, values: unknown[] = []) => (await db.client.query(text, values)).rows
const NAME = 'supabase_realtime_messages_replication_slot'
const slots = async () => (await sql('select slot_name from pg_replication_slots order by 1')).map(({ slot_name }) => slot_name)

beforeAll(async () => {
  db = await startRealtimeDatabase()
})
afterAll(async () => {
  await db?.[Symbol.asyncDispose]()
})

function open(idleMs?: number) {
  const broadcasts = openDatabaseBroadcasts({ connection: db.connection, log: silentLog, ...(idleMs === undefined ? {} : { idleMs }) })
  const messages: DatabaseMessage[] = []
  let wake = (): void => undefined
  const off = broadcasts.on((message) => {
    messages.push(message)
    wake()
  })
  return {
    broadcasts,
    messages,
    off,
    ready: () => broadcasts.ready(AbortSignal.timeout(30_000)),
    async count(least: number) {
      while (messages.length < least)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    },
    [Symbol.asyncDispose]: () => broadcasts.stop(),
  }
}

test('send, send_binary and plain inserts arrive; what is rolled back does not', async () => {
  await using listening = open()
  await listening.ready()
  expect(listening.broadcasts.connected).toBe(true)
  const before = Date.now()
  await sql(`begin; select realtime.send('{"gone": 1}', 'e', 't'); rollback`)
  await sql(`select realtime.send('{"v": "ü", "n": 1.50}', 'e', 'topic one', false)`)
  await sql(`select realtime.send_binary('\\xdeadbeef00ff', 'b', 't')`)
  await sql(`insert into realtime.messages (topic, extension, event, payload, private) values ('t', 'broadcast', 'row', '[1]', true)`)
  await sql(`insert into realtime.messages (topic, extension) values ('probe', 'presence')`)
  await sql(`select realtime.send('{}', 'end', 't')`)
  await listening.count(4)
  const rows = await sql(`select id from realtime.messages where event in ('e', 'b') order by inserted_at`)
  expect(listening.messages.map(({ topic, event, private: hidden, binary }) => [topic, event, hidden, binary])).toEqual([
    ['topic one', 'e', false, false],
    ['t', 'b', true, true],
    ['t', 'row', true, false],
    ['t', 'end', true, false],
  ])
  const [sent, bytes] = listening.messages
  expect(JSON.parse(sent!.payload.toString())).toEqual({ v: 'ü', n: 1.5, id: sent!.id })
  expect(sent!.id).toBe(rows[0].id)
  expect(bytes!.payload).toEqual(Buffer.from('deadbeef00ff', 'hex'))
  expect(Math.abs(sent!.committedAt - before)).toBeLessThan(60_000)
})

test('every message once when the connection is ended meanwhile', async () => {
  await using listening = open()
  await listening.ready()
  for (let n = 1; n <= 60; n++) {
    await sql(`select realtime.send(jsonb_build_object('n', ${n}), 'e', 't')`)
    if (n % 20 === 0) await sql('select pg_terminate_backend(active_pid) from pg_replication_slots where active_pid is not null')
  }
  await listening.count(60)
  expect(listening.messages.map(({ payload }) => JSON.parse(payload.toString()).n)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
})

test('the slot goes when nobody listens for a while, and with the service', async () => {
  {
    await using listening = open(100)
    await listening.ready()
    expect(await slots()).toEqual([NAME])
    listening.off()
    await eventually(slots, (names) => names.length === 0)
    listening.broadcasts.on(() => undefined)
    await listening.ready()
    expect(await slots()).toEqual([NAME])
  }
  expect(await slots()).toEqual([])
})

test('a publication that holds anything else is made anew', async () => {
  await sql(
    'create table other (id int); drop publication if exists supabase_realtime_messages_publication; create publication supabase_realtime_messages_publication for table other',
  )
  await using listening = open()
  await listening.ready()
  await sql(`select realtime.send('{}', 'e', 't')`)
  await listening.count(1)
  const rows = await sql(
    `select prrelid::regclass::text as name from pg_publication_rel r join pg_publication p on p.oid = r.prpubid where p.pubname = 'supabase_realtime_messages_publication'`,
  )
  expect(rows).toEqual([{ name: 'realtime.messages' }])
})

test('ready() ends with the signal where there is no stream to be had', async () => {
  const broadcasts = openDatabaseBroadcasts({
    connection: { ...db.connection, hosts: [{ host: '127.0.0.1', port: 1 }] },
    log: silentLog,
  })
  broadcasts.on(() => undefined)
  await expect(broadcasts.ready(AbortSignal.timeout(300))).rejects.toThrow()
  await broadcasts.stop()
})

const partitions = async () =>
  (await sql(`select inhrelid::regclass::text as name from pg_inherits where inhparent = 'realtime.messages'::regclass order by 1`)).map(
    ({ name }) => name,
  )

test('partitions are made ahead, and dropped when their day is three days gone', async () => {
  const day = (n: number) => `realtime.messages_2030_01_${String(n).padStart(2, '0')}`
  expect(await keepMessagePartitions(db.client, new Date('2030-01-02T10:00:00Z'))).toEqual(
    expect.not.arrayContaining([expect.stringContaining('2030')]),
  )
  expect(await partitions()).toEqual([1, 2, 3, 4, 5].map(day))
  await sql("create table realtime.messages_kept partition of realtime.messages for values from ('2029-01-01') to ('2029-01-02')")
  expect(await keepMessagePartitions(db.client, new Date('2030-01-05T23:59:59Z'))).toEqual(['messages_2030_01_01'])
  expect(await partitions()).toEqual([...[2, 3, 4, 5, 6, 7, 8].map(day), 'realtime.messages_kept'])
  expect(await keepMessagePartitions(db.client, new Date('2030-01-06T00:00:00Z'))).toEqual(['messages_2030_01_02'])
  await keepMessagePartitions(db.client)
})

test('the janitor looks after every tenant, also after one that cannot be reached', async () => {
  await sql(`drop table realtime.messages_kept`)
  for (const name of await partitions()) await sql(`drop table ${name}`)
  const asked: string[] = []
  const janitor = startJanitor({
    tenants: async () => [
      { id: 'away', connect: () => Promise.reject(new Error('no route')) },
      {
        id: 'here',
        connect: () => {
          asked.push('here')
          return db.server.connect()
        },
      },
    ],
    firstAfterMs: 1,
    everyMs: 3_600_000,
    randomize: true,
    children: 2,
    timeoutMs: 5_000,
    log: silentLog,
  })
  await eventually(partitions, (names) => names.length === 5)
  await janitor.stop()
  expect(asked).toEqual(['here'])
})
