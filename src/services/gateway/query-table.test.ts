import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { QueryTable } from './query-table.ts'

test('what nobody changes is written back as it came', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(new QueryTable(text).toString()).toBe(text)
    }),
  )
})

test('what is set is read back, byte for byte', () => {
  const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) })
  fc.assert(
    fc.property(bytes, bytes, (name, value) => {
      const query = new QueryTable('before=1')
      query.append(name, value)
      expect(new QueryTable(query.toString()).all(name).at(-1)).toBe(value)
    }),
  )
})

describe('values', () => {
  test.each([
    ['apikey=a%20b', ['a b']],
    ['apikey=a+b', ['a b']],
    ['apikey=1&x&apikey=2', ['1', '2']],
    ['apikey', [undefined]],
    ['apikey=', ['']],
    ['%61pikey=x', ['x']],
    ['APIKEY=x', []],
    ['apikey=%zz%C3%A9', ['%zz\xc3\xa9']],
  ])('of apikey in %s are %j', (text, values) => expect(new QueryTable(text).all('apikey')).toEqual(values))
})

test.each<[string, (query: QueryTable) => void, string]>([
  ['a=1&b=%2F&a=2', (query) => query.remove('a'), 'b=%2F'],
  ['a=1&b=2&a=3', (query) => query.set('a', 'x y'), 'a=x%20y&b=2'],
  ['b=2', (query) => query.set('a', 'x&y=z'), 'b=2&a=x%26y%3Dz'],
  ['a=1&b=2', (query) => query.rename('a', 'c'), 'c=1&b=2'],
])('%s changes where it is changed alone', (text, change, changed) => {
  const query = new QueryTable(text)
  change(query)
  expect(query.toString()).toBe(changed)
})
