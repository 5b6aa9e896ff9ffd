import { expect, test } from 'vitest'
import { runsIn } from './seen.ts'

test.each([
  ['100:100:', 99, false],
  ['100:100:', 100, true],
  ['100:105:100,103', 103, true],
  ['100:105:100,103', 104, false],
  ['100:105:100,103', 105, true],
  ['100:105:100,103', 2_000_000_000, true],
  // Beyond the first 2^32 transactions the stream tells the low half of a number.
  ['4294967300:4294967310:4294967301', 5, true],
  ['4294967300:4294967310:4294967301', 6, false],
  ['4294967300:4294967310:4294967301', 4_294_967_290, false],
  ['4294967300:4294967310:4294967301', 14, true],
])('in the snapshot %s transaction %i still runs: %s', (snapshot, xid, runs) => {
  expect(runsIn(snapshot, xid)).toBe(runs)
})
