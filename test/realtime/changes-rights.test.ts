// Nobody is sent a row that the policies do not show them: whatever changes, policies, roles, tokens or the row itself.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../src/log/log.ts'
import { openChanges } from '../../src/services/realtime/changes/changes.ts'
import type { ChangesFeed } from '../../src/services/realtime/changes/feed.ts'
import { eventually, listenTo } from '../support/changes.ts'
import { type RealtimeDatabase, startRealtimeDatabase } from '../support/realtime-database.ts'

const ONE = '11111111-1111-4111-8111-111111111111'
const TWO = '22222222-2222-4222-8222-222222222222'
const OWN = `alter table $t enable row level security; create policy own on $t for select to authenticated using (owner = (select auth.uid()))`
let db: RealtimeDatabase
let feed: ChangesFeed
const sql = async (text: string, values: unknown[] = []) => {
  try {
    return (await db.client.query(text, values)).rows
  } catch (error) {
    await db.client.query('rollback')
    throw error
  }
}
let made = 0
async function table(columns: string, more = ''): Promise<string> {
  const name = `t${++made}`
  await sql(`create table ${name} (${columns}); ${more.replaceAll('$t', name)}`)
  await sql(`alter publication supabase_realtime add table ${name}`)
  return name
}
const on = (name: string, event = '*', more: object = {}) => ({ event, schema: 'public', table: name, ...more })
const as = (sub: string, claims: object = {}) => ({ role: 'authenticated', claims: { sub, ...claims } })
const everybody = { role: 'service_role' }
// biome-ignore lint/suspicious/noExplicitAny: messages are asserted on, not computed with
const ids = (channel: { messages: readonly { data: any }[] }) => channel.messages.map(({ data }) => (data.record ?? data.old_record).id)

beforeAll(async () => {
  db = await startRealtimeDatabase()
  feed = openChanges({ connection: db.connection, log: silentLog })
})
afterAll(async () => {
  await feed?.stop()
  await db?.[Symbol.asyncDispose]()
})

test('each gets the rows that the policy shows', async () => {
  const t = await table('id int primary key, owner uuid', OWN)
  await using one = await listenTo(feed, on(t), as(ONE))
  await using two = await listenTo(feed, on(t), as(TWO))
  await using anon = await listenTo(feed, on(t))
  await using all = await listenTo(feed, on(t), everybody)
  await sql(`insert into ${t} select i, case when i % 2 = 0 then '${ONE}'::uuid else '${TWO}'::uuid end from generate_series(1, 40) i`)
  await all.count(40)
  expect([ids(one), ids(two), ids(anon)]).toEqual([
    Array.from({ length: 20 }, (_, i) => i * 2 + 2),
    Array.from({ length: 20 }, (_, i) => i * 2 + 1),
    [],
  ])
})

test('5,000 rows in one transaction to 20 subscribers: all of them, once, in order', async () => {
  const t = await table('id int primary key, owner uuid', OWN)
  const channels = await Promise.all(Array.from({ length: 20 }, (_, n) => listenTo(feed, on(t, 'INSERT'), as(ONE, { n }))))
  await sql(`insert into ${t} select i, '${ONE}' from generate_series(1, 5000) i`)
  const expected = Array.from({ length: 5_000 }, (_, i) => i + 1)
  for (const channel of channels) {
    await channel.count(5_000)
    expect(ids(channel)).toEqual(expected)
    await channel.close()
  }
})

test('a table that is secured while rows stream counts as such for every row committed after it', async () => {
  for (let round = 0; round < 5; round++) {
    const t = await table('id int primary key, secret bool')
    await using channel = await listenTo(feed, on(t, 'INSERT'), as(ONE))
    await using all = await listenTo(feed, on(t, 'INSERT'), everybody)
    const writer = await db.server.connect()
    for (let id = 1; id <= 10; id++) await writer.query(`insert into ${t} values (${id}, false)`)
    await writer.query(`alter table ${t} enable row level security`)
    for (let id = 11; id <= 20; id++) await writer.query(`insert into ${t} values (${id}, true)`)
    await writer.query(`create policy open_ones on ${t} for select using (not secret)`)
    for (let id = 21; id <= 30; id++) await writer.query(`insert into ${t} values (${id}, ${id % 2 === 0})`)
    await writer.query(`insert into ${t} values (31, false)`)
    await all.count(31)
    await channel.until((data) => data.record.id === 31)
    expect(channel.messages.filter(({ data }) => data.record.secret)).toEqual([])
    expect(ids(channel).filter((id) => id > 20)).toEqual([21, 23, 25, 27, 29, 31])
    await writer.end()
  }
})

