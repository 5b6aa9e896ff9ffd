import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cut, elementSpan, lastElementSpan, memberSpan } from './json-spans.ts'

const space = fc.stringMatching(/^[ \t\n\r]{0,3}$/)

describe('spans', () => {
  test('digits and escapes stay as they were written', () => {
    const text = ' [ null , "1" , "t\\"],[" , "e" , { "n" : 12345678901234567890.50 , "s":"\\u00e9]" } ] '
    expect(cut(text, elementSpan(text, 4))).toBe('{ "n" : 12345678901234567890.50 , "s":"\\u00e9]" }')
    expect(cut(text, lastElementSpan(text, 4))).toBe('{ "n" : 12345678901234567890.50 , "s":"\\u00e9]" }')
    expect(cut(text, elementSpan(text, 2))).toBe('"t\\"],["')
    expect(elementSpan(text, 5)).toBeUndefined()
  })
  test('the last member of a name counts, however its name is written', () => {
    expect(cut('{"a":1,"b":{"a":2},"\\u0061":3}', memberSpan('{"a":1,"b":{"a":2},"\\u0061":3}', 'a'))).toBe('3')
    expect(memberSpan('{}', 'a')).toBeUndefined()
  })
  test('an element is found wherever it stands', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 6 }), space, fc.nat(), (list, gap, pick) => {
        const index = pick % list.length
        const text = `${gap}[${list.map((value) => `${gap}${JSON.stringify(value, null, gap.length)}${gap}`).join(',')}]${gap}`
        expect(JSON.parse(cut(text, elementSpan(text, index))!)).toEqual(JSON.parse(JSON.stringify(list[index])))
        expect(JSON.parse(cut(text, lastElementSpan(text, list.length - 1))!)).toEqual(JSON.parse(JSON.stringify(list.at(-1))))
      }),
    )
  })
  test('a member is found wherever it stands', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1, maxKeys: 6 }), fc.nat(), (object, pick) => {
        const text = JSON.stringify(object)
        const parsed = JSON.parse(text) as Record<string, unknown>
        const names = Object.keys(parsed)
        const name = names[pick % names.length]!
        expect(JSON.parse(cut(text, memberSpan(text, name))!)).toEqual(parsed[name])
      }),
    )
  })
})
