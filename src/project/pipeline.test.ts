import { expect, test } from 'vitest'
import { markPosition } from './pipeline.ts'

test.each<[string, number, string]>([
  ['select broken', 8, 'select broken\n       ^'],
  ['select broken', 0, 'select broken'],
  ['select\n  broken\nfrom t', 10, 'select\n  broken\n  ^'],
  ['a\nb', 1, 'a\n^\nb'.replace('\nb', '')],
  ['a\nb', 3, 'a\nb\n^'],
  ['é🎈 x', 4, 'é🎈 x\n   ^'],
  ['select 1 +', 11, 'select 1 +\n          ^'],
  ['x', 99, 'x'],
])('the place %j:%i is marked', (statement, position, marked) => {
  expect(markPosition(statement, position)).toBe(marked)
})
