import { expect, test } from 'vitest'
import { orderTerms } from './order.ts'
import { Scanner, Unparsable } from './scanner.ts'

const read = (text: string) =>
  orderTerms(new Scanner(text)).map(({ relation, field, direction, nulls }) =>
    [relation, field.name, field.path.length, direction, nulls].map((part) => part ?? '-').join(' '),
  )

test.each([
  ['id', ['- id 0 - -']],
  ['id.desc', ['- id 0 desc -']],
  ['id.nullslast', ['- id 0 - last']],
  ['id.asc.nullsfirst,name.desc', ['- id 0 asc first', '- name 0 desc -']],
  ['data->a->>b.desc', ['- data 2 desc -']],
  ['clients(name).desc', ['clients name 0 desc -']],
  ['"a.b".asc', ['- a.b 0 asc -']],
  ['id)', ['- id 0 - -']],
])('%s', (text, terms) => {
  expect(read(text)).toEqual(terms)
})

test.each(['', 'id.sideways', 'id;', 'id.asc.desc', 'id,', 'clients(name'])('%s is refused', (text) => {
  expect(() => read(text)).toThrow(Unparsable)
})
