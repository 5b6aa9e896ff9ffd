// Bad days of the stream of changes: connections that end, a server that restarts, slots that are left behind, taken or too far back.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { silentLog } from '../../src/log/log.ts'
import { type ChangesOptions, openChanges } from '../../src/services/realtime/changes/changes.ts'
import type { ChangesFeed } from '../../src/services/realtime/changes/feed.ts'
import { eventually, listenTo } from '../support/changes.ts'
import { type RealtimeDatabase, startRealtimeDatabase } from '../support/realtime-database.ts'

let db: RealtimeDatabase
const sql = async (text: string, values: unknown[] = []) => (await db.client.query(text, values)).rows
let made = 0
async function table(columns = 'id int primary key, v text'): Promise<string> {
  const name = `t${++made}`
  await sql(`create table ${name} (${columns}); alter publication supabase_realtime add table ${name}`)
  return name
}
const on = (name: string, event = '*') => ({ event, schema: 'public', table: name })
const open = (options: Partial<ChangesOptions> = {}): ChangesFeed & AsyncDisposable => {
  const feed = openChanges({ connection: db.connection, log: silentLog, ...options })
  return Object.assign(feed, { [Symbol.asyncDispose]: () => feed.stop() })
}
const slots = () => sql(`select slot_name, active, temporary, plugin from pg_replication_slots order by 1`)
const NAME = 'supabase_realtime_replication_slot'
const endWalsenders = () => sql(`select pg_terminate_backend(active_pid) from pg_replication_slots where active_pid is not null`)
// biome-ignore lint/suspicious/noExplicitAny: messages are asserted on, not computed with
const ids = (channel: { messages: readonly { data: any }[] }) => channel.messages.map(({ data }) => (data.record ?? data.old_record).id)
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

beforeAll(async () => {
  db = await startRealtimeDatabase({ wal_sender_timeout: '60s' })
})
afterAll(async () => {
  await db?.[Symbol.asyncDispose]()
})

test('the slot is made for the first subscription, is permanent, and goes with the service', async () => {
  const t = await table()
  {
    await using feed = open()
    expect(await slots()).toEqual([])
    await using channel = await listenTo(feed, on(t))
    expect(await slots()).toEqual([{ slot_name: NAME, active: true, temporary: false, plugin: 'pgoutput' }])
    expect(feed.connected).toBe(true)
    await sql(`insert into ${t} values (1)`)
    await channel.count(1)
  }
  expect(await slots()).toEqual([])
  expect(await sql('select * from realtime.subscription')).toEqual([])
})

test('the slot goes when nobody has listened for a while, and comes again', async () => {
  const t = await table()
  await using feed = open({ idleMs: 100 })
  for (const id of [1, 2]) {
    await using channel = await listenTo(feed, on(t))
    await sql(`insert into ${t} values (${id})`)
    await channel.until((data) => data.record.id === id)
    expect(channel.messages.length).toBe(1)
    await channel.close()
    await eventually(slots, (rows) => rows.length === 0)
    expect(feed.connected).toBe(false)
  }
})

test('the suffix and the name of the tenant’s settings are those of the slot', async () => {
  const t = await table()
  await using feed = open({ slotName: 'my_slot', slotSuffix: 'Blue' })
  await using _ = await listenTo(feed, on(t))
  expect((await slots()).map(({ slot_name }) => slot_name)).toEqual(['my_slot_blue'])
})

test('every row exactly once and in order while the replication connection is ended again and again', async () => {
  const t = await table()
  await using feed = open()
  await using one = await listenTo(feed, on(t))
  await using two = await listenTo(feed, on(t), { claims: { n: 2 } })
  const writer = await db.server.connect()
  let written = 0
  for (let round = 0; round < 3; round++) {
    // Many rows in one transaction, so that the connection is ended within it now and then.
    await writer.query(`insert into ${t} select i, repeat('x', 300) from generate_series($1::int, $2::int) i`, [
      written + 1,
      written + 3_000,
    ])
    written += 3_000
    await endWalsenders()
    for (let i = 0; i < 20; i++) await writer.query(`insert into ${t} values ($1)`, [++written])
  }
  await Promise.all([one.count(written), two.count(written)])
  expect(ids(one)).toEqual(upTo(written))
  expect(ids(two)).toEqual(upTo(written))
  expect(one.notes).toEqual([])
  await writer.end()
})

