import { expect, test } from 'vitest'
import { parseSize } from './fields.ts'

test.each<[string, number | undefined]>([
  ['50MiB', 52_428_800],
  ['50MB', 52_428_800],
  ['5kb', 5_120],
  ['5 K', 5_120],
  ['1.5GiB', 1_610_612_736],
  ['7', 7],
  ['7b', 7],
  ['0', 0],
  ['', undefined],
  ['MB', undefined],
  ['-1MB', undefined],
  ['5 bytes', undefined],
])('the size %j is %j bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})
