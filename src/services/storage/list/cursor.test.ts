import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeCursor, encodeCursor } from './cursor.ts'

const b64 = (text: string): string => Buffer.from(text).toString('base64')

test('a cursor is lines in base64, each only where there is something to say', () => {
  expect(Buffer.from(encodeCursor({ last: 'a.txt', order: 'asc', column: 'name' }), 'base64').toString()).toBe('l:a.txt\no:asc\nc:name')
  expect(Buffer.from(encodeCursor({ last: 'a.txt' }), 'base64').toString()).toBe('l:a.txt')
})
test.each(['x=1', 'l', 'o:up', 'c:owner', 'a:yesterday', 'z:1', ''])('%j is no cursor', (text) => {
  expect(() => decodeCursor(b64(text))).toThrow('Invalid Parameter continuation token')
})
test('what is written is read again', () => {
  fc.assert(
    fc.property(
      fc.string().filter((name) => !name.includes('\n')),
      fc.option(fc.constantFrom('asc' as const, 'desc' as const), { nil: undefined }),
      fc.option(fc.constantFrom('name' as const, 'created_at' as const), { nil: undefined }),
      (last, order, column) => {
        expect(decodeCursor(encodeCursor({ last, order, column }))).toEqual({ last, order, column, after: undefined })
      },
    ),
  )
})