test('every row exactly once when the connections that ask about rights are ended, too', async () => {
  const t = await table('id int primary key, v text')
  await sql(`alter table ${t} enable row level security; create policy a on ${t} for select using (true)`)
  await using feed = open()
  await using channel = await listenTo(feed, on(t))
  for (let id = 1; id <= 60; id++) {
    await sql(`insert into ${t} values (${id})`)
    if (id % 20 === 0) await sql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'realtime%'`)
  }
  await channel.count(60)
  expect(ids(channel)).toEqual(upTo(60))
})

test('every row exactly once when the server restarts; rows of before and after arrive', async () => {
  const t = await table()
  await using feed = open()
  await using channel = await listenTo(feed, on(t))
  await sql(`insert into ${t} values (1)`)
  await channel.count(1)
  await sql(`insert into ${t} select i from generate_series(2, 2000) i`)
  await db.server.halt()
  await db.server.resume()
  ;(db as { client: RealtimeDatabase['client'] }).client = await db.server.connect()
  await sql(`insert into ${t} values (2001)`)
  await channel.count(2_001)
  expect(ids(channel)).toEqual(upTo(2_001))
  expect(channel.notes).toEqual([])
})

test('the server keeps no log for a slot that reads: also not when only other tables are written', async () => {
  const t = await table()
  await sql('create table noise (id int, v text)')
  await using feed = open()
  await using channel = await listenTo(feed, on(t))
  await sql(`insert into noise select i, repeat('x', 1000) from generate_series(1, 5000) i`)
  await sql(`insert into ${t} values (1)`)
  await channel.count(1)
  const behind = async () =>
    Number(
      (
        await sql(
          `select pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) as n from pg_replication_slots where slot_name = '${NAME}'`,
        )
      )[0].n,
    )
  await eventually(behind, (bytes) => bytes < 10_000)
})

test('a slot that is too far behind is dropped; subscribers are told, and the stream goes on', async () => {
  const t = await table()
  // Whoever holds the lock decides how long the rows are asked about, and the slot waits with them.
  await sql(`alter table ${t} enable row level security;
    create policy waits on ${t} for select using ((select pg_advisory_xact_lock_shared(4242)) is not null)`)
  await using feed = open({ maxLagBytes: 1_000_000, watchMs: 100 })
  await using channel = await listenTo(feed, on(t))
  await sql(`insert into ${t} values (1)`)
  await channel.count(1)
  const holder = await db.server.connect()
  await holder.query('select pg_advisory_lock(4242)')
  await sql(`insert into ${t} values (2)`)
  await sql('create table if not exists noise (id int, v text)')
  await sql(`insert into noise select i, repeat('x', 1000) from generate_series(1, 5000) i`)
  expect(await channel.note((text) => text !== 'ok')).toMatch(
    /^Changes were lost: ReplicationSlotLagTooHigh: the replication slot is \d+ MB behind\. The subscription goes on/,
  )
  await holder.query('select pg_advisory_unlock(4242)')
  await channel.note((text) => text === 'ok')
  await sql(`insert into ${t} values (3)`)
  await channel.until((data) => data.record.id === 3)
  await holder.end()
})

test('a slot whose log the server has taken away is made anew, with a word to the subscribers', async () => {
  const t = await table()
  await using feed = open()
  await using channel = await listenTo(feed, on(t))
  await sql(`insert into ${t} values (1)`)
  await channel.count(1)
  // As an administrator would, or the server itself under max_slot_wal_keep_size.
  await eventually(
    async () => {
      await endWalsenders()
      return sql(`select pg_drop_replication_slot('${NAME}')`).then(
        () => true,
        () => false,
      )
    },
    (dropped) => dropped,
  )
  await channel.note((note) => note.startsWith('Changes were lost'))
  await channel.note((note) => note === 'ok')
  await sql(`insert into ${t} values (2)`)
  await channel.until((data) => data.record.id === 2)
})

test('a slot and rows that a killed process left behind are taken over; nothing of before is delivered', async () => {
  const t = await table()
  await sql(`select pg_create_logical_replication_slot('${NAME}', 'pgoutput')`)
  await sql(`insert into realtime.subscription (subscription_id, entity, claims) values (gen_random_uuid(), '${t}', '{"role":"anon"}')`)
  await sql(`insert into ${t} values (1)`)
  await using feed = open()
  await using channel = await listenTo(feed, on(t))
  expect((await sql('select count(*)::int as n from realtime.subscription'))[0].n).toBe(1)
  await sql(`insert into ${t} values (2)`)
  await channel.count(1)
  expect(ids(channel)).toEqual([2])
  expect((await slots()).map(({ slot_name }) => slot_name)).toEqual([NAME])
})

test('a slot of another plugin under our name is replaced', async () => {
  const t = await table()
  await sql(`select pg_create_physical_replication_slot('${NAME}')`)
  try {
    await using feed = open()
    await using channel = await listenTo(feed, on(t))
    await sql(`insert into ${t} values (1)`)
    await channel.count(1)
  } finally {
    for (const { slot_name } of await slots()) await sql('select pg_drop_replication_slot($1)', [slot_name])
  }
})

test('two instances: each reads a slot of its own, each delivers to its own sockets, and one goes on when the other dies', async () => {
  const t = await table()
  await using first = open()
  await using one = await listenTo(first, on(t))
  {
    await using second = open()
    await using two = await listenTo(second, on(t))
    expect((await slots()).map(({ slot_name }) => slot_name)).toEqual([NAME, `${NAME}_2`])
    await sql(`insert into ${t} values (1)`)
    await Promise.all([one.count(1), two.count(1)])
    expect((await sql('select count(*)::int as n from realtime.subscription'))[0].n).toBe(2)
  }
  await sql(`insert into ${t} values (2)`)
  await one.count(2)
  expect((await slots()).map(({ slot_name }) => slot_name)).toEqual([NAME])
})

test('after a long time away an instance comes back to its own slot, and not to that of another one that has died', async () => {
  const t = await table()
  const first = open()
  await listenTo(first, on(t))
  await using second = open({ watchMs: 100 })
  await using two = await listenTo(second, on(t))
  await sql(`insert into ${t} values (1)`)
  await two.count(1)
  await db.server.halt()
  await eventually(
    async () => second.connected,
    (connected) => !connected,
  )
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
  try {
    await first.stop()
    await db.server.resume()
    ;(db as { client: RealtimeDatabase['client'] }).client = await db.server.connect()
    await sql(`insert into ${t} values (2)`)
    await two.count(2)
    await eventually(slots, (rows) => rows.length === 1)
    expect((await slots()).map(({ slot_name }) => slot_name)).toEqual([`${NAME}_2`])
    expect([ids(two), two.notes]).toEqual([[1, 2], []])
  } finally {
    vi.useRealTimers()
  }
})

test('the slot of an instance that was killed is dropped by another one', async () => {
  const t = await table()
  await sql(`select pg_create_logical_replication_slot('${NAME}_3', 'pgoutput')`)
  await using feed = open({ watchMs: 100 })
  await using _ = await listenTo(feed, on(t))
  await eventually(slots, (rows) => rows.length === 1)
  expect((await slots()).map(({ slot_name }) => slot_name)).toEqual([NAME])
})

test('a subscription while the database is away is refused, and worth another try', async () => {
  const t = await table()
  await using feed = open()
  await db.server.halt()
  await expect(listenTo(feed, on(t))).rejects.toMatchObject({ name: 'SubscriptionRefused', again: true })
  await db.server.resume()
  ;(db as { client: RealtimeDatabase['client'] }).client = await db.server.connect()
  await using channel = await eventually(
    () => listenTo(feed, on(t)).catch(() => undefined),
    (listening) => listening !== undefined,
  )
  await sql(`insert into ${t} values (1)`)
  await channel!.count(1)
})

test('stopping drops the slot also while a long transaction streams', async () => {
  const t = await table()
  const feed = open()
  await listenTo(feed, on(t), { deliver: () => new Promise(() => undefined) })
  await sql(`insert into ${t} select i, repeat('x', 500) from generate_series(1, 60000) i`)
  await feed.stop()
  expect(await slots()).toEqual([])
})

test('stopping while the slot waits for a transaction leaves none behind', async () => {
  const t = await table()
  const writer = await db.server.connect()
  await writer.query(`begin; insert into ${t} values (1)`)
  const feed = open()
  const listening = listenTo(feed, on(t)).catch(() => undefined)
  await eventually(slots, (rows) => rows.length === 1)
  await feed.stop()
  expect(await slots()).toEqual([])
  await writer.query('commit')
  await writer.end()
  await listening
})

test('stopping between two connections leaves no slot behind', async () => {
  const t = await table()
  const feed = open()
  const channel = await listenTo(feed, on(t))
  await endWalsenders()
  await eventually(
    async () => feed.connected,
    (connected) => !connected,
  )
  await feed.stop()
  await channel.close()
  expect(await slots()).toEqual([])
})
