// Changes of tables as a channel gets them: shapes, values, filters, tables that change while somebody listens.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentLog } from '../../src/log/log.ts'
import { openChanges } from '../../src/services/realtime/changes/changes.ts'
import type { ChangesFeed } from '../../src/services/realtime/changes/feed.ts'
import { eventually, listenTo, refusalOf } from '../support/changes.ts'
import { type RealtimeDatabase, startRealtimeDatabase } from '../support/realtime-database.ts'

let db: RealtimeDatabase
let feed: ChangesFeed
const sql = async (text: string, values: unknown[] = []) => (await db.client.query(text, values)).rows
let made = 0
/** A published table of its own. */
async function table(columns: string, more = ''): Promise<string> {
  const name = `t${++made}`
  await sql(`create table ${name} (${columns})`)
  if (more !== '') await sql(more.replaceAll('$t', name))
  await sql(`alter publication supabase_realtime add table ${name}`)
  return name
}
const on = (name: string, event = '*', more: object = {}) => ({ event, schema: 'public', table: name, ...more })

beforeAll(async () => {
  db = await startRealtimeDatabase()
  feed = openChanges({ connection: db.connection, log: silentLog })
})
afterAll(async () => {
  await feed?.stop()
  await db?.[Symbol.asyncDispose]()
})

