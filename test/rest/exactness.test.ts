// Answers whose letter matters: what upstream says, byte for byte, where guessing would give something else.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { startRest, type TestRest } from './harness.ts'

const SCHEMA = `
create role web_anon;
create role authenticator login noinherit;
grant web_anon to authenticator;
create schema api;
create schema hidden;
grant usage on schema api to web_anon;
create table api.authors (id int primary key, name text not null, city text);
create table api.books (id int primary key, title text, author_id int references api.authors, price int);
create table api."odd table; name" ("a b" int primary key, "c%d" text, "q""uote(d)" int);
create table api."odd child" (id int primary key, "of (it)" int references api."odd table; name");
create view api."odd view" as select "a b" as "the ""key""", "q""uote(d)" as q from api."odd table; name";
create table api.readers (id int primary key);
create table hidden.loans (author_id int references api.authors, reader_id int references api.readers, primary key (author_id, reader_id));
create table api.islands (id int primary key);
`
const DATA = `
insert into api.authors values (1, 'Ann', 'Oslo'), (2, 'Bea', 'Oslo'), (3, 'Cid', null);
insert into api.books values (1, 'One', 1, 10), (2, 'Two', 1, 20), (3, 'Three', 2, 30);
insert into api."odd table; name" values (1, 'x', 3);
insert into api."odd child" values (1, 1);
create domain api."application/vnd.tree+json" as jsonb;
create function api.tree() returns api."application/vnd.tree+json" language sql stable as $$ select '{"a": 1}'::jsonb $$;
create function api.nameless(int) returns int language sql immutable as 'select 1';
create function api.two_nameless(int, int) returns int language sql immutable as 'select 1';
create function api.whole(json) returns json language sql immutable as 'select $1';
create function api.raise_without_detail() returns void language plpgsql as $$ begin
  raise sqlstate 'PGRST' using message = '{"code": "1", "message": "m"}';
end $$;
create function api.odd_status() returns text language plpgsql as $$ begin perform set_config('response.status', '418 or so', true); return 'tea'; end $$;
create function api.shout(word text) returns text language sql immutable as 'select upper(word)';
grant all on all tables in schema api to web_anon;
`

let postgres: TestPostgres
let rest: TestRest

beforeAll(async () => {
  postgres = await startPostgres()
  const admin = await postgres.connect()
  await admin.query(SCHEMA)
  await admin.query(DATA)
  rest = await startRest(postgres.url('authenticator'), { PGRST_DB_AGGREGATES_ENABLED: 'true' })
  await vi.waitFor(() => rest.health(), 10_000)
})
afterAll(async () => {
  await rest?.[Symbol.asyncDispose]()
  await postgres?.[Symbol.asyncDispose]()
})

test.each([
  [
    '/authors?select=id,name%3Bx',
    'select parameter (id,name;x)',
    8,
    `unexpected ';' expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input`,
  ],
  ['/authors?id=fts().x', 'filter (fts().x)', 5, 'unexpected ")" expecting operator (eq, gt, ...)'],
  ['/authors?order=id.up', 'order (id.up)', 4, 'unexpected "u" expecting "asc", "desc", "nullsfirst" or "nullslast"'],
  ['/authors?or=(not.id.eq.1)', 'logic tree ((not.id.eq.1))', 8, 'unexpected "i" expecting logic operator (and, or)'],
  ['/rpc/shout?word=in.x', 'filter (in.x)', 4, 'unexpected "x" expecting "("'],
])('%s is refused in upstream words', async (path, what, column, details) => {
  const { status, json } = await rest.call('GET', path)
  expect([status, json]).toEqual([
    400,
    { code: 'PGRST100', details, hint: null, message: `"failed to parse ${what}" (line 1, column ${column})` },
  ])
})

test.each([
  ['/authors?select=id)(&id=eq.1', [{ id: 1 }]],
  ['/authors?select=id&select=name&id=eq.1', [{ id: 1 }]],
  ['/authors?select=!&id=eq.1', [{ id: 1, name: 'Ann', city: 'Oslo' }]],
  ['/authors?select=id&id=in.(1)rest', [{ id: 1 }]],
  ['/authors?select=id&id=is.nullified', []],
  ['/authors?select=id&order=id&limit=1&limit=all', [{ id: 1 }, { id: 2 }, { id: 3 }]],
])('%s means what upstream makes of it', async (path, expected) => {
  expect((await rest.call('GET', path)).json).toEqual(expected)
})

test.each([
  ['*/*, text/csv', 'text/csv; charset=utf-8'],
  ['text/csv;q=0.1, */*;q=0.5', 'application/json; charset=utf-8'],
  ['text/csv; q=0.1, application/json; q=0.2', 'application/json; charset=utf-8'],
])('of types of one weight (%s) the more precise is sent', async (accept, type) => {
  expect((await rest.call('GET', '/authors', { headers: { accept } })).headers.get('content-type')).toBe(type)
})

test('a type that nothing makes is named with its parameters', async () => {
  const { json } = await rest.call('GET', '/authors', { headers: { accept: 'image/png; depth=8' } })
  expect(json.message).toBe('None of these media types are available: image/png;depth=8')
})

