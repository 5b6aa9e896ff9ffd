import fc from 'fast-check'
import { expect, test } from 'vitest'
import { selectRule } from './grammar.ts'
import { explain } from './recogniser.ts'
import { Scanner, Unparsable } from './scanner.ts'
import { type SelectItem, selectList } from './select.ts'

const read = (text: string): readonly SelectItem[] => selectList(new Scanner(text))

/** A short form for tables: `alias:name->path::cast.aggregate()::cast`, `...rel!hint!join(...)`. */
function print(items: readonly SelectItem[]): string {
  return items
    .map((item) => {
      const alias = item.alias === undefined ? '' : `${item.alias}:`
      if (item.kind === 'relation') {
        return `${item.spread ? '...' : ''}${alias}${item.name}${item.hint ? `!${item.hint}` : ''}${item.join ? `!${item.join}` : ''}(${print(item.select)})`
      }
      const path = item.field.path.map((step) => `${step.arrow}${'key' in step ? step.key : step.index}`).join('')
      const cast = item.cast === undefined ? '' : `::${item.cast}`
      const aggregate = item.aggregate === undefined ? '' : `${item.field.name === '*' ? '' : '.'}${item.aggregate}()`
      const name = item.field.name === '*' && item.aggregate !== undefined ? '' : item.field.name
      return `${alias}${name}${path}${cast}${aggregate}${item.aggregateCast === undefined ? '' : `::${item.aggregateCast}`}`
    })
    .join(',')
}

test.each([
  ['*', '*'],
  ['', ''],
  ['id,name', 'id,name'],
  [' id , name ', 'id,name'],
  ['"a,b":id', 'a,b:id'],
  ['alias:id::text', 'alias:id::text'],
  ['data->a->>b', 'data->a->>b'],
  ['data->0->>-1', 'data->0->>-1'],
  ['data->0a', 'data->0a'],
  ['field-with-dash', 'field-with-dash'],
  ['سلام', 'سلام'],
  ['count()', 'count()'],
  ['n:count()::text', 'n:count()::text'],
  ['price::int.sum()::text', 'price::int.sum()::text'],
  ['clients(*)', 'clients(*)'],
  ['c:clients!fk!inner(id,projects(id))', 'c:clients!fk!inner(id,projects(id))'],
  ['clients!inner!fk(id)', 'clients!fk!inner(id)'],
  ['...clients(name)', '...clients(name)'],
  ['clients()', 'clients()'],
  ['id,clients(name),*', 'id,clients(name),*'],
])('%s', (text, printed) => {
  expect(print(read(text))).toBe(printed)
})

test.each([
  ['id;drop', 3, `unexpected ';' expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input`],
  ['clients(', 9, 'unexpected end of input expecting "...", field name (* or [a..z0..9_$]), "*", "count()" or ")"'],
  ['a.b()', 3, undefined],
  ['id,clients(name[])', 16, undefined],
  ['data->>-78xy', 11, `unexpected 'x' expecting digit, "->", "::", ".", "," or end of input`],
  ['name::', 7, undefined],
  [`${'a('.repeat(3)}`, 7, undefined],
])('%s is refused at column %s', (text, column, details) => {
  expect(() => read(text)).toThrow(Unparsable)
  expect(explain(selectRule, text)).toMatchObject({ column, ...(details !== undefined && { details }) })
})

test('embeds nested without end are refused, not fatal', () => {
  expect(() => read('a('.repeat(100_000))).toThrow(Unparsable)
})

test('any text is read, or refused for the reason that the grammar finds', () => {
  const word = fc.constantFrom(
    'a',
    'count',
    'count()',
    '*',
    '...',
    '(',
    ')',
    ',',
    '.',
    ':',
    '::',
    '->',
    '->>',
    '0',
    '-',
    '!',
    'inner',
    '"',
    'sum()',
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
        const why = explain(selectRule, text)
        if (why === undefined) read(text)
        else expect(() => read(text)).toThrow(Unparsable)
      },
    ),
  )
})

const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/).filter((word) => !['inner', 'left', 'count'].includes(word))
const item = fc.letrec<{ item: SelectItem }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small' },
    fc.record({
      kind: fc.constant('field' as const),
      field: fc.record({
        name,
        path: fc.array(fc.record({ arrow: fc.constantFrom('->' as const, '->>' as const), key: name }), { maxLength: 2 }),
      }),
      alias: fc.option(name, { nil: undefined }),
      cast: fc.option(name, { nil: undefined }),
      aggregate: fc.constantFrom(undefined, 'sum' as const, 'max' as const),
      aggregateCast: fc.constant(undefined),
    }),
    fc.record({
      kind: fc.constant('relation' as const),
      spread: fc.constant(false),
      name,
      alias: fc.option(name, { nil: undefined }),
      hint: fc.option(name, { nil: undefined }),
      join: fc.constantFrom(undefined, 'inner' as const, 'left' as const),
      select: fc.array(tie('item'), { maxLength: 3 }),
    }),
  ),
})).item

test('what is printed reads back', () => {
  fc.assert(
    fc.property(fc.array(item, { minLength: 1, maxLength: 4 }), (items) => {
      expect(read(print(items))).toEqual(items)
    }),
  )
})
