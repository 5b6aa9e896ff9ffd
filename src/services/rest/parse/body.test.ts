import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RestError } from '../errors.ts'
import { csvToJson } from './csv.ts'
import { jsonShape } from './json-shape.ts'
import { parsePayload } from './payload.ts'

const shape = (text: string) => jsonShape(Buffer.from(text))

test.each([
  ['{}', { kind: 'object', keys: [] }],
  ['{"a":1,"b":{"c":[1,2]}}', { kind: 'object', keys: ['a', 'b'] }],
  [' [ ] ', { kind: 'array', keys: [], uniform: true, length: 0 }],
  ['[{"a":1},{"a":null}]', { kind: 'array', keys: ['a'], uniform: true, length: 2 }],
  ['[{"a":1,"b":2},{"b":1,"a":2}]', { kind: 'array', keys: ['a', 'b'], uniform: true, length: 2 }],
  ['[{"a":1},{"b":1}]', { kind: 'array', keys: ['a'], uniform: false, length: 2 }],
  ['[{"a":1},3]', { kind: 'array', keys: ['a'], uniform: false, length: 2 }],
  ['{"\\u0061\\n":1}', { kind: 'object', keys: ['a\n'] }],
  ['-1.5e+3', { kind: 'scalar' }],
  ['"x"', { kind: 'scalar' }],
])('%s', (text, expected) => {
  expect(shape(text)).toEqual(expected)
})

test('agrees with JSON.parse on what is JSON', () => {
  const check = (text: string) => {
    let value: unknown
    let valid = true
    try {
      value = JSON.parse(text)
    } catch {
      valid = false
    }
    const found = shape(text)
    expect(found !== undefined, text).toBe(valid)
    if (found?.kind === 'object') expect([...found.keys].sort()).toEqual(Object.keys(value as object).sort())
  }
  fc.assert(fc.property(fc.json(), check))
  fc.assert(fc.property(fc.stringMatching(/^[[\]{}",:0-9.eE+\-truefalsn\\u ]{0,30}$/), check), { numRuns: 500 })
})

test('deep nesting is refused, not fatal', () => {
  expect(shape('['.repeat(200_000))).toBeUndefined()
})

test.each([
  ['a,b\n1,2\n', [{ a: '1', b: '2' }]],
  ['a,b\r\n"x, ""y""",NULL\r\n', [{ a: 'x, "y"', b: null }]],
  ['a\n', []],
  ['a\n"line\nbreak"', [{ a: 'line\nbreak' }]],
])('CSV %j', (text, rows) => {
  expect(JSON.parse(csvToJson(text).json)).toEqual(rows)
})

test.each(['', 'a,b\n1\n', 'a\n"open', 'a\n"x"y\n'])('CSV %j is refused', (text) => {
  expect(() => csvToJson(text)).toThrow(RestError)
})

test('what is written as CSV reads back', () => {
  const cell = fc.string().filter((value) => value !== 'NULL')
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1 }), (rows) => {
      const quote = (value: string) => `"${value.replaceAll('"', '""')}"`
      const text = `a,b\n${rows.map((row) => row.map(quote).join(',')).join('\n')}\n`
      expect(JSON.parse(csvToJson(text).json)).toEqual(rows.map(([a, b]) => ({ a, b })))
    }),
  )
})

const payload = (body: string, options: Partial<Parameters<typeof parsePayload>[1]> = {}) =>
  parsePayload(Buffer.from(body), { contentType: undefined, call: false, columnsGiven: false, ...options })

test.each([
  ['', 'Empty or invalid json'],
  ['{"a":', 'Empty or invalid json'],
  ['[{"a":1},{"b":1}]', 'All object keys must match'],
])('body %s is refused: %s', (body, message) => {
  expect(() => payload(body)).toThrow(expect.objectContaining({ code: 'PGRST102', message }))
})

test('a body is what its type says', () => {
  expect(payload('', { call: true })).toMatchObject({ kind: 'json', keys: [] })
  expect(payload('garbage', { columnsGiven: true })).toMatchObject({ kind: 'json', keys: undefined })
  expect(payload('a=1&b=x+y', { contentType: 'application/x-www-form-urlencoded' })).toMatchObject({ kind: 'json', keys: ['a', 'b'] })
  expect(payload('a=1&a=2', { contentType: 'application/x-www-form-urlencoded', call: true })).toMatchObject({
    kind: 'form',
    pairs: [
      ['a', '1'],
      ['a', '2'],
    ],
  })
  expect(payload('x', { contentType: 'text/plain', call: true })).toMatchObject({ kind: 'raw', type: 'text' })
  expect(() => payload('x', { contentType: 'text/plain' })).toThrow(
    expect.objectContaining({ message: 'Content-Type not acceptable: text/plain' }),
  )
})