describe('messages', () => {
  test('the text of data is upstream’s, key by key', async () => {
    const t = await table('id int primary key, v text, "long name" int')
    await using channel = await listenTo(feed, on(t))
    await sql(`insert into ${t} values (1, 'ü', null)`)
    await sql(`update ${t} set v = 'x'`)
    await sql(`delete from ${t}`)
    await channel.count(3)
    const plain = channel.messages.map(({ text }) =>
      text.replace(/"commit_timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/, '"commit_timestamp":"T"'),
    )
    const columns = '"columns":[{"name": "id", "type": "int4"}, {"name": "v", "type": "text"}, {"name": "long name", "type": "int4"}]'
    const head = `{${columns},"commit_timestamp":"T","errors":null,"schema":"public","table":"${t}"`
    expect(plain).toEqual([
      `${head},"record":{"v": "ü", "id": 1, "long name": null},"type":"INSERT"}`,
      `${head},"old_record":{"id": 1},"record":{"v": "x", "id": 1, "long name": null},"type":"UPDATE"}`,
      `${head},"old_record":{"id": 1},"type":"DELETE"}`,
    ])
  })

  test('the data of one row is one buffer for everybody who sees the same', async () => {
    const t = await table('id int primary key')
    const seen: Buffer[] = []
    const deliver = ({ data }: { data: Buffer }): void => void seen.push(data)
    await using one = await listenTo(feed, on(t), { deliver, claims: { n: 1 } })
    await using two = await listenTo(feed, on(t), { deliver, role: 'authenticated', claims: { n: 2 } })
    await sql(`insert into ${t} values (1)`)
    await Promise.all([one.count(1), two.count(1)])
    expect(seen[0]).toBe(seen[1])
  })

  test('generated columns are computed as the table does', async () => {
    const t = await table(
      'id int primary key, a int, b int, "Sum" int generated always as (a + b) stored, s text generated always as (upper(a::text)) stored',
    )
    await using channel = await listenTo(feed, on(t))
    await using filtered = await listenTo(feed, on(t, 'INSERT', { filter: 'Sum=gt.4' }))
    await sql(`insert into ${t} values (1, 1, 2), (2, 2, 3), (3, null, 4)`)
    await sql(`update ${t} set a = 5 where id = 1`)
    await channel.count(4)
    expect(channel.messages.map(({ data }) => [data.record.id, data.record.Sum, data.record.s])).toEqual([
      [1, 3, '1'],
      [2, 5, '2'],
      [3, null, null],
      [1, 7, '5'],
    ])
    expect(filtered.messages.map(({ data }) => data.record.id)).toEqual([2])
  })

  test('a stored value that was not touched is left out, and told with the full identity', async () => {
    const columns = 'id int primary key, v text, big text'
    const plain = await table(columns, 'alter table $t alter big set storage external')
    const full = await table(columns, 'alter table $t alter big set storage external; alter table $t replica identity full')
    await using channel = await listenTo(feed, [on(plain, 'UPDATE'), on(full, 'UPDATE')])
    for (const t of [plain, full]) {
      await sql(`insert into ${t} values (1, 'a', repeat('z', 5000))`)
      await sql(`update ${t} set v = 'b'`)
    }
    await channel.count(2)
    expect(channel.messages.map(({ data }) => [Object.keys(data.record), data.record.big?.length, data.old_record.big?.length])).toEqual([
      [['v', 'id'], undefined, undefined],
      [['v', 'id', 'big'], 5000, 5000],
    ])
  })

  test('more than the largest record: small values only, and the error', async () => {
    const t = await table('id int primary key, small text, big text, sixty text')
    await using channel = await listenTo(feed, on(t, 'INSERT'))
    await sql(`insert into ${t} values (1, 's', repeat('x', 1100000), repeat('l', 62)), (2, 's', repeat('x', 1000000), repeat('l', 63))`)
    await channel.count(2)
    expect(channel.messages.map(({ data }) => [data.errors, Object.keys(data.record)])).toEqual([
      [['Error 413: Payload Too Large'], ['id', 'sixty', 'small']],
      [null, ['id', 'big', 'sixty', 'small']],
    ])
  })

  test('entries with other columns come as messages of their own; equal ones as one, the last one first', async () => {
    const t = await table('id int primary key, a int, b int')
    await using channel = await listenTo(feed, [
      on(t),
      on(t, 'INSERT'),
      on(t, '*', { select: ['b'] }),
      on(t, '*', { select: ['a'] }),
      on(t, 'DELETE'),
    ])
    await sql(`insert into ${t} values (1, 2, 3)`)
    await channel.count(3)
    expect(channel.messages.map(({ ids, data }) => [ids, data.record])).toEqual([
      [[2, 1], { a: 2, b: 3, id: 1 }],
      [[4], { a: 2, id: 1 }],
      [[3], { b: 3, id: 1 }],
    ])
  })

  test('rows of many tables and transactions come in the order of the log', async () => {
    const names = [await table('id int primary key'), await table('id int primary key'), await table('id int primary key')]
    await using channel = await listenTo(
      feed,
      names.map((name) => on(name)),
    )
    await Promise.all(
      [1, 2, 3].map(async (connection) => {
        const client = await db.server.connect()
        for (let i = 0; i < 30; i++) {
          const values = Array.from({ length: 3 }, (_, k) => `(${connection * 1_000 + i * 3 + k})`).join()
          await client.query(
            `begin; insert into ${names[i % 3]} values ${values}; delete from ${names[i % 3]} where id = ${connection * 1_000 + i * 3}; commit`,
          )
        }
        await client.end()
      }),
    )
    await channel.count(3 * 30 * 4)
    const rows = channel.messages.map(({ data }) => ({ id: (data.record ?? data.old_record).id, type: data.type }))
    for (const connection of [1, 2, 3]) {
      const own = rows.filter(({ id }) => Math.floor(id / 1_000) === connection)
      const expected = Array.from({ length: 30 }, (_, i) => {
        const first = connection * 1_000 + i * 3
        return [...[0, 1, 2].map((k) => ({ id: first + k, type: 'INSERT' })), { id: first, type: 'DELETE' }]
      }).flat()
      expect(own).toEqual(expected)
    }
  })
})

describe('values', () => {
  // A text of the type, and what `to_jsonb` makes of it: both by Postgres.
  const types: [type: string, values: fc.Arbitrary<string>][] = [
    ['int2', fc.integer({ min: -32768, max: 32767 }).map(String)],
    ['int8', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)],
    ['numeric', fc.tuple(fc.bigInt(), fc.nat({ max: 12 })).map(([digits, scale]) => `${digits}e-${scale}`)],
    ['float4', fc.float({ noNaN: true, noDefaultInfinity: true }).map(String)],
    ['float8', fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)],
    ['text', fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'))],
    [
      'date',
      fc.date({ min: new Date('0100-01-01'), max: new Date('9000-01-01'), noInvalidDate: true }).map((d) => d.toISOString().slice(0, 10)),
    ],
    ['timestamp', fc.date({ min: new Date('0100-01-01'), max: new Date('9000-01-01'), noInvalidDate: true }).map((d) => d.toISOString())],
    ['timestamptz', fc.date({ min: new Date('0100-01-01'), max: new Date('9000-01-01'), noInvalidDate: true }).map((d) => d.toISOString())],
    [
      'interval',
      fc
        .tuple(fc.integer({ min: -99, max: 99 }), fc.integer({ min: -99, max: 99 }), fc.integer())
        .map(([a, b, c]) => `${a} mons ${b} days ${c} seconds`),
    ],
    ['jsonb', fc.json()],
    ['json', fc.json()],
    ['uuid', fc.uuid()],
    ['int4[]', fc.array(fc.option(fc.integer({ min: -9999, max: 9999 }))).map((list) => `{${list.map((item) => item ?? 'NULL').join()}}`)],
    ['text[]', fc.array(fc.string()).map((list) => `{${list.map((item) => `"${item.replace(/["\\]/g, '\\$&')}"`).join()}}`)],
    ['float8[]', fc.array(fc.double().map(String)).map((list) => `{${list.join()}}`)],
    ['jsonb[]', fc.array(fc.json()).map((list) => `{${list.map((item) => `"${item.replace(/["\\]/g, '\\$&')}"`).join()}}`)],
    [
      'timestamptz[]',
      fc
        .array(fc.date({ min: new Date('0100-01-01'), max: new Date('9000-01-01'), noInvalidDate: true }))
        .map((list) => `{${list.map((d) => d.toISOString()).join()}}`),
    ],
    ['int4range', fc.tuple(fc.nat({ max: 99 }), fc.nat({ max: 99 })).map(([from, size]) => `[${from},${from + size})`)],
    ['inet', fc.ipV4()],
    ['bit(3)', fc.constantFrom('000', '101')],
    ['varbit', fc.constantFrom('', '1', '10101')],
    ['money', fc.integer().map(String)],
    ['int2vector', fc.constantFrom('1 2', '', '7')],
    ['point', fc.constantFrom('(1,2)', '(1.5,-2)')],
  ]

  test('are those of to_jsonb, for any value of any type', async () => {
    const columns = types.map(([type], index) => `c${index} ${type}`)
    const t = await table(`id int primary key, ${columns.join(', ')}`)
    await using channel = await listenTo(feed, on(t, 'INSERT'))
    // Escapes of a zero character are no text for Postgres.
    const ok = (value: string) => !/\0|\\u0000/.test(value)
    const rows = fc.sample(fc.tuple(...types.map(([, values]) => values.filter(ok))), 60)
    const places = types.map((_, index) => `$${index + 2}`)
    for (const [index, row] of rows.entries()) await sql(`insert into ${t} values ($1, ${places.join(', ')})`, [index, ...row])
    await channel.count(rows.length)
    const expected = await db.server.connect()
    try {
      await expected.query("set timezone = 'UTC'; set extra_float_digits = 1")
      const found = await expected.query(
        `select id, ${types.map((_, index) => `to_jsonb(c${index})::text as j${index}`).join(', ')} from ${t} order by id`,
      )
      for (const [index, row] of found.rows.entries()) {
        const { text } = channel.messages[index]!
        for (const [column, [type]] of types.entries()) expect(text, type).toContain(`"c${column}": ${row[`j${column}`]}`)
      }
    } finally {
      await expected.end()
    }
  })

  test.each([
    ['float8', "'NaN'", null],
    ['float4', "'Infinity'", null],
    ['numeric', "'-Infinity'", null],
    ['bytea', "'\\xdeadbeef00'", 'deadbeef00'],
    ['char(5)', "'ab'", 'ab   '],
    ['oid', '4294967295', '4294967295'],
  ])('%s %s is told as %j', async (type, value, expected) => {
    const t = await table(`id int primary key, c ${type}`)
    await using channel = await listenTo(feed, on(t, 'INSERT'))
    await sql(`insert into ${t} values (1, ${value})`)
    await channel.count(1)
    expect(channel.messages[0]!.data.record.c).toBe(expected)
  })

  test('of composite types, domains, enums, and of types with a cast of their own', async () => {
    await sql(`create type mood as enum ('sad', 'very happy'); create domain positive as int check (value > 0); create type pair as (a int, b text);
      create type own as enum ('mine'); create function own_json(own) returns json language sql immutable as $$ select json_build_object('own', $1::text) $$;
      create cast (own as json) with function own_json(own)`)
    const t = await table('id int primary key, e mood, ea mood[], d positive, da positive[], p pair, pa pair[], o own')
    await using channel = await listenTo(feed, on(t, 'INSERT'))
    await sql(`insert into ${t} values (1, 'very happy', '{sad,"very happy"}', 7, '{1,2}', '(1,"x y")', array['(2,)'::pair], 'mine')`)
    await channel.count(1)
    expect(channel.messages[0]!.data.record).toEqual({
      id: 1,
      e: 'very happy',
      ea: ['sad', 'very happy'],
      d: 7,
      da: [1, 2],
      p: { a: 1, b: 'x y' },
      pa: [{ a: 2, b: null }],
      o: { own: 'mine' },
    })
  })

  test('functions of a user’s type run as the owner of the table, not as the service', async () => {
    await sql(`create table whoami (name text); grant all on whoami to postgres; grant usage, create on schema public to postgres`)
    const owner = await db.server.connect('postgres')
    await owner.query(`create type spy as enum ('x');
      create function spy_json(spy) returns json language plpgsql as $$ begin insert into whoami values (current_user); return 'true'; end $$;
      create cast (spy as json) with function spy_json(spy);
      create function spy_check(int) returns boolean language plpgsql as $$ begin insert into whoami values (current_user); return true; end $$;
      create domain spied as int check (spy_check(value));
      create table spying (id int primary key, s spy, d spied); grant select on spying to service_role`)
    await sql('alter publication supabase_realtime add table spying')
    await using channel = await listenTo(feed, [on('spying'), on('spying', '*', { filter: 'd=in.(5, 6)' })], { role: 'service_role' })
    await sql('truncate whoami')
    await sql(`set session authorization postgres`)
    await sql(`insert into spying values (1, 'x', 5)`)
    await sql('reset session authorization')
    await channel.count(1)
    expect(channel.messages[0]!.ids).toEqual([2, 1])
    expect(channel.messages[0]!.data.record.s).toBe(true)
    expect(new Set((await sql('select name from whoami')).map(({ name }) => name))).toEqual(new Set(['postgres']))
    await owner.end()
  })
})

