import { expect, test } from 'vitest'
import { describe, parseBinding } from './binding.ts'
import { SubscriptionRefused } from './feed.ts'

const parse = (raw: unknown) => parseBinding({ entry: { raw }, id: 7 })
const plain = { id: 7, filters: [], select: undefined }

test.each([
  [
    { event: 'INSERT', schema: 's', table: 't' },
    { action: 'INSERT', schema: 's', table: 't' },
  ],
  [
    { event: 'update', schema: 's', table: 't' },
    { action: 'UPDATE', schema: 's', table: 't' },
  ],
  [
    { event: 'BOGUS', schema: 's', table: 't' },
    { action: '*', schema: 's', table: 't' },
  ],
  [
    { event: 5, schema: 's', table: 't' },
    { action: '*', schema: 's', table: 't' },
  ],
  [{ schema: 's' }, { action: '*', schema: 's', table: '*' }],
  [{ table: 't' }, { action: '*', schema: 'public', table: 't' }],
  [{ schema: '*' }, { action: '*', schema: '*', table: '*' }],
  [
    { schema: 's', table: 't', select: [] },
    { action: '*', schema: 's', table: 't' },
  ],
  [
    { schema: 's', table: 't', select: ['a', 5, 'b'] },
    { action: '*', schema: 's', table: 't', select: ['a', 'b'] },
  ],
  [
    { schema: 's', table: 't', filter: ' ' },
    { action: '*', schema: 's', table: 't' },
  ],
])('parseBinding(%j)', (raw, expected) => {
  expect(parse(raw)).toEqual({ ...plain, ...expected })
})

const nothing = 'No subscription params provided. Please provide at least a `schema` or `table` to subscribe to: '
const select = 'Error parsing `select` params: expected a list of column name strings, e.g. select: ["col1", "col2"]'
const wildcard = 'Column selection is not supported for wildcard subscriptions. Provide an explicit schema and table name.'
test.each([
  [{ event: 'INSERT' }, `${nothing}%{"event" => "INSERT"}`],
  [{}, `${nothing}%{}`],
  [{ schema: 'public', filter: 'id=eq.1', event: '*' }, `${nothing}%{"event" => "*", "filter" => "id=eq.1", "schema" => "public"}`],
  [{ schema: 5, nested: { a: [1, null, true] } }, `${nothing}%{"nested" => %{"a" => [1, nil, true]}, "schema" => 5}`],
  [{ user_token: 'x' }, `${nothing}<redacted>`],
  [{ schema: 's', table: 't', select: 'id' }, select],
  [{ schema: 's', select: ['id'] }, wildcard],
  [{ schema: '*', table: 't', select: ['id'] }, wildcard],
  [{ schema: 's', table: 't', filter: 'x=foo.y' }, 'Error parsing `filter` params: ["foo", "y"]'],
])('parseBinding(%j) is refused: %s', (raw, message) => {
  expect(() => parse(raw)).toThrow(new SubscriptionRefused(message, false))
})

test('names of an object’s prototype are no parameters', () => {
  expect(() => parse(Object.create({ schema: 'public' }))).toThrow(`${nothing}%{}`)
})

test('describe() writes a subscription as upstream does', () => {
  expect(describe(parse({ event: '*', schema: 'public', table: 'test', filter: 'notacolumn=eq.123' }))).toBe(
    'event: *, schema: public, table: test, filters: [{"notacolumn", "eq", "123", false}], select: nil',
  )
  expect(describe(parse({ event: 'INSERT', schema: 'public', table: 't', select: ['a', 'b"'] }))).toBe(
    'event: INSERT, schema: public, table: t, filters: [], select: ["a", "b\\""]',
  )
})

test('describe() breaks lists that are longer than a line', () => {
  const filter = ['a', 'b', 'c', 'd'].map((name) => `${name.repeat(10)}=eq.1`).join(',')
  expect(describe(parse({ schema: 's', table: 't', filter }))).toContain('filters: [\n  {"aaaaaaaaaa", "eq", "1", false},\n  {"bbbbbbbbbb"')
})
