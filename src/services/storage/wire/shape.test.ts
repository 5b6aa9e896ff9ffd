import { describe, expect, test } from 'vitest'
import { flag, integer, list, number, oneOf, readShape, record, text } from './shape.ts'

const shape = record({
  prefix: text,
  limit: integer({ min: 1, max: 10 }).default(5),
  ratio: number({ min: 0 }).optional(),
  open: flag.optional(),
  order: oneOf('asc', 'desc').optional(),
  names: list(text, { min: 1, max: 2 }).optional(),
  sortBy: record({ column: oneOf('name') }).optional(),
})
const refusal = (value: unknown): string => {
  try {
    readShape('body', shape, value)
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

describe('the words of a refusal', () => {
  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'body must be object'],
    ['a text', 'x', 'body must be object'],
    ['a missing property', {}, "body must have required property 'prefix'"],
    ['a missing property before a wrong one', { limit: 0 }, "body must have required property 'prefix'"],
    ['a missing property inside', { prefix: '', sortBy: {} }, "body/sortBy must have required property 'column'"],
    ['an object for a text', { prefix: {} }, 'body/prefix must be string'],
    ['too small', { prefix: '', limit: 0 }, 'body/limit must be >= 1'],
    ['too large', { prefix: '', limit: 11 }, 'body/limit must be <= 10'],
    ['a fraction', { prefix: '', limit: 1.5 }, 'body/limit must be integer'],
    ['no number', { prefix: '', limit: 'ten' }, 'body/limit must be integer'],
    ['null, which counts as zero', { prefix: '', limit: null }, 'body/limit must be >= 1'],
    ['beyond what can be counted', { prefix: '', ratio: 'Infinity' }, 'body/ratio must be number'],
    ['no truth', { prefix: '', open: 'perhaps' }, 'body/open must be boolean'],
    ['none of the values', { prefix: '', order: 'up' }, 'body/order must be equal to one of the allowed values'],
    ['too few', { prefix: '', names: [] }, 'body/names must NOT have fewer than 1 items'],
    ['too many', { prefix: '', names: ['a', 'b', 'c'] }, 'body/names must NOT have more than 2 items'],
    ['a wrong item', { prefix: '', names: [{}] }, 'body/names/0 must be string'],
  ])('%s', (_, value, message) => {
    expect(refusal(value)).toBe(message)
  })
})

test.each<[unknown, object]>([
  [{ prefix: 5 }, { prefix: '5', limit: 5 }],
  [
    { prefix: ['a'], limit: '7', open: 'true', names: 'one' },
    { prefix: 'a', limit: 7, open: true, names: ['one'] },
  ],
  [
    { prefix: null, open: 0, unknown: 1 },
    { prefix: '', limit: 5, open: false },
  ],
])('%j is read as %j', (value, read) => {
  expect(readShape('body', shape, value)).toEqual(read)
})