describe('filters', () => {
  // One column of each type, some values, and filter values that may or may not read as that type.
  const columns: Record<string, { type: string; rows: (string | null)[]; values: string[] }> = {
    i: { type: 'int4', rows: ['1', '-5', '100', null], values: ['1', '01', '+1', ' 1', '2147483648', '-5'] },
    l: { type: 'int8', rows: ['9007199254740993', '0', null], values: ['9007199254740992', '9007199254740993', '0'] },
    t: { type: 'text', rows: ['apple', 'Banana', '', 'a,b', 'NULL', null], values: ['apple', 'banana', '', 'b%', 'a_b', '^[aB]', 'NULL'] },
    v: { type: 'varchar(9)', rows: ['x', 'Y', null], values: ['x', 'y', 'X'] },
    c: { type: 'char(4)', rows: ['ab', 'cd  ', null], values: ['ab', 'ab  ', 'cd'] },
    n: { type: 'numeric', rows: ['1.50', '10', '-2', null], values: ['1.5', '1e1', '-2.0', '3'] },
    f: { type: 'float8', rows: ['0.1', '-0', '1e300', null], values: ['0.1', '0', '1e300'] },
    b: { type: 'bool', rows: ['true', 'false', null], values: ['true', 'false', 't', 'yes', 'on', '0'] },
    u: {
      type: 'uuid',
      rows: ['f47ac10b-58cc-4372-a567-0e02b2c3d479', null],
      values: ['F47AC10B-58CC-4372-A567-0E02B2C3D479', '{f47ac10b58cc4372a5670e02b2c3d479}'],
    },
    ts: { type: 'timestamptz', rows: ['2024-06-01 12:00+00', '2024-05-31', null], values: ['2024-06-01', '2024-06-01T12:00:00Z'] },
    d: { type: 'date', rows: ['2024-02-29', null], values: ['2024-02-29', '2024-2-29', 'infinity'] },
    e: { type: 'feeling', rows: ['sad', 'very happy', null], values: ['sad', 'very happy'] },
    x: { type: 'bytea', rows: ['\\xdeadbeef', null], values: ['\\xDEADBEEF', '\\x00'] },
    a: { type: 'int4[]', rows: ['{1,2}', '{}', null], values: ['{1,2}', '{ 1, 2 }', '{}'] },
    j: { type: 'jsonb', rows: ['{"a":1.0}', '[]', null], values: ['{"a": 1}', '[]'] },
  }
  const operators = ['eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'in', 'like', 'ilike', 'match', 'imatch', 'isdistinct', 'is']
  const sqlOf: Record<string, string> = {
    eq: '=',
    neq: '<>',
    lt: '<',
    lte: '<=',
    gt: '>',
    gte: '>=',
    like: 'like',
    ilike: 'ilike',
    match: '~',
    imatch: '~*',
    isdistinct: 'is distinct from',
  }

  test('every operator on every type lets the rows pass that SQL does', async () => {
    await sql(`create type feeling as enum ('sad', 'very happy')`)
    const t = await table(
      `id int primary key, ${Object.entries(columns)
        .map(([name, { type }]) => `${name} ${type}`)
        .join(', ')}`,
    )
    const cases: { filter: string; condition: string; values: string[] }[] = []
    for (const [name, { type, values }] of Object.entries(columns)) {
      // A type modifier would cut or pad what is compared with.
      const plain = type.replace(/varchar.*/, 'varchar').replace(/char\(.*/, 'bpchar')
      for (const op of operators) {
        for (const negate of ['', 'not.']) {
          const all =
            op === 'is'
              ? ['null', 'true', 'false', 'unknown']
              : op === 'in'
                ? [`(${values.filter((value) => !/[{}\\]/.test(value)).join()})`, '()']
                : values
          for (const value of all) {
            const compared =
              op === 'is' ? `${name} is ${value}` : op === 'in' ? `${name} = any ($1::${plain}[])` : `${name} ${sqlOf[op]} $1::${plain}`
            const given = op === 'is' ? [] : [op === 'in' ? `{${value.slice(1, -1)}}` : value]
            cases.push({
              filter: `${name}=${negate}${op}.${value.includes(',') && op !== 'in' ? `"${value.replace(/["\\]/g, '\\$&')}"` : value}`,
              condition: `(${compared}) is ${negate === '' ? 'true' : 'false'}`,
              values: given,
            })
          }
        }
      }
    }
    const channels: { filter: string; condition: string; values: string[]; channel: Awaited<ReturnType<typeof listenTo>> }[] = []
    let refused = 0
    for (const given of cases) {
      try {
        channels.push({ ...given, channel: await listenTo(feed, on(t, 'INSERT', { filter: given.filter })) })
      } catch {
        refused++
      }
    }
    expect(channels.length).toBeGreaterThan(400)
    expect(refused).toBeGreaterThan(50)
    const longest = Math.max(...Object.values(columns).map(({ rows }) => rows.length))
    for (let index = 0; index < longest; index++) {
      const row = Object.values(columns).map(({ rows }) => (index < rows.length ? rows[index] : null))
      await sql(`insert into ${t} values ($1, ${row.map((_, at) => `$${at + 2}`).join(', ')})`, [index, ...row])
    }
    await using end = await listenTo(feed, on(t, 'DELETE'))
    await sql(`delete from ${t} where id = ${longest - 1}`)
    await end.count(1)
    await sql(`insert into ${t} (id) values (${longest})`)
    for (const { filter, condition, values, channel } of channels) {
      // What was deleted is asked of the values again; the row of nulls is the last one.
      const rows = await sql(
        `select id from (select * from ${t} where id < ${longest} union all select * from (select ${longest - 1} as id, ${Object.entries(
          columns,
        )
          .map(
            ([name, { type, rows: list }]) =>
              `${list.length === longest ? (list[longest - 1] === null ? 'null' : `'${list[longest - 1]}'`) : 'null'}::${type} as ${name}`,
          )
          .join(', ')}) as gone) as r where ${condition} order by id`,
        values,
      ).catch(() => []) // taken, though Postgres cannot compare so: nothing passes
      expect(
        channel.messages.map(({ data }) => data.record.id).filter((id) => id < longest),
        filter,
      ).toEqual(rows.map(({ id }) => id))
      await channel.close()
    }
  })

  test('refusals are told in upstream’s words', async () => {
    const t = await table('id int primary key, secret text', 'revoke all on $t from anon; grant select (id) on $t to anon')
    const text = (filters: string, exception: string) =>
      `Unable to subscribe to changes with given parameters. An exception happened so please check your connect parameters: [event: *, schema: public, table: ${t}, filters: [${filters}], select: nil]. Exception: ${exception}`
    expect(await refusalOf(feed, on(t, '*', { filter: 'nope=eq.1' }))).toBe(
      text('{"nope", "eq", "1", false}', 'ERROR P0001 (raise_exception) invalid column for filter nope'),
    )
    expect(await refusalOf(feed, on(t, '*', { filter: 'secret=eq.1' }))).toMatch(/invalid column for filter secret$/)
    expect(await refusalOf(feed, on(t, '*', { filter: 'id=eq.hey' }))).toBe(
      text('{"id", "eq", "hey", false}', 'ERROR 22P02 (invalid_text_representation) invalid input syntax for type integer: "hey"'),
    )
    expect(await refusalOf(feed, on('nowhere'))).toBe(
      'Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect parameters: [event: *, schema: public, table: nowhere, filters: [], select: nil]',
    )
    expect(await refusalOf(feed, on(t), { role: 'nobody_here' })).toMatch(/role "nobody_here" does not exist/)
    expect(await refusalOf(feed, on(t), { role: 'none' })).toMatch(/^Unable to subscribe/)
    expect(await refusalOf(feed, on(`${t}'; drop table ${t}; --`))).toMatch(/Please check Realtime is enabled/)
  })
})