test.each([
  ['/authors?select=*,count()&order=id', [1, 2, 3].map((id) => expect.objectContaining({ id, count: 1 }))],
  [
    '/authors?select=name,books(*,price.max())&id=eq.2',
    [{ name: 'Bea', books: [{ id: 3, title: 'Three', author_id: 2, price: 30, max: 30 }] }],
  ],
  ['/books?select=*,...authors(id.count())&id=eq.1', [expect.objectContaining({ title: 'One', count: 1 })]],
])('%s groups by every column', async (path, expected) => {
  expect((await rest.call('GET', path)).json).toEqual(expected)
})

test('where there is no limit on rows, the estimate is the greater of guess and count', async () => {
  const { headers } = await rest.call('GET', '/authors?city=not.is.null', { headers: { prefer: 'count=estimated' } })
  const planned = await rest.call('GET', '/authors?city=not.is.null', { headers: { prefer: 'count=planned' } })
  const total = (range: string | null) => Number(range?.split('/')[1])
  expect(total(headers.get('content-range'))).toBe(Math.max(2, total(planned.headers.get('content-range'))))
})

test('tables joined by a hidden junction are known, so no other name is proposed', async () => {
  const { json } = await rest.call('GET', '/readers?select=authors(*)')
  expect([json.code, json.hint]).toEqual(['PGRST200', null])
  expect((await rest.call('GET', '/islands?select=authors(*)')).json.hint).toBeNull()
  expect((await rest.call('GET', '/authors?select=bookz(*)')).json.hint).toBe("Perhaps you meant 'books' instead of 'bookz'.")
})

test('the canonical address has the name as it is, and the values of one parameter together', async () => {
  const { headers } = await rest.call('GET', '/odd%20table;%20name?%22c%25d%22=eq.x&alone&a%20b=gt.0&a%20b=lt.9')
  expect(headers.get('content-location')).toBe('/odd table; name?%22c%25d%22=eq.x&a%20b=gt.0,lt.9&alone=')
  const made = await rest.call('POST', '/odd%20table;%20name', {
    headers: { prefer: 'return=headers-only' },
    body: { 'a b': 2, 'c%d': null },
  })
  expect(made.headers.get('location')).toBe('/odd table; name?a%20b=eq.2')
})

test('parameters are parted by & or ;, and a separator at the end parts nothing', async () => {
  for (const q of [3, 4, 3]) {
    const { status, headers, json } = await rest.call('GET', `/odd%20view?q=eq.${q};select=q;limit=1&`)
    expect([status, json]).toEqual([200, q === 3 ? [{ q: 3 }] : []])
    expect(headers.get('content-location')).toBe(`/odd view?limit=1&q=eq.${q}&select=q`)
  }
  const { json } = await rest.call('GET', '/odd%20view?q=not.in.(1;2)')
  expect(json.code).toBe('PGRST100')
})

test('a view over names with quotes, spaces and parentheses has the keys and relationships of its table', async () => {
  const { json } = await rest.call('GET', '/odd%20view?select=q,%22odd%20child%22(id)&q=eq.3')
  expect(json).toEqual([{ q: 3, 'odd child': [{ id: 1 }] }])
  expect((await rest.call('OPTIONS', '/odd%20view')).headers.get('allow')).toContain('PUT')
})

test('a handler of jsonb is sent as Postgres sends jsonb in its binary form', async () => {
  const { text, headers } = await rest.call('GET', '/rpc/tree', { headers: { accept: 'application/vnd.tree+json' } })
  expect([headers.get('content-type'), text]).toEqual(['application/vnd.tree+json', '\x01{"a": 1}'])
})

test('functions whose arguments have no names are none, but for one that takes a whole body', async () => {
  for (const name of ['nameless', 'two_nameless']) {
    const { status, json } = await rest.call('POST', `/rpc/${name}`, { body: { a: 1 } })
    expect([status, json.code]).toEqual([404, 'PGRST202'])
  }
  expect((await rest.call('POST', '/rpc/whole', { body: { a: 1 } })).json).toEqual({ a: 1 })
})

test('what a function says of the status is read as far as it is a number', async () => {
  const { status, json } = await rest.call('POST', '/rpc/odd_status', { body: {} })
  expect([status, json]).toEqual([418, 'tea'])
})

test('RAISE without a detail is told from one with a wrong detail', async () => {
  const { status, json } = await rest.call('POST', '/rpc/raise_without_detail', { body: {} })
  expect([status, json.code, json.details]).toEqual([500, 'PGRST121', 'DETAIL is missing in the RAISE statement'])
})

test('the columns of a CSV or form body are those that it names', async () => {
  const headers = { 'content-type': 'text/csv', prefer: 'return=representation' }
  const csv = await rest.call('POST', '/authors?columns=id', { headers, body: 'id,name\n7,Gil' })
  expect(csv.json).toEqual([{ id: 7, name: 'Gil', city: null }])
  const json = await rest.call('POST', '/authors?columns=id,name', {
    headers: { prefer: 'return=representation' },
    body: [{ id: 8, name: 'Hal', city: 'Rome', more: 1 }],
  })
  expect(json.json).toEqual([{ id: 8, name: 'Hal', city: null }])
  const put = await rest.call('PUT', '/authors?id=eq.9&columns=id', {
    headers: { prefer: 'return=representation' },
    body: { id: 9, name: 'Ivo', city: 'Bern' },
  })
  expect(put.json).toEqual([{ id: 9, name: 'Ivo', city: 'Bern' }])
})
