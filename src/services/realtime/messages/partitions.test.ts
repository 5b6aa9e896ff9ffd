import { expect, test } from 'vitest'
import { isOver } from './partitions.ts'

const noon = Date.parse('2026-03-05T12:00:00Z')

test.each([
  ['messages_2026_03_04', true],
  ['messages_2026_03_05', false],
  ['messages_2026_03_06', false],
  ['messages_2025_12_31', true],
  ['messages_2025_13_99', false],
  ['messages_old', false],
  ['my_messages_2020_01_01', false],
])('%s is over: %s', (name, over) => {
  expect(isOver(name, noon)).toBe(over)
})