test('rights on columns and tables count at once', async () => {
  const t = await table('id int primary key, v text', 'revoke all on $t from anon; grant select on $t to anon')
  await using channel = await listenTo(feed, on(t))
  const seen = async (id: number) => {
    await sql(`insert into ${t} values (${id}, 'v')`)
    await channel.count(id)
    return channel.messages[id - 1]!.data
  }
  expect((await seen(1)).record).toEqual({ id: 1, v: 'v' })
  await sql(`revoke select on ${t} from anon; grant select (id) on ${t} to anon`)
  expect(await seen(2)).toMatchObject({ record: { id: 2 }, columns: [{ name: 'id', type: 'int4' }], errors: null })
  await sql(`revoke select (id) on ${t} from anon; grant select (v) on ${t} to anon`)
  expect(await seen(3)).toMatchObject({ record: {}, columns: [], errors: ['Error 401: Unauthorized'], commit_timestamp: null })
  await sql(`grant select (id) on ${t} to anon`)
  expect((await seen(4)).record).toEqual({ id: 4, v: 'v' })
})

test('a role that goes gets nothing more, the others do', async () => {
  await sql('create role visitor; grant usage on schema public to visitor')
  const t = await table('id int primary key', 'grant select on $t to visitor')
  await using channel = await listenTo(feed, on(t), { role: 'visitor' })
  await using all = await listenTo(feed, on(t), everybody)
  await sql(`insert into ${t} values (1)`)
  await channel.count(1)
  await sql('drop owned by visitor; drop role visitor')
  await sql(`insert into ${t} values (2)`)
  await all.count(2)
  expect(ids(channel)).toEqual([1])
})

test('new claims decide from the moment they are given', async () => {
  const t = await table('id int primary key, owner uuid', OWN)
  await using all = await listenTo(feed, on(t, 'INSERT'), everybody)
  const leaked: number[] = []
  let now = ONE
  await using channel = await listenTo(feed, on(t, 'INSERT'), {
    ...as(ONE),
    deliver({ data }) {
      const { record } = JSON.parse(data.toString())
      if (record.owner !== now) leaked.push(record.id)
    },
  })
  const writer = await db.server.connect()
  let writing = true
  const writes = (async () => {
    for (let id = 1; writing; id += 2) await writer.query(`insert into ${t} values ($1, $3), ($2, $4)`, [id, id + 1, ONE, TWO])
  })()
  for (let round = 0; round < 30; round++) {
    const before = channel.messages.length
    now = now === ONE ? TWO : ONE
    await channel.subscribed.claims({ role: 'authenticated', sub: now }, 'authenticated', '')
    await channel.count(before + 3)
  }
  writing = false
  await writes
  await writer.end()
  const [{ most }] = (await sql(`select max(id) as most from ${t}`)) as [{ most: number }]
  await all.count(most)
  expect(leaked).toEqual([])
})

test('no row with the old claims is delivered after new ones are given, also of those that are being settled', async () => {
  const t = await table(
    'id int primary key, owner uuid',
    `${OWN}; create policy waits on $t as restrictive for select to authenticated
       using ((select pg_advisory_xact_lock_shared(4243)) is not null)`,
  )
  await using channel = await listenTo(feed, on(t, 'INSERT'), as(ONE))
  await using all = await listenTo(feed, on(t, 'INSERT'), everybody)
  const holder = await db.server.connect()
  await holder.query('select pg_advisory_lock(4243)')
  await sql(`insert into ${t} select i, case when i % 2 = 0 then '${ONE}'::uuid else '${TWO}'::uuid end from generate_series(1, 20) i`)
  // While they are asked about.
  await eventually(
    () => sql(`select from pg_locks where locktype = 'advisory' and objid = 4243 and not granted`),
    (waiting) => waiting.length > 0,
  )
  await channel.subscribed.claims({ role: 'authenticated', sub: TWO }, 'authenticated', '')
  await holder.query('select pg_advisory_unlock(4243)')
  await all.count(20)
  await channel.count(10)
  expect(ids(channel)).toEqual(Array.from({ length: 10 }, (_, index) => 2 * index + 1))
  await holder.end()
})

test('a refresh to a role that may not read the filtered column ends the subscription', async () => {
  const t = await table(
    'id int primary key, v text',
    'revoke all on $t from anon, authenticated; grant select on $t to authenticated; grant select (id) on $t to anon',
  )
  await using channel = await listenTo(feed, on(t, '*', { filter: 'v=eq.x' }), as(ONE))
  await using all = await listenTo(feed, on(t), everybody)
  await expect(channel.subscribed.claims({ role: 'anon' }, 'anon', '')).rejects.toThrow('invalid column for filter v')
  await sql(`insert into ${t} values (1, 'x')`)
  await all.count(1)
  expect(channel.messages).toEqual([])
})