describe('tables that change while somebody listens', () => {
  test('columns are added, dropped and renamed; the table is renamed', async () => {
    const t = await table('id int primary key, a text, b text')
    await using channel = await listenTo(feed, on(t))
    await sql(`insert into ${t} values (1, 'a', 'b')`)
    await channel.count(1)
    await sql(`alter table ${t} add c int; alter table ${t} drop a; alter table ${t} rename b to bb; alter table ${t} alter c type text`)
    await sql(`insert into ${t} values (2, 'b2', 3)`)
    await channel.count(2)
    await sql(`alter table ${t} rename to ${t}_new`)
    await sql(`insert into ${t}_new values (3, 'b3', 4)`)
    await channel.count(3)
    expect(channel.messages.map(({ data }) => [data.table, data.record])).toEqual([
      [t, { id: 1, a: 'a', b: 'b' }],
      [t, { id: 2, bb: 'b2', c: '3' }],
      [`${t}_new`, { id: 3, bb: 'b3', c: '4' }],
    ])
  })

  test('a primary key that comes and goes', async () => {
    const t = await table('id int, v text', 'alter table $t replica identity full')
    await using channel = await listenTo(feed, on(t, 'INSERT'))
    await sql(`insert into ${t} values (1, 'a')`)
    await channel.count(1)
    await sql(`alter table ${t} add primary key (id)`)
    await sql(`insert into ${t} values (2, 'b')`)
    await channel.count(2)
    expect(channel.messages.map(({ data }) => [data.errors, data.record])).toEqual([
      [['Error 400: Bad Request, no primary key'], {}],
      [null, { id: 2, v: 'b' }],
    ])
  })

  test('whoever listens to all tables hears of new ones from their first row', async () => {
    await sql(
      'create schema fresh; grant usage on schema fresh to anon; alter default privileges in schema fresh grant all on tables to anon',
    )
    await sql('create table fresh.first (id int primary key); alter publication supabase_realtime add table fresh.first')
    await using channel = await listenTo(feed, { event: 'INSERT', schema: 'fresh' })
    await sql(
      'create table fresh.second (id int primary key); alter publication supabase_realtime add table fresh.second; insert into fresh.second values (7)',
    )
    await channel.count(1)
    expect(channel.messages[0]!.data).toMatchObject({ table: 'second', record: { id: 7 } })
    await channel.note((note) => note === 'ok')
    const rows = await sql(`select entity::text from realtime.subscription where entity::text like 'fresh.%' order by 1`)
    expect(rows).toEqual([{ entity: 'fresh.first' }, { entity: 'fresh.second' }])
  })

  test('a table made anew under its name is listened to again', async () => {
    const t = await table('id int primary key')
    await using channel = await listenTo(feed, on(t))
    await sql(`insert into ${t} values (1)`)
    await channel.count(1)
    await sql(
      `drop table ${t}; create table ${t} (id int primary key, more text); alter publication supabase_realtime add table ${t}; insert into ${t} values (2, 'm')`,
    )
    await channel.count(2)
    expect(channel.messages[1]!.data.record).toEqual({ id: 2, more: 'm' })
  })

  test('a publication that is dropped and made anew is followed', async () => {
    const t = await table('id int primary key')
    await using channel = await listenTo(feed, on(t))
    const tables = (
      await sql(
        `select string_agg(format('%I.%I', schemaname, tablename), ', ') as list from pg_publication_tables where pubname = 'supabase_realtime'`,
      )
    )[0].list
    await sql('drop publication supabase_realtime')
    await sql(`insert into ${t} values (1)`)
    await sql(`create publication supabase_realtime for table ${tables}`)
    let id = 1
    await eventually(
      async () => {
        await sql(`insert into ${t} values (${++id})`)
        return channel.messages.length
      },
      (count) => count > 0,
    )
    const ids = channel.messages.map(({ data }) => data.record.id)
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
  })

  test('TRUNCATE is passed over', async () => {
    const t = await table('id int primary key')
    await using channel = await listenTo(feed, on(t))
    await sql(`insert into ${t} values (1)`)
    await sql(`truncate ${t}`)
    await sql(`insert into ${t} values (2)`)
    await channel.count(2)
    expect(channel.messages.map(({ data }) => data.type)).toEqual(['INSERT', 'INSERT'])
  })
})
