import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readArray, writeArray } from './array-text.ts'

test.each([
  ['{}', []],
  ['{1,2,NULL}', ['1', '2', null]],
  ['{a,"b c",NULL,"q\\"x","NULL"}', ['a', 'b c', null, 'q"x', 'NULL']],
  [
    '{{1,2},{3,4}}',
    [
      ['1', '2'],
      ['3', '4'],
    ],
  ],
  ['[0:1]={a,b}', ['a', 'b']],
  ['{"{}","a\\\\b",""}', ['{}', 'a\\b', '']],
])('readArray(%j)', (text, expected) => {
  expect(readArray(text)).toEqual(expected)
})

test('readArray() takes the delimiter of the type', () => {
  expect(readArray('{(1,1),(0,0);(2,2),(1,1)}', ';')).toEqual(['(1,1),(0,0)', '(2,2),(1,1)'])
})

test.each(['', '{', '}', '{a', '{a,', '{a,}', '{"a', '{"a\\', 'a', '{a}b', '{,}', '[0:1]'])('readArray(%j) is refused', (text) => {
  expect(() => readArray(text)).toThrow(SyntaxError)
})

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('NULL', 'null', '', '{', ' ')))), (values) => {
      expect(readArray(writeArray(values))).toEqual(values)
    }),
  )
})
