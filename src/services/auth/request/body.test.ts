import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { AuthError } from '../errors.ts'
import { boolean, object, optionalString, readBody, string } from './body.ts'

const shape = z.object({ email: string, password: optionalString, data: object, create: boolean(true) })
const read = (body: string) => readBody({ body }, shape)

test('readBody() takes absent and null fields as unset and ignores what it does not know', () => {
  expect(read('{}')).toEqual({ email: '', password: undefined, data: undefined, create: true })
  expect(read('{"email":null,"data":null,"create":null,"x":{}}')).toEqual({ email: '', password: undefined, data: undefined, create: true })
  expect(read('{"email":"a","password":"","data":{"a":[1]},"create":false}')).toEqual({
    email: 'a',
    password: '',
    data: { a: [1] },
    create: false,
  })
  expect(read('null').email).toBe('')
})

test.each([
  [''],
  ['  '],
  ['{'],
  ['email=a%40b'],
  ['[]'],
  ['"text"'],
  ['5'],
  ['{"email":5}'],
  ['{"data":"x"}'],
  ['{"data":[]}'],
  ['{"create":"yes"}'],
])('readBody() refuses %j as bad_json', (body) => {
  expect(() => read(body)).toThrow(expect.objectContaining({ status: 400, code: 'bad_json' }))
  expect(() => read(body)).toThrow(/^Could not parse request body as JSON: /)
})

test('readBody() never repeats a body in its words', () => {
  expect(() => read('{"email":"a","password":"hunter22"')).toThrow(expect.not.stringMatching('hunter22'))
})

test('readBody() gives fields or bad_json for anything', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
      try {
        expect(typeof read(body).email).toBe('string')
      } catch (error) {
        expect(error).toBeInstanceOf(AuthError)
      }
    }),
  )
})
