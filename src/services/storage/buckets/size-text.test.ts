import { expect, test } from 'vitest'
import { sizeOf } from './size-text.ts'

test.each<[string, number]>([
  ['10', 10],
  ['1kb', 1_000],
  ['1.5MB', 1_500_000],
  ['20B', 20],
  ['0b', 0],
  ['2GB', 2_000_000_000],
  ['1.2345MB', 1_230_000],
])('%s is %i bytes', (text, bytes) => {
  expect(sizeOf(text)).toBe(bytes)
})
test.each(['ten', '10 MB', '-1', '10TB', '', 'MB', '1.5'])('%j is no size', (text) => {
  expect(() => sizeOf(text)).toThrow('Invalid file size format')
})
