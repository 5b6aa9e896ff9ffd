import { expect, test } from 'vitest'
import { slotNames, startStatement } from './slot.ts'

test('slotNames() gives upstream’s name first, and more for further instances', () => {
  expect(slotNames('supabase_realtime_replication_slot')).toEqual([
    'supabase_realtime_replication_slot',
    'supabase_realtime_replication_slot_2',
    'supabase_realtime_replication_slot_3',
    'supabase_realtime_replication_slot_4',
  ])
})

test('slotNames() takes a suffix, without what a name may not hold', () => {
  expect(slotNames('slot', "Blue-1'")[0]).toBe('slot_blue_1_')
  for (const name of slotNames('slot', 'x'.repeat(100))) expect(name.length).toBeLessThanOrEqual(63)
})

test('startStatement() quotes the publication twice: as an identifier within a literal', () => {
  expect(startStatement('s', `it's "p"`)).toContain(`publication_names '"it''s ""p"""'`)
})
