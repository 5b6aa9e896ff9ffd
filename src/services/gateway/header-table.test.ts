import { expect, test } from 'vitest'
import { HeaderTable } from './header-table.ts'

const table = () => HeaderTable.fromRaw(['Host', 'a', 'X-Many', '1', 'Accept', '*/*', 'x-many', '2', 'X-MANY', '3'])

test('reads names in any letter case, in order', () => {
  expect([
    table().get('x-many'),
    table().all('x-many'),
    table().has('accept'),
    table().repeated('x-many'),
    table().repeated('host'),
  ]).toEqual(['1', ['1', '2', '3'], true, true, false])
})

test.each<[string, (headers: HeaderTable) => void, string[]]>([
  ['set keeps the place and leaves one line', (h) => h.set('X-Many', 'new'), ['Host', 'a', 'X-Many', 'new', 'Accept', '*/*']],
  ['set of a new name goes to the end', (h) => h.set('Z', '9'), [...table().toRaw(), 'Z', '9']],
  ['remove takes every line', (h) => h.remove('x-many'), ['Host', 'a', 'Accept', '*/*']],
  ['append keeps what is there', (h) => h.append('Host', 'b'), [...table().toRaw(), 'Host', 'b']],
  ['removeWhere asks for each', (h) => h.removeWhere((key) => key !== 'host'), ['Host', 'a']],
])('%s', (_, change, raw) => {
  const headers = table()
  change(headers)
  expect(headers.toRaw()).toEqual(raw)
  expect(headers.keys()).toEqual(raw.flatMap((name, i) => (i % 2 ? [] : [name.toLowerCase()])))
})

test('the lines that it was made of stay as they are', () => {
  const raw = ['A', '1']
  HeaderTable.fromRaw(raw).set('a', '2')
  expect(raw).toEqual(['A', '1'])
})
