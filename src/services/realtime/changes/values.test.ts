import { expect, test } from 'vitest'
import { converterOf, type ValueType } from './values.ts'

const type = (base: number, more: Partial<ValueType> = {}): ValueType => ({ oid: base, base, sql: 't', special: false, ...more })
const array = (base: number): ValueType => type(1_000 + base, { element: type(base), delimiter: ',' })

test.each([
  // base, text, JSON
  [20, '9223372036854775807', '9223372036854775807'],
  [23, '-5', '-5'],
  [1700, '12345678901234567890.123456789', '12345678901234567890.123456789'],
  [1700, '42.50', '42.50'],
  [1700, 'NaN', 'null'],
  [701, '1.1', '1.1'],
  [701, '1e+300', `1${'0'.repeat(300)}`],
  [701, '1.5e-07', '0.00000015'],
  [701, '-1.25e+20', '-125000000000000000000'],
  [701, '1.2345e+02', '123.45'],
  [701, '-0', '0'],
  [701, '-Infinity', 'null'],
  [700, 'NaN', 'null'],
  [16, 't', 'true'],
  [16, 'f', 'false'],
  [25, 'a "b"\n\u0001é', '"a \\"b\\"\\n\\u0001é"'],
  [17, '\\xdeadbeef00', '"deadbeef00"'],
  [17, '\\x', '""'],
  [1114, '2024-02-29 13:14:15.123456', '"2024-02-29T13:14:15.123456"'],
  [1184, '2024-02-29 11:14:15.5+00', '"2024-02-29T11:14:15.5+00:00"'],
  [1184, '0044-03-15 00:00:00+00 BC', '"0044-03-15T00:00:00+00:00 BC"'],
  [1184, 'infinity', '"infinity"'],
  [1186, '1 year 2 mons 3 days 04:05:06', '"1 year 2 mons 3 days 04:05:06"'],
  [3802, '{"a": [1, 2.50, null, "x"], "b": 1}', '{"a": [1, 2.50, null, "x"], "b": 1}'],
  [26, '4294967295', '"4294967295"'],
  [1042, 'ab   ', '"ab   "'],
  [869, '10.0.0.1/24', '"10.0.0.1/24"'],
])('type %i: %j becomes %s', (base, text, json) => {
  expect(converterOf(type(base))!(text, false)).toBe(json)
})

test.each([
  [23, '{1,2,NULL}', '[1, 2, null]'],
  [23, '{{1,2},{3,4}}', '[[1, 2], [3, 4]]'],
  [23, '{}', '[]'],
  [25, '{a,"b c",NULL,"q\\"x","NULL"}', '["a", "b c", null, "q\\"x", "NULL"]'],
  [1184, '{"2024-01-01 00:00:00+00"}', '["2024-01-01T00:00:00+00:00"]'],
  [3802, '{"{\\"x\\": 1}"}', '[{"x": 1}]'],
  [701, '{NaN,1}', '["NaN", 1]'],
  [17, '{"\\\\x01"}', '["\\\\x01"]'],
])('array of %i: %j becomes %s', (base, text, json) => {
  expect(converterOf(array(base))!(text, false)).toBe(json)
})

test.each([
  ['json', type(114)],
  ['composite types and casts of their own', type(20_000, { special: true })],
  ['arrays of such', type(20_001, { element: type(20_000, { special: true }), delimiter: ',' })],
])('the database is asked about %s', (_, asked) => {
  expect(converterOf(asked)).toBeUndefined()
})
