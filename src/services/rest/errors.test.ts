import { expect, test } from 'vitest'
import { errorTable, type RestCode, RestError, statusOf } from './errors.ts'

test.each(Object.entries(errorTable))('%s answers %j', (code, { status }) => {
  const error = new RestError(code as RestCode, { words: '$& x' })
  expect(error.status).toBe(status)
  expect(Object.keys(error.toJSON())).toEqual(['code', 'details', 'hint', 'message'])
  expect(error.message).not.toContain('%')
})

const status = (code: string, message = '', anonymous = false) =>
  statusOf({ code, message, detail: undefined, hint: undefined, severity: undefined, routine: undefined, where: undefined }, anonymous)

test.each([
  ['08006', 503],
  ['0LP01', 403],
  ['21000', 500],
  ['23503', 409],
  ['23505', 409],
  ['23514', 400],
  ['25006', 405],
  ['25P02', 500],
  ['28P01', 403],
  ['40001', 500],
  ['42883', 404],
  ['42P01', 404],
  ['42P17', 500],
  ['42501', 403],
  ['42703', 400],
  ['53300', 503],
  ['53400', 500],
  ['57014', 500],
  ['57P01', 503],
  ['P0001', 400],
  ['P0002', 500],
  ['XX000', 500],
  ['PT402', 402],
  ['PT40A', 500],
  ['12345', 400],
])('SQLSTATE %s answers %d', (code, expected) => {
  expect(status(code)).toBe(expected)
})

test('what the message or the caller changes', () => {
  expect(status('42501', '', true)).toBe(401)
  expect(status('22023', 'role "x" does not exist')).toBe(401)
  expect(status('22023', 'something else')).toBe(400)
  expect(status('21000', 'UPDATE requires a WHERE clause')).toBe(400)
  expect(status('42883', 'function xmlagg(json) does not exist')).toBe(406)
})