test('nothing is delivered after the subscription is closed', async () => {
  const t = await table('id int primary key')
  await using stays = await listenTo(feed, on(t))
  const gone = await listenTo(feed, on(t))
  await sql(`insert into ${t} select generate_series(1, 500)`)
  await gone.count(1)
  await gone.close()
  const count = gone.messages.length
  await stays.count(500)
  expect(gone.messages.length).toBe(count)
})

test('an older version of a row is only sent to whom the policies show that version', async () => {
  const t = await table('id int primary key, owner uuid, v text', OWN)
  await using one = await listenTo(feed, on(t), as(ONE))
  await using two = await listenTo(feed, on(t), as(TWO))
  await using all = await listenTo(feed, on(t), everybody)
  // All in one transaction: whoever looks sees the last version only.
  await sql(
    `begin; insert into ${t} values (1, '${ONE}', 'secret of one'); update ${t} set owner = '${TWO}', v = 'for two'; update ${t} set v = 'for two again'; commit`,
  )
  await all.count(3)
  await two.count(2)
  expect(two.messages.map(({ data }) => data.record.v)).toEqual(['for two', 'for two again'])
  expect(JSON.stringify(two.messages)).not.toContain('secret')
  // The row is not theirs any more when it is looked up, as upstream has it.
  expect(one.messages).toEqual([])
})

test('a row that is gone when it is looked up is sent to whom the policies would have shown it', async () => {
  const t = await table('id int primary key, owner uuid, v text', OWN)
  await using one = await listenTo(feed, on(t), as(ONE))
  await using two = await listenTo(feed, on(t), as(TWO))
  await sql(`insert into ${t} values (1, '${ONE}', 'a'); commit; update ${t} set v = 'b'; commit; delete from ${t}; commit;
    insert into ${t} values (2, '${TWO}', 'c'); commit; delete from ${t}`)
  await two.count(3)
  await one.count(4)
  const told = (channel: typeof one) => channel.messages.map(({ data }) => [data.type, data.record?.v ?? data.old_record.id])
  expect(told(one)).toEqual([
    ['INSERT', 'a'],
    ['UPDATE', 'b'],
    ['DELETE', 1],
    ['DELETE', 2],
  ])
  expect(told(two)).toEqual([
    ['DELETE', 1],
    ['INSERT', 'c'],
    ['DELETE', 2],
  ])
})

test('many versions of a row that stays visible all arrive', async () => {
  const t = await table('id int primary key, owner uuid, n int', OWN)
  await using one = await listenTo(feed, on(t, 'UPDATE'), as(ONE))
  await sql(`insert into ${t} values (1, '${ONE}', 0)`)
  await sql(`do $$ begin for i in 1..200 loop update ${t} set n = i; end loop; end $$`)
  for (let i = 201; i <= 260; i++) await sql(`update ${t} set n = ${i}`)
  await one.count(260)
  expect(one.messages.map(({ data }) => data.record.n)).toEqual(Array.from({ length: 260 }, (_, i) => i + 1))
})

test('older versions are judged by permissive, restrictive and role-bound policies, with functions and subqueries', async () => {
  await sql(`create table teams (name text primary key, member uuid); grant select on teams to authenticated;
    insert into teams values ('red', '${ONE}'), ('blue', '${TWO}');
    create function may_see(team text) returns boolean language sql stable as $$ select exists (select from public.teams t where t.name = team and t.member = auth.uid()) $$`)
  const t = await table(
    'id int primary key, team text, hidden bool default false, "Odd ""name" int default 1',
    `alter table $t enable row level security;
     create policy a on $t for select to authenticated using (may_see($t.team));
     create policy b on $t for select to service_role using (true);
     create policy c on $t for all to anon using (true);
     create policy d on $t as restrictive for select using (not hidden and "Odd ""name" > 0);
     create policy e on $t for select using (exists (select from teams where teams.name = $t.team and teams.member = auth.uid() and $t.team = 'blue'))`,
  )
  await using one = await listenTo(feed, on(t, 'INSERT'), as(ONE))
  await using two = await listenTo(feed, on(t, 'INSERT'), as(TWO))
  await using all = await listenTo(feed, on(t), everybody)
  await sql(
    `insert into ${t} values (1, 'red', false, 1), (2, 'blue', false, 1), (3, 'green', false, 1), (4, 'red', true, 1), (5, 'blue', false, 0)`,
  )
  await sql(`begin; insert into ${t} values (11, 'red', false, 1), (12, 'blue', false, 1), (13, 'green', false, 1), (14, 'red', true, 1), (15, 'red', false, 0);
    update ${t} set team = 'blue', hidden = false, "Odd ""name" = 1 where id > 10; commit`)
  await all.count(15) // ten inserts and five updates
  // For two the last version of 11 to 15 is visible; for one none is.
  expect([ids(one), ids(two)]).toEqual([[1], [2, 12]])
})

