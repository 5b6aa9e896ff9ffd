import { expect, test } from 'vitest'
import { contentRange, rangeStatus } from './content-range.ts'

test.each([
  // first rows total   header     status
  [0, 10, undefined, '0-9/*', 200],
  [0, 0, undefined, '*/*', 200],
  [0, 0, 0, '*/0', 200],
  [2, 3, 12, '2-4/12', 206],
  [0, 12, 12, '0-11/12', 200],
  [12, 0, 12, '*/12', 206],
  [13, 0, 12, '*/12', 416],
])('from %d, %d rows of %s: %s %d', (first, rows, total, header, status) => {
  expect(contentRange(first, rows, total)).toBe(header)
  expect(rangeStatus(first, rows, total)).toBe(status)
})
