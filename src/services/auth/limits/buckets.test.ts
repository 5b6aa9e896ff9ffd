import { expect, test } from 'vitest'
import { ClientBuckets, TokenBucket, Window } from './buckets.ts'

test('a bucket gives its burst at once and refills steadily', () => {
  const bucket = new TokenBucket(1 / 1_000, 3, 0)
  expect([0, 0, 0, 0].map((at) => bucket.take(at))).toEqual([true, true, true, false])
  expect(bucket.take(999)).toBe(false)
  expect(bucket.take(1_001)).toBe(true)
  expect(bucket.take(1_001)).toBe(false)
  expect([1e6, 1e6, 1e6, 1e6].map((at) => bucket.take(at))).toEqual([true, true, true, false])
})

test('clients have buckets of their own', () => {
  const buckets = new ClientBuckets(30, 300_000, 2)
  expect(['a', 'a', 'a', 'b'].map((client) => buckets.take(client, 0))).toEqual([true, true, false, true])
})

test('ever new clients do not grow the table without end, nor cost more and more', () => {
  const buckets = new ClientBuckets(30, 300_000, 2)
  for (let i = 0; i < 200_000; i++) expect(buckets.take(`c${i}`, 0)).toBe(true)
  expect(buckets.size).toBeLessThanOrEqual(50_000)
  // The newest is still counted.
  expect([buckets.take('c199999', 0), buckets.take('c199999', 0)]).toEqual([true, false])
})

test('a window counts anew when it ends', () => {
  const window = new Window(2, 1_000)
  expect([0, 10, 20].map((at) => window.take(at))).toEqual([true, true, false])
  expect([1_000, 1_001, 1_002].map((at) => window.take(at))).toEqual([true, true, false])
  expect(new Window(0, 1_000).take(0)).toBe(false)
})
