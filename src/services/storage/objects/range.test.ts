import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rangeOf } from './range.ts'

test.each<[string, number, number, number]>([
  ['bytes=0-0', 10, 0, 0],
  ['bytes=2-4', 10, 2, 4],
  ['bytes=7-', 10, 7, 9],
  ['bytes=-3', 10, 7, 9],
  ['bytes=-30', 10, 0, 9],
  ['bytes=5-500', 10, 5, 9],
])('%s of %i bytes is %i-%i', (header, size, start, end) => {
  expect(rangeOf(header, size)).toEqual({ start, end })
})

test.each<[string, number]>([
  ['bytes=10-', 10],
  ['bytes=5-2', 10],
  ['bytes=-0', 10],
  ['bytes=-', 10],
  ['bytes=a-b', 10],
  ['bytes=0-1,3-4', 10],
  ['lines=1-2', 10],
  ['', 10],
  ['bytes=0-0', 0],
  ['bytes=-5', 0],
])('%j of %i bytes is refused', (header, size) => {
  expect(() => rangeOf(header, size)).toThrow('invalid range provided')
})

test('what is given lies in the object, whatever is asked', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat({ max: 1_000 }), (from, to, size) => {
      let range: { start: number; end: number }
      try {
        range = rangeOf(`bytes=${from}-${to}`, size)
      } catch {
        return from > to || from >= size
      }
      return range.start === from && range.end >= range.start && range.end < size
    }),
  )
})
