import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type LogicTree, logicTree, operation } from './filter.ts'
import { logicRule, operationRule } from './grammar.ts'
import { explain } from './recogniser.ts'
import { Scanner, Unparsable } from './scanner.ts'

const read = (text: string) => operation(new Scanner(text))

test.each([
  ['eq.5', { negated: false, operation: { kind: 'quantified', operator: 'eq', quantifier: undefined, value: '5' } }],
  ['not.eq.5', { negated: true, operation: { kind: 'quantified', operator: 'eq', quantifier: undefined, value: '5' } }],
  ['eq(any).{1,2}', { negated: false, operation: { kind: 'quantified', operator: 'eq', quantifier: 'any', value: '{1,2}' } }],
  ['like(all).{a*,*b}', { negated: false, operation: { kind: 'quantified', operator: 'like', quantifier: 'all', value: '{a*,*b}' } }],
  ['eq.', { negated: false, operation: { kind: 'quantified', operator: 'eq', quantifier: undefined, value: '' } }],
  ['eq.a,b)"c', { negated: false, operation: { kind: 'quantified', operator: 'eq', quantifier: undefined, value: 'a,b)"c' } }],
  ['neq.x', { negated: false, operation: { kind: 'simple', operator: 'neq', value: 'x' } }],
  ['cs.{1}', { negated: false, operation: { kind: 'simple', operator: 'cs', value: '{1}' } }],
  ['in.(1,2)', { negated: false, operation: { kind: 'in', values: ['1', '2'] } }],
  ['in.("a,b","c\\"d",e f)', { negated: false, operation: { kind: 'in', values: ['a,b', 'c"d', 'e f'] } }],
  ['in.("a"b,c)', { negated: false, operation: { kind: 'in', values: ['"a"b', 'c'] } }],
  ['in.()', { negated: false, operation: { kind: 'in', values: [''] } }],
  ['in.(1)x', { negated: false, operation: { kind: 'in', values: ['1'] } }],
  ['is.null', { negated: false, operation: { kind: 'is', value: 'null' } }],
  ['is.NOT_NULL', { negated: false, operation: { kind: 'is', value: 'not_null' } }],
  ['isdistinct.5', { negated: false, operation: { kind: 'distinct', value: '5' } }],
  ['fts.a', { negated: false, operation: { kind: 'fts', operator: 'fts', config: undefined, value: 'a' } }],
  ['wfts(english).a b', { negated: false, operation: { kind: 'fts', operator: 'wfts', config: 'english', value: 'a b' } }],
])('%s', (text, expected) => {
  expect(read(text)).toEqual(expected)
})

test.each([
  ['foo.1', 1, 'unexpected "f" expecting "not" or operator (eq, gt, ...)'],
  ['not.foo.1', 5, 'unexpected "f" expecting operator (eq, gt, ...)'],
  ['eq', 3, 'unexpected end of input expecting operator (eq, gt, ...)'],
  ['', 1, 'unexpected end of input expecting "not" or operator (eq, gt, ...)'],
  ['is.maybe', 4, 'unexpected "m" expecting isVal: (null, not_null, true, false, unknown)'],
  ['fts().a', 5, 'unexpected ")" expecting operator (eq, gt, ...)'],
  ['eq().a', 4, 'unexpected ")" expecting operator (eq, gt, ...)'],
  ['neq(any).a', 4, 'unexpected "(" expecting operator (eq, gt, ...)'],
  ['in.1', 4, 'unexpected "1" expecting "("'],
  ['in.(1', 6, 'unexpected end of input expecting "," or ")"'],
  ['sl', 3, 'unexpected end of input expecting operator (eq, gt, ...)'],
])('%s is refused at column %s: %s', (text, column, details) => {
  expect(() => read(text)).toThrow(Unparsable)
  expect(explain(operationRule, text)).toEqual({ line: 1, column, details })
})

function print(tree: LogicTree): string {
  if (tree.kind === 'logic') return `${tree.negated ? 'not.' : ''}${tree.operator}(${tree.children.map(print).join(',')})`
  const { field, negated, operation: what } = tree.filter
  if (what.kind !== 'quantified') throw new Error('not in these tests')
  return `${field.name}.${negated ? 'not.' : ''}${what.operator}.${what.value}`
}

test.each(['and(a.eq.1)', 'or(a.eq.1,b.gt.2)', 'or(a.eq.1,and(b.gt.2,not.or(c.lt.3,d.eq.4)))', 'not.and(a.not.eq.1)', 'a.eq.1'])(
  '%s reads back',
  (text) => {
    expect(print(logicTree(new Scanner(text)))).toBe(text)
  },
)

test.each([
  ['or(a.in.(1,2),b.eq."x,y")', [{ values: ['1', '2'] }, { value: 'x,y' }]],
  ['or(a.cs.{1,2},b.eq.x y)', [{ value: '{1,2}' }, { value: 'x y' }]],
  ['or( a.eq.1 , b.eq.2 )', [{ value: '1 ' }, { value: '2 ' }]],
])('%s keeps values that are quoted or in braces whole', (text, operations) => {
  expect(logicTree(new Scanner(text))).toMatchObject({ children: operations.map((what) => ({ filter: { operation: what } })) })
})

test.each([
  ['or', 3, 'unexpected end of input expecting "("'],
  ['or()', 4, 'unexpected ")" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)'],
  ['or(id.in.1,2)', 10, 'unexpected "1" expecting "("'],
  ['or)(', 3, 'unexpected ")" expecting "("'],
  ['and(ord(a.eq.1),b.eq.2)', 7, 'unexpected "d" expecting "("'],
  ['or(a.eq.1,not.xor(b.eq.2))', 15, 'unexpected "x" expecting logic operator (and, or)'],
  ['or(not.a.eq.1)', 8, 'unexpected "." expecting logic operator (and, or)'],
  ['or(a.eq.1', 10, undefined],
  ['or(a.eq.1,)', 11, undefined],
])('%s is refused at column %s', (text, column, details) => {
  expect(() => logicTree(new Scanner(text))).toThrow(Unparsable)
  expect(explain(logicRule, text)).toMatchObject({ column, ...(details !== undefined && { details }) })
})

test('conditions nested without end are refused, not fatal', () => {
  expect(() => logicTree(new Scanner('and('.repeat(100_000)))).toThrow(Unparsable)
})

test('any text is read, or refused for the reason that the grammar finds', () => {
  const word = fc.constantFrom(
    'a',
    'not.',
    'and',
    'or',
    '.eq.',
    '.in.',
    '.is.',
    'null',
    '(',
    ')',
    ',',
    '"',
    '{',
    '}',
    ' ',
    '\\',
    'fts',
    '(any)',
    '1',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word, { maxLength: 12 }).map((words) => words.join('')),
      ),
      (text) => {
        for (const [rule, second] of [
          [() => read(text), operationRule],
          [() => logicTree(new Scanner(text)), logicRule],
        ] as const) {
          const why = explain(second, text)
          if (why === undefined) rule()
          else expect(rule).toThrow(Unparsable)
        }
      },
    ),
  )
})

test('an element of a list comes back whatever it holds', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (values) => {
      const text = `in.(${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join(',')})`
      expect(read(text).operation).toEqual({ kind: 'in', values })
    }),
  )
})
