// The schemas of Realtime against upstream's: from nothing, again, from older states, by two at once; and what the functions answer.
import { readFileSync } from 'node:fs'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrateTenant, realtimeMigrations } from '../../src/services/realtime/migrations/index.ts'
import { createMessagePartitions } from '../../src/services/realtime/migrations/partitions.ts'
import { serviceVersions, tenantVersions } from '../../src/services/realtime/migrations/versions.ts'
import { catalogOf } from '../support/catalog.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { createRoles, createSchemas } from '../support/roles.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await startPostgres()
  await createRoles(await server.connect())
})
afterAll(async () => server[Symbol.asyncDispose]())

async function database(name: string): Promise<Client> {
  await server.database(name)
  const admin = await server.connect('supabase_admin', name)
  await createSchemas(admin)
  await admin.query('create schema _realtime authorization postgres')
  return admin
}

const file = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')
const both = async (client: Client) => (await catalogOf(client, '_realtime')) + (await catalogOf(client, 'realtime'))
const versionsIn = async (client: Client, schema: string) =>
  (await client.query<{ version: string }>(`select version from ${schema}.schema_migrations order by 1`)).rows.map((row) => row.version)
const partitions = async (client: Client) =>
  (
    await client.query<{ name: string }>(
      `select relname as name from pg_class where relispartition and relkind = 'r' and relnamespace = 'realtime'::regnamespace order by 1`,
    )
  ).rows.map((row) => row.name)

test('a fresh database gets the schemas that upstream ends in', async () => {
  const admin = await database('fresh')
  await realtimeMigrations.migrate(admin)
  await expect(await both(admin)).toMatchFileSnapshot('realtime.txt')
  expect(await versionsIn(admin, 'realtime')).toEqual([...tenantVersions])
  expect(await versionsIn(admin, '_realtime')).toEqual([...serviceVersions])
})

test('the second run changes nothing', async () => {
  const admin = await database('again')
  await realtimeMigrations.migrate(admin)
  const before = await both(admin)
  await realtimeMigrations.migrate(admin)
  expect(await both(admin)).toBe(before)
})

test.each([
  ['the early versions', ['realtime-first.sql']],
  ['the middle of 2025 (2.34.47)', ['realtime-first.sql', 'realtime-mid-2025.sql']],
])('a database that upstream migrated in part is brought forward: %s', async (name, files) => {
  const admin = await database(name.replace(/\W/g, '_'))
  for (const from of files) await admin.query(file(from))
  await realtimeMigrations.migrate(admin)
  if (files.length > 1) {
    await admin.query('drop policy read on realtime.messages')
    expect(
      (await admin.query('select external_id, max_presence_events_per_second as n, presence_enabled as p from _realtime.tenants')).rows,
    ).toEqual([{ external_id: 'realtime-dev', n: 1000, p: false }])
  }
  expect(await both(admin)).toBe(file('realtime.txt'))
  expect(await versionsIn(admin, 'realtime')).toEqual([...tenantVersions])
})

test('only records missing: nothing is made twice', async () => {
  const admin = await database('holes')
  await realtimeMigrations.migrate(admin)
  await admin.query('delete from realtime.schema_migrations; delete from _realtime.schema_migrations')
  await realtimeMigrations.migrate(admin)
  expect(await both(admin)).toBe(file('realtime.txt'))
})

test('two instances at once do not meet', async () => {
  const admin = await database('two')
  const other = await server.connect('supabase_admin', 'two')
  await Promise.all([realtimeMigrations.migrate(admin), realtimeMigrations.migrate(other)])
  expect(await both(admin)).toBe(file('realtime.txt'))
  expect((await partitions(admin)).length).toBe(5)
})

test('a bare server: without the API roles, and with a role that is no superuser', async () => {
  await using bare = await startPostgres()
  const admin = await bare.connect()
  await realtimeMigrations.migrate(admin)
  expect(
    (await admin.query(`select pg_get_userbyid(relowner) as owner from pg_class where oid = 'realtime.messages'::regclass`)).rows,
  ).toEqual([{ owner: 'supabase_realtime_admin' }])
  await admin.query('create role plain login')
  await admin.query('create database managed owner plain')
  const plain = await bare.connect('plain', 'managed')
  await migrateTenant(plain)
  await plain.query(`select realtime.send('{}', 'e', 't', false)`)
  expect((await plain.query('select count(*)::int as n from realtime.messages')).rows).toEqual([{ n: 1 }])
})

