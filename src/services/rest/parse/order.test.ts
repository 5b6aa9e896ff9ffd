import fc from 'fast-check'
import { expect, test } from 'vitest'
import { orderRule } from './grammar.ts'
import { orderTerms } from './order.ts'
import { explain } from './recogniser.ts'
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
  [' id , name.desc', ['- id 0 - -', '- name 0 desc -']],
])('%s', (text, terms) => {
  expect(read(text)).toEqual(terms)
})

test.each([
  ['', 1, 'unexpected end of input expecting field name (* or [a..z0..9_$])'],
  ['id.sideways', 4, 'unexpected "s" expecting "asc", "desc", "nullsfirst" or "nullslast"'],
  ['id;', 3, `unexpected ';' expecting letter, digit, "-", "->>", "->", delimiter (.), "," or end of input`],
  ['id)', 3, `unexpected ')' expecting letter, digit, "-", "->>", "->", delimiter (.), "," or end of input`],
  ['id.asc.desc', 8, 'unexpected "d" expecting "nullsfirst" or "nullslast"'],
  ['id,', 4, 'unexpected end of input expecting field name (* or [a..z0..9_$])'],
  ['id.asc.nullslasttt', 17, `unexpected 't' expecting "," or end of input`],
])('%s is refused at column %s', (text, column, details) => {
  expect(() => read(text)).toThrow(Unparsable)
  expect(explain(orderRule, text)).toMatchObject({ column, details })
})

test('any text is read, or refused for the reason that the grammar finds', () => {
  const word = fc.constantFrom(
    'a',
    'b c',
    '.asc',
    '.desc',
    '.nullsfirst',
    '.nullslast',
    '.',
    ',',
    '(',
    ')',
    '->',
    '->>',
    '0',
    '-',
    '"',
    ' ',
    '\t',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word, { maxLength: 12 }).map((words) => words.join('')),
      ),
      (text) => {
        const why = explain(orderRule, text)
        if (why === undefined) read(text)
        else expect(() => read(text)).toThrow(Unparsable)
      },
    ),
  )
})
