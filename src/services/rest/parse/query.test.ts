import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RestError } from '../errors.ts'
import { canonicalQuery, decodeComponent, parseQuery, splitQuery } from './query.ts'

const read = (text: string, call = false) => parseQuery(splitQuery(text).pairs, call)

test.each([
  ['a+b', 'a b'],
  ['%20%2B', ' +'],
  ['%C3%BC', 'ü'],
  ['100%', '100%'],
  ['%zz%41', '%zzA'],
  ['%ff', '\ufffd'],
])('%s decodes to %s', (text, decoded) => {
  expect(decodeComponent(text)).toBe(decoded)
})

test('parameters go where their names say', () => {
  const query = read(
    'select=id&id=eq.1&order=id.desc&limit=3&clients.name=like.A*&clients.order=name&clients.limit=2&or=(a.eq.1,b.eq.2)&clients.not.and=(x.eq.1)&noise',
  )
  expect(query.select).toHaveLength(1)
  expect(query.filters.map(({ path, filter }) => [path, filter.field.name])).toEqual([
    [[], 'id'],
    [['clients'], 'name'],
  ])
  expect(query.order.map(({ path }) => path)).toEqual([[], ['clients']])
  expect(query.limits).toEqual([
    { path: [], limits: { limit: 3 } },
    { path: ['clients'], limits: { limit: 2 } },
  ])
  expect(query.logic).toMatchObject([
    { path: [], tree: { negated: false, operator: 'or' } },
    { path: ['clients'], tree: { negated: true, operator: 'and' } },
  ])
})

test.each([
  ['limit=x', {}],
  ['limit=-1', { limit: -1 }],
  ['offset=-1', {}],
  ['limit=1&offset=2', { limit: 1, offset: 2 }],
  ['limit=1&limit=7', { limit: 7 }],
  ['limit=1&limit=x', {}],
  ['limit=%2B1', {}],
])('%s', (text, limits) => {
  expect(read(text).limits[0]?.limits ?? {}).toEqual(limits)
})

test('of select, columns and on_conflict the first counts', () => {
  expect(read('select=a&select=b(&columns=c&columns=d&on_conflict=e&on_conflict=')).toMatchObject({
    select: [{ field: { name: 'a' } }],
    columns: ['c'],
    onConflict: ['e'],
  })
})

test('an argument that begins like a filter has to be one', () => {
  for (const text of ['a=in.x', 'a=is.x', 'a=not.x']) expect(() => read(text, true)).toThrow(RestError)
})

test('arguments of a call are what does not read as a filter', () => {
  const query = read('a=1&b=eq.2&c=x.y&d=in.(1)&select=b', true)
  expect(query.args).toEqual([
    ['a', '1'],
    ['c', 'x.y'],
  ])
  expect(query.filters.map(({ filter }) => filter.field.name)).toEqual(['b', 'd'])
})

test.each([
  [
    'columns=',
    '"failed to parse columns parameter ()" (line 1, column 1)',
    'unexpected end of input expecting field name (* or [a..z0..9_$])',
  ],
  ['id=foo', '"failed to parse filter (foo)" (line 1, column 1)', 'unexpected "f" expecting "not" or operator (eq, gt, ...)'],
  [
    'order=id%3B drop table x',
    '"failed to parse order (id; drop table x)" (line 1, column 3)',
    'unexpected \';\' expecting letter, digit, "-", "->>", "->", delimiter (.), "," or end of input',
  ],
  ['or=()', '"failed to parse logic tree (())" (line 1, column 4)', undefined],
])('%s answers PGRST100', (text, message, details) => {
  try {
    read(text)
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(RestError)
    expect(error).toMatchObject({ code: 'PGRST100', status: 400, message, ...(details !== undefined && { details }) })
  }
})

test.each([
  ["select=id,x:data->0&limit=1&a=it's&alone", 'a=it%27s&alone=&limit=1&select=id%2Cx%3Adata-%3E0'],
  ['a=1&b=2&a=3&c=4&a=5', 'a=1,3,5&b=2&c=4'],
  ['n=eq.%C3%A9', 'n=eq.%C3%83%C2%A9'],
])('%s in its canonical form is %s', (text, canonical) => {
  const { pairs, bare } = splitQuery(text)
  expect(canonicalQuery(pairs, bare)).toBe(canonical)
})

test('the canonical form is sorted and escaped, and says the same', () => {
  const word = fc.string({ unit: 'binary-ascii' })
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(word, word), { selector: ([name]) => name }), (pairs) => {
      const canonical = canonicalQuery(pairs)
      expect(canonical).toMatch(/^[\w.~%=&-]*$/)
      expect(splitQuery(canonical).pairs).toEqual(pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)))
    }),
  )
})

test('any query string is read or refused by name', () => {
  const word = fc.constantFrom('select', 'order', 'or', 'not.and', 'id', 'a.b', 'limit', 'columns', 'on_conflict', '"', 'x.order')
  fc.assert(
    fc.property(fc.array(fc.tuple(word, fc.string())), fc.boolean(), (pairs, call) => {
      try {
        parseQuery(pairs, call)
      } catch (error) {
        expect(error).toBeInstanceOf(RestError)
      }
    }),
  )
})