describe('partitions of messages', () => {
  test('from yesterday to three days on, by UTC, and again only what is missing', async () => {
    const admin = await database('days')
    await migrateTenant(admin, new Date('2026-02-27T23:30:00Z'))
    expect(await partitions(admin)).toEqual([
      'messages_2026_02_26',
      'messages_2026_02_27',
      'messages_2026_02_28',
      'messages_2026_03_01',
      'messages_2026_03_02',
    ])
    await createMessagePartitions(admin, new Date('2026-03-01T00:00:00Z'))
    expect((await partitions(admin)).slice(-2)).toEqual(['messages_2026_03_03', 'messages_2026_03_04'])
    await admin.query(`insert into realtime.messages (topic, extension, inserted_at) values ('t', 'broadcast', '2026-02-28 00:00:00')`)
    expect((await admin.query('select tableoid::regclass::text as t from realtime.messages')).rows).toEqual([
      { t: 'realtime.messages_2026_02_28' },
    ])
    await admin.query('set role anon')
    await expect(admin.query('select * from realtime.messages_2026_02_28')).rejects.toThrow(/permission denied/)
  })
})

describe('what projects rest on', () => {
  let admin: Client
  let postgres: Client
  beforeAll(async () => {
    admin = await database('use')
    await realtimeMigrations.migrate(admin)
    postgres = await server.connect('postgres', 'use')
    await admin.query('grant all on schema public to postgres')
  })
  const value = async (text: string, args: unknown[] = []) => (await admin.query({ text, values: args, rowMode: 'array' })).rows[0]

  test('postgres may write policies on messages, and add tables to the publication', async () => {
    await admin.query('alter publication supabase_realtime owner to postgres')
    await postgres.query(`create table public.todos (id int primary key, v text); alter publication supabase_realtime add table public.todos;
      create policy read on realtime.messages for select to authenticated using (realtime.topic() = topic)`)
    await postgres.query(`select realtime.send('{"a":1}', 'e', 'mine'), realtime.send('{"a":1}', 'e', 'other')`)
    await postgres.query(`begin; set local role authenticated; set local realtime.topic = 'mine'`)
    expect((await postgres.query('select topic, private, payload - $1 as payload from realtime.messages', ['id'])).rows).toEqual([
      { topic: 'mine', private: true, payload: { a: 1 } },
    ])
    await postgres.query('rollback; drop policy read on realtime.messages')
  })

  test('send keeps an id that is there, and never fails', async () => {
    const notices: string[] = []
    admin.on('notice', (notice) => notices.push(notice.message ?? ''))
    await admin.query(
      `truncate realtime.messages; select realtime.send('{"id":"mine"}', 'e', 'a', false), realtime.send_binary('\\x01', 'e', 'a', false), realtime.send('[]', 'e', 'a'), realtime.send('{}', 'e', null)`,
    )
    expect(
      (
        await admin.query(
          `select payload ->> 'id' as id, encode(binary_payload, 'hex') as hex, private from realtime.messages order by inserted_at, hex nulls first`,
        )
      ).rows,
    ).toEqual([
      { id: 'mine', hex: null, private: false },
      { id: null, hex: '01', private: false },
    ])
    expect(notices.map((notice) => notice.split(':')[0])).toEqual(['WarnSendingBroadcastMessage', 'WarnSendingBroadcastMessage'])
  })

  test('broadcast_changes in a trigger; what it refuses', async () => {
    await admin.query(`truncate realtime.messages; create table public.items (id int, v text);
      create function public.tell() returns trigger language plpgsql security definer as $$ begin
        perform realtime.broadcast_changes('items', tg_op, tg_op, tg_table_name, tg_table_schema, new, old); return null; end $$;
      create trigger tell after insert or update or delete on public.items for each row execute function public.tell();
      insert into public.items values (1, 'a'); delete from public.items`)
    expect((await admin.query(`select event, payload - 'id' as payload from realtime.messages order by event desc`)).rows).toEqual([
      { event: 'INSERT', payload: { schema: 'public', table: 'items', operation: 'INSERT', record: { id: 1, v: 'a' }, old_record: null } },
      { event: 'DELETE', payload: { schema: 'public', table: 'items', operation: 'DELETE', record: null, old_record: { id: 1, v: 'a' } } },
    ])
    const call = (op: string, level: string) =>
      admin.query(`select realtime.broadcast_changes('x', 'e', $1, 't', 's', null::record, null::record, $2)`, [op, level])
    await expect(call('INSERT', 'STATEMENT')).rejects.toThrow(
      'Failed to process the row: function can only be triggered for each row, not for each statement',
    )
    await expect(call('MERGE', 'ROW')).rejects.toThrow('Failed to process the row: Unexpected operation type: MERGE')
  })

  test.each([
    // op            type         a         b              negate  expected
    ['eq', 'int4', '1', '01', false, true],
    ['neq', 'int4', '1', '1', false, false],
    ['lt', 'text', 'a', 'b', false, true],
    ['gte', 'timestamptz', '2026-01-01 01:00+01', '2026-01-01 00:00Z', false, true],
    ['in', 'int4', '3', '{1,2,3}', false, true],
    ['in', 'int4', '3', '{1,2,3}', true, false],
    ['like', 'text', 'abc', 'a%', false, true],
    ['ilike', 'text', 'ABC', 'a%', true, false],
    ['match', 'text', 'abc', '^a', false, true],
    ['imatch', 'text', 'Abc', '^a', false, true],
    ['is', 'bool', null, 'null', false, true],
    ['is', 'bool', 'true', 'true', true, false],
    ['isdistinct', 'int4', null, '1', false, true],
    ['isdistinct', 'int4', '1', '1', true, true],
    ['eq', 'int4', null, '1', false, null],
    ['eq', 'int4', null, '1', true, null],
  ])('check_equality_op %s %s %j %j not %j', async (op, type, a, b, negate, expected) => {
    expect(
      await value('select realtime.check_equality_op($1::realtime.equality_op, $2::regtype, $3, $4, $5)', [op, type, a, b, negate]),
    ).toEqual([expected])
    if (!negate)
      expect(await value('select realtime.check_equality_op($1::realtime.equality_op, $2::regtype, $3, $4)', [op, type, a, b])).toEqual([
        expected,
      ])
  })

  test('values are cast; a bytea keeps its text; identifiers are escaped', async () => {
    expect(
      await value(
        `select realtime.cast('1.50', 'numeric'::regtype), realtime.cast('{1,2}', 'int[]'::regtype), realtime.cast('\\x00', 'bytea'::regtype), realtime.cast(null, 'int'::regtype)`,
      ),
    ).toEqual([1.5, [1, 2], '\\x00', null])
    await admin.query('create table public."a b.c,d\\e" (id int)')
    expect(await value(`select realtime.quote_wal2json('public."a b.c,d\\e"'::regclass)`)).toEqual(['public.a\\ b\\.c\\,d\\\\e'])
  })

  test('filters: all have to hold, an absent column hides, none shows', async () => {
    const visible = (filters: string) =>
      value(
        `select realtime.is_visible_through_filters(array[row('id', 'int4', 23, '5', true, true), row('v', 'text', 25, 'null', false, true)]::realtime.wal_column[], $1::realtime.user_defined_filter[])`,
        [filters],
      )
    expect(await visible('{"(id,eq,5,)"}')).toEqual([true])
    expect(await visible('{"(id,eq,5,)","(v,eq,x,)"}')).toEqual([false])
    expect(await visible('{"(v,eq,x,t)"}')).toEqual([false])
    expect(await visible('{"(v,is,null,)"}')).toEqual([true])
    expect(await visible('{"(gone,eq,5,)"}')).toEqual([false])
    expect(await visible('{}')).toEqual([true])
  })

  test.each([
    ['{"(gone,eq,1,)"}', null, 'invalid column for filter gone'],
    ['{"(hidden,eq,1,)"}', null, 'invalid column for filter hidden'],
    ['{"(id,eq,x,)"}', null, 'invalid input syntax for type integer: "x"'],
    ['{"(id,is,true,)"}', null, 'is true filter requires a boolean column, got integer'],
    ['{"(v,is,maybe,)"}', null, 'invalid value for is filter: must be null, true, false, or unknown'],
    ['{"(id,like,1%,)"}', null, 'operator like requires a text-compatible column type, got integer'],
    ['{"(v,match,(,)"}', null, 'invalid regular expression for match filter: '],
    [`{"(id,in,\\"{${Array.from({ length: 101 }, (_, i) => i)}}\\",)"}`, null, 'too many values for `in` filter. Maximum 100'],
    ['{}', ['gone'], 'invalid column for select gone'],
  ])('a subscription with filters %s and columns %j is refused', async (filters, columns, message) => {
    await admin.query(
      `create table if not exists public.watched (id int primary key, v text, hidden text); grant select (id, v) on public.watched to anon`,
    )
    await expect(
      admin.query(
        `insert into realtime.subscription (subscription_id, entity, filters, claims, selected_columns) values (gen_random_uuid(), 'public.watched', $1, '{"role":"anon"}', $2)`,
        [filters, columns],
      ),
    ).rejects.toThrow(message)
  })

  test('apply_rls: who is told of a change, and what', async () => {
    await admin.query(`
      create table public.notes (id int primary key, owner text, body text, secret text); alter table public.notes enable row level security;
      grant select (id, owner, body) on public.notes to authenticated; grant select on public.notes to service_role;
      create policy own on public.notes for select to authenticated using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
      insert into public.notes values (1, 'ada', 'hello', 's');
      truncate realtime.subscription;
      insert into realtime.subscription (subscription_id, entity, claims, filters, action_filter, selected_columns) values
        ('00000000-0000-0000-0000-00000000000a', 'public.notes', '{"role":"authenticated","sub":"ada"}', '{}', '*', null),
        ('00000000-0000-0000-0000-00000000000b', 'public.notes', '{"role":"authenticated","sub":"bob"}', '{}', '*', null),
        ('00000000-0000-0000-0000-00000000000c', 'public.notes', '{"role":"authenticated","sub":"ada"}', '{"(id,eq,2,)"}', '*', null),
        ('00000000-0000-0000-0000-00000000000d', 'public.notes', '{"role":"authenticated","sub":"ada"}', '{}', '*', '{body}'),
        ('00000000-0000-0000-0000-00000000000e', 'public.notes', '{"role":"service_role"}', '{}', 'INSERT', null),
        ('00000000-0000-0000-0000-00000000000f', 'public.notes', '{"role":"anon"}', '{}', '*', null)`)
    const column = (name: string, type: string, typeoid: number, v: unknown) => ({ name, type, typeoid, value: v })
    const row = [
      column('id', 'integer', 23, 1),
      column('owner', 'text', 25, 'ada'),
      column('body', 'text', 25, 'hello'),
      column('secret', 'text', 25, 's'),
    ]
    const base = { schema: 'public', table: 'notes', timestamp: '2026-01-02 03:04:05.678901+01', pk: [{ name: 'id', type: 'integer' }] }
    const tell = async (wal: object, max = 1048576) =>
      (
        await admin.query('select wal, is_rls_enabled as rls, subscription_ids::text[] as ids, errors from realtime.apply_rls($1, $2)', [
          JSON.stringify(wal),
          max,
        ])
      ).rows.map((r) => ({
        ...r,
        ids: r.ids.map((id: string) => id.slice(-1)),
      }))
    const inserted = await tell({ ...base, action: 'I', columns: row })
    expect(inserted.map((r) => [r.ids, r.errors, r.wal.record])).toEqual([
      [['f'], ['Error 401: Unauthorized'], undefined],
      [['a'], [], { id: 1, owner: 'ada', body: 'hello' }],
      [['d'], [], { id: 1, body: 'hello' }],
      [['e'], [], { id: 1, owner: 'ada', body: 'hello', secret: 's' }],
    ])
    expect(inserted[2]?.wal).toEqual({
      schema: 'public',
      table: 'notes',
      type: 'INSERT',
      commit_timestamp: '2026-01-02T02:04:05.678Z',
      record: { id: 1, body: 'hello' },
      columns: [
        { name: 'id', type: 'int4' },
        { name: 'body', type: 'text' },
      ],
    })
    const updated = await tell({ ...base, action: 'U', columns: row.slice(0, 2), identity: row })
    expect(updated.map((r) => [r.ids, r.wal.record, r.wal.old_record]).slice(1, 2)).toEqual([
      [['a'], { id: 1, owner: 'ada', body: 'hello' }, { id: 1, owner: 'ada', body: 'hello' }],
    ])
    const deleted = await tell({ ...base, action: 'D', identity: row })
    expect(deleted.map((r) => [r.ids, r.wal.old_record])).toEqual([
      [['f'], null],
      [['a', 'b'], { id: 1 }],
      [['d'], { id: 1 }],
    ])
    const large = await tell({ ...base, action: 'I', columns: [...row.slice(0, 2), column('body', 'text', 25, 'x'.repeat(100))] }, 200)
    expect(large.filter((r) => r.ids.includes('a')).map((r) => [r.errors, r.wal.record])).toEqual([
      [['Error 413: Payload Too Large'], { id: 1, owner: 'ada' }],
    ])
    const keyless = await tell({ ...base, action: 'I', columns: row, pk: [] })
    expect(keyless.map((r) => r.errors[0])).toEqual(Array(4).fill('Error 400: Bad Request, no primary key'))
    expect(await value('select current_user::text, count(*)::int from pg_prepared_statements')).toMatchObject(['supabase_admin', 1])
  })
})
