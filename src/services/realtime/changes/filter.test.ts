import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FILTER_OPERATORS, FilterError, inspectText, parseFilters } from './filter.ts'

test.each([
  // text                        column, op, value, negate
  ['id=eq.1', [['id', 'eq', '1', false]]],
  ['id=not.eq.1', [['id', 'eq', '1', true]]],
  ['a b=eq.very happy', [['a b', 'eq', 'very happy', false]]],
  ['v=eq.', [['v', 'eq', '', false]]],
  ['v=eq.a.b=c', [['v', 'eq', 'a.b=c', false]]],
  ['v=like.b%', [['v', 'like', 'b%', false]]],
  ['v=in.(a,b)', [['v', 'in', '{a,b}', false]]],
  ['v=in.("a,b",c)', [['v', 'in', '{"a,b",c}', false]]],
  ['v=not.in.(a)', [['v', 'in', '{a}', true]]],
  ['v=in.()', [['v', 'in', '{}', false]]],
  [
    'n=gt.0,n=lt.10',
    [
      ['n', 'gt', '0', false],
      ['n', 'lt', '10', false],
    ],
  ],
  [
    ' n=gt.0 , n=lt.10 ',
    [
      ['n', 'gt', '0', false],
      ['n', 'lt', '10', false],
    ],
  ],
  ['v=eq."a,b"', [['v', 'eq', 'a,b', false]]],
  ['v=eq."say \\"x\\""', [['v', 'eq', 'say "x"', false]]],
  ['v=eq."say ""', [['v', 'eq', '"say ""', false]]],
  ['v=eq."open', [['v', 'eq', '"open', false]]],
  [
    'v=eq.a"b,n=eq.1',
    [
      ['v', 'eq', 'a"b', false],
      ['n', 'eq', '1', false],
    ],
  ],
  [
    'v=eq.f(1,2),n=eq.1',
    [
      ['v', 'eq', 'f(1,2)', false],
      ['n', 'eq', '1', false],
    ],
  ],
  [
    'v=eq."a\\\\",n=eq.1',
    [
      ['v', 'eq', 'a\\', false],
      ['n', 'eq', '1', false],
    ],
  ],
  ['', []],
  ['  ', []],
])('parseFilters(%j)', (text, expected) => {
  expect(parseFilters(text).map(({ column, op, value, negate }) => [column, op, value, negate])).toEqual(expected)
})

test.each([
  ['txt=foo.hey', '["foo", "hey"]'],
  ['txt=not.foo.hey', '["foo", "hey"]'],
  ['undefined', '["undefined"]'],
  ['txt=eq', '["eq"]'],
  ['txt=in.a,b', '`in` filter value must be wrapped by parentheses'],
  ['txt=in.(a', '`in` filter value must be wrapped by parentheses'],
  ['txt=eq.a,', 'filter must not contain empty segments (check for extra commas)'],
  [',txt=eq.a', 'filter must not contain empty segments (check for extra commas)'],
  ['a=eq.1,,b=eq.2', 'filter must not contain empty segments (check for extra commas)'],
  ['a"b', '["a\\"b"]'],
])('parseFilters(%j) is refused: %s', (text, message) => {
  expect(() => parseFilters(text)).toThrow(new FilterError(message))
})

test('a quoted value comes back whatever it holds', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom(...FILTER_OPERATORS.filter((op) => op !== 'in')),
      fc.boolean(),
      (value, op, negate) => {
        const quoted = `"${value.replace(/["\\]/g, '\\$&')}"`
        const [filter, other] = parseFilters(`c=${negate ? 'not.' : ''}${op}.${quoted},d=eq.1`)
        expect(filter).toEqual({ column: 'c', op, value, negate })
        expect(other).toEqual({ column: 'd', op: 'eq', value: '1', negate: false })
      },
    ),
  )
})

test('any text gives filters or a refusal', () => {
  const parts = fc.array(fc.constantFrom('a', '=', '.', ',', '(', ')', '"', '\\', 'eq', 'in', 'not.', ' '), { maxLength: 30 })
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        parts.map((list) => list.join('')),
      ),
      (text) => {
        try {
          for (const { op } of parseFilters(text)) expect(FILTER_OPERATORS).toContain(op)
        } catch (error) {
          expect(error).toBeInstanceOf(FilterError)
        }
      },
    ),
  )
})

test.each([
  ['a"b\\c', '"a\\"b\\\\c"'],
  ['a\n\t\u0001', '"a\\n\\t\\x01"'],
  ['#{x} #', '"\\#{x} #"'],
  ['ü', '"ü"'],
])('inspectText(%j)', (text, expected) => {
  expect(inspectText(text)).toBe(expected)
})