test('a policy that fails denies those that it is about, and nobody else', async () => {
  const t = await table(
    'id int primary key, owner uuid',
    `alter table $t enable row level security; create policy own on $t for select to authenticated using (owner = (select auth.uid()));
     create policy broken on $t for select to anon using (1 / (id - id) = 1)`,
  )
  await using one = await listenTo(feed, on(t), as(ONE))
  await using broken = await listenTo(feed, on(t))
  await sql(`insert into ${t} values (1, '${ONE}')`)
  await one.count(1)
  await sql(`drop policy broken on ${t}; create policy mended on ${t} for select to anon using (true)`)
  await sql(`insert into ${t} values (2, '${ONE}')`)
  await Promise.all([one.count(2), broken.count(1)])
  expect([ids(one), ids(broken)]).toEqual([[1, 2], [2]])
})

test('of a deleted row of a secured table only the key is told', async () => {
  const t = await table('id int primary key, owner uuid', `${OWN}; alter table $t replica identity full`)
  await using two = await listenTo(feed, on(t, 'DELETE'), as(TWO))
  await sql(`insert into ${t} values (1, '${ONE}')`)
  await sql(`delete from ${t}`)
  await two.count(1)
  expect(two.messages[0]!.data.old_record).toEqual({ id: 1 })
})

test('of an old row that was not theirs only the key is told; of one that was, all', async () => {
  const t = await table('id int primary key, owner uuid, v text', `${OWN}; alter table $t replica identity full`)
  await using two = await listenTo(feed, on(t, 'UPDATE'), as(TWO))
  await sql(`insert into ${t} values (1, '${ONE}', 'secret')`)
  await sql(`update ${t} set owner = '${TWO}', v = 'shared'`)
  await two.count(1)
  await sql(`update ${t} set v = 'more'`)
  await two.count(2)
  expect(two.messages.map(({ data }) => data.old_record)).toEqual([{ id: 1 }, { id: 1, owner: TWO, v: 'shared' }])
})

test('insert and delete in one transaction: a secured table tells the delete only', async () => {
  const t = await table('id int primary key, owner uuid', OWN)
  await using one = await listenTo(feed, on(t), as(ONE))
  await sql(`begin; insert into ${t} values (1, '${ONE}'); delete from ${t}; commit`)
  await one.count(1)
  expect(one.messages.map(({ data }) => data.type)).toEqual(['DELETE'])
})

test('keys of several columns, of text with anything in it, and of an array', async () => {
  const t = await table('a text, b int[], owner uuid, id int, primary key (a, b)', OWN)
  await using one = await listenTo(feed, on(t, 'INSERT'), as(ONE))
  const keys = ['plain', '', 'NULL', '{"a"}', "it's", 'a,b', 'back\\slash', '"quoted"', 'ü \n']
  for (const [id, key] of keys.entries()) await sql(`insert into ${t} values ($1, '{1,2}', $2, $3)`, [key, id % 2 ? ONE : TWO, id])
  await one.count(Math.floor(keys.length / 2))
  expect(ids(one)).toEqual([1, 3, 5, 7])
})

test('a table that is locked is waited for; nothing is lost', async () => {
  const t = await table('id int primary key, owner uuid', OWN)
  await using one = await listenTo(feed, on(t, 'INSERT'), as(ONE))
  await sql(`insert into ${t} values (1, '${ONE}')`)
  await one.count(1)
  const migration = await db.server.connect()
  await sql(`insert into ${t} values (2, '${ONE}')`)
  await migration.query(`begin; lock table ${t} in access exclusive mode`)
  const late = db.server.connect().then(async (client) => {
    await client.query(`insert into ${t} values (3, '${ONE}')`)
    await client.end()
  })
  await new Promise((resolve) => setTimeout(resolve, 4_000))
  await migration.query('commit')
  await migration.end()
  await late
  await one.count(3)
  expect(ids(one)).toEqual([1, 2, 3])
})

test('a filter that takes for ever costs its own subscriber, and nobody else', async () => {
  const t = await table('id int primary key, v text')
  await using all = await listenTo(feed, on(t, 'INSERT'))
  await using plain = await listenTo(feed, on(t, 'INSERT', { filter: 'v=like.a%' }))
  // Five halves of an odd number: every way to divide it is tried.
  const endless = String.raw`v=match.^(a*)\1(a*)\2(a*)\3(a*)\4(a*)\5b$`
  await using slow = await listenTo(feed, on(t, 'INSERT', { filter: endless }))
  await sql(`insert into ${t} select i, repeat('a', 999) || 'b' from generate_series(1, 3) i`)
  await Promise.all([all.count(3), plain.count(3)])
  await sql(`insert into ${t} values (4, repeat('a', 999) || 'b')`)
  await Promise.all([all.count(4), plain.count(4)])
  expect(slow.messages).toEqual([])
})
