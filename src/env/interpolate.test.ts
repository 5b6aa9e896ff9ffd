import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InterpolationError, interpolate } from './interpolate.ts'

const env: Record<string, string> = { A: 'a', B2_: 'b', EMPTY: '', NESTED: '${A}' }
const lookup = (name: string): string | undefined => (Object.hasOwn(env, name) ? env[name] : undefined)

describe('interpolate', () => {
  test.each<[string, string]>([
    ['', ''],
    ['plain', 'plain'],
    ['$A', 'a'],
    ['$A$B2_', 'ab'],
    ['$A-$B2_.', 'a-b.'],
    ['${A}', 'a'],
    ['x${A}y', 'xay'],
    ['$UNSET|', '|'],
    ['${UNSET}|', '|'],
    ['$$', '$'],
    ['$$A', '$A'],
    ['$$$A', '$a'],
    ['$${A}', '${A}'],
    ['$NESTED', '${A}'],
    ['a$', 'a$'],
    ['$%', '$%'],
    ['$1', '$1'],
    ['a}b', 'a}b'],
    ['${A:-d}', 'a'],
    ['${A-d}', 'a'],
    ['${EMPTY:-d}', 'd'],
    ['${EMPTY-d}', ''],
    ['${UNSET:-d}', 'd'],
    ['${UNSET-d}', 'd'],
    ['${UNSET:-}', ''],
    ['${UNSET:-a b:c-d}', 'a b:c-d'],
    ['${UNSET:-${EMPTY:-${B2_}}}', 'b'],
    ['${UNSET:-$A}${A}', 'aa'],
    ['${UNSET:-$$}', '$'],
    ['${A:+alt}', 'alt'],
    ['${A+alt}', 'alt'],
    ['${EMPTY:+alt}', ''],
    ['${EMPTY+alt}', 'alt'],
    ['${UNSET:+alt}', ''],
    ['${UNSET+alt}', ''],
    ['${A:+${B2_}}', 'b'],
    ['${A:?message}', 'a'],
    ['${EMPTY?message}', ''],
    ['${A:-${UNSET:?never asked for}}', 'a'],
  ])('%s gives %s', (text, expected) => {
    expect(interpolate(text, lookup)).toBe(expected)
  })
  test.each<[string, string]>([
    ['${UNSET:?say why}', 'required variable UNSET is missing a value: say why'],
    ['${UNSET?say why}', 'required variable UNSET is missing a value: say why'],
    ['${EMPTY:?}', 'required variable EMPTY is missing a value'],
    ['${EMPTY:-${UNSET:?inner}}', 'required variable UNSET is missing a value: inner'],
    ['${UNSET:?see ${A}}', 'required variable UNSET is missing a value: see ${A}'],
    ['${', '"${" is not followed by a variable name'],
    ['${}', '"${" is not followed by a variable name'],
    ['${1}', '"${" is not followed by a variable name'],
    ['${A', '"${A" is not closed as a reference has to be'],
    ['${A:-x', '"${A" is not closed as a reference has to be'],
    ['${A!x}', '"${A" is not closed as a reference has to be'],
    ['${UNSET:-'.repeat(40), 'references are nested deeper than 32'],
  ])('%s is refused: %s', (text, message) => {
    expect(() => interpolate(text, lookup)).toThrow(new InterpolationError(message))
  })
  test('tells which variables are not set, once for each place, and none that does not count', () => {
    const told: string[] = []
    interpolate('$A $NO ${NO} ${ALSO_NO:-} ${A:-$NEVER} ${NO2:-$INNER}', lookup, (name) => told.push(name))
    expect(told).toEqual(['NO', 'NO', 'INNER'])
  })
})

test('any text gives a value or an InterpolationError, and escaped text comes back as it was', () => {
  const piece = fc.oneof(fc.string(), fc.constantFrom('$', '${', '}', ':-', '?', 'A', '$$', '${A:-', 'UNSET'))
  fc.assert(
    fc.property(
      fc.array(piece).map((parts) => parts.join('')),
      (text) => {
        try {
          interpolate(text, lookup)
        } catch (error) {
          expect(error).toBeInstanceOf(InterpolationError)
        }
        expect(interpolate(text.replaceAll('$', '$$$$'), lookup)).toBe(text)
      },
    ),
  )
})
