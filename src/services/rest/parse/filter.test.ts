import fc from 'fast-check'
import { expect, test } from 'vitest'
import { conditions, type LogicTree, operation } from './filter.ts'
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
  ['foo.1', 'unexpected "f" expecting "not" or operator (eq, gt, ...)'],
  ['not.foo.1', 'unexpected "f" expecting operator (eq, gt, ...)'],
  ['eq', 'unexpected "e" expecting "not" or operator (eq, gt, ...)'],
  ['', 'unexpected end of input expecting "not" or operator (eq, gt, ...)'],
  ['is.maybe', 'unexpected "m" expecting isVal: (null, not_null, true, false, unknown)'],
  ['fts().a', 'unexpected "f" expecting "not" or operator (eq, gt, ...)'],
  ['neq(any).a', 'unexpected "n" expecting "not" or operator (eq, gt, ...)'],
])('%s is refused', (text, details) => {
  expect(() => read(text)).toThrow(expect.objectContaining({ details }))
})

function print(tree: LogicTree): string {
  if (tree.kind === 'logic') return `${tree.negated ? 'not.' : ''}${tree.operator}(${tree.children.map(print).join(',')})`
  const { field, negated, operation: what } = tree.filter
  if (what.kind !== 'quantified') throw new Error('not in these tests')
  return `${field.name}.${negated ? 'not.' : ''}${what.operator}.${what.value}`
}

test.each(['(a.eq.1)', '(a.eq.1,b.gt.2)', '(a.eq.1,and(b.gt.2,not.or(c.lt.3,d.eq.4)))', '(a.not.eq.1)'])('%s reads back', (text) => {
  const [, inner] = /^\((.*)\)$/s.exec(text)!
  expect(conditions(new Scanner(text)).map(print).join(',')).toBe(inner)
})

test.each([
  ['(not.a.eq.1)', true],
  ['(not.a.not.eq.1)', false],
  ['(a.not.eq.1)', true],
])('%s negates: %s', (text, negated) => {
  expect(conditions(new Scanner(text))).toMatchObject([{ filter: { negated, field: { name: 'a' } } }])
})

test.each([
  ['(a.in.(1,2),b.eq."x,y")', [{ values: ['1', '2'] }, { value: 'x,y' }]],
  ['(a.cs.{1,2},b.eq.x y)', [{ value: '{1,2}' }, { value: 'x y' }]],
  ['( a.eq.1 , b.eq.2 )', [{ value: '1 ' }, { value: '2 ' }]],
])('%s keeps values that are quoted or in braces whole', (text, operations) => {
  expect(conditions(new Scanner(text))).toMatchObject(operations.map((what) => ({ filter: { operation: what } })))
})

test.each(['', '(', '()', '(a)', '(a.eq.1', '(a.eq.1,)', 'a.eq.1'])('%s is no condition list', (text) => {
  expect(() => conditions(new Scanner(text))).toThrow(Unparsable)
})

test('conditions nested without end are refused, not fatal', () => {
  expect(() => conditions(new Scanner('(and'.repeat(100_000)))).toThrow(Unparsable)
})

test('any text is read or refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-d.(),"{}not\\]{0,40}$/)), (text) => {
      for (const rule of [() => read(text), () => conditions(new Scanner(text))]) {
        try {
          rule()
        } catch (error) {
          expect(error).toBeInstanceOf(Unparsable)
        }
      }
    }),
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
