import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TokenCache } from './token-cache.ts'

test('the cache never grows past its size and never serves an expired or foreign value', () => {
  const step = fc.record({ token: fc.integer({ min: 0, max: 12 }), set: fc.boolean(), life: fc.integer({ min: 0, max: 20 }) })
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 6 }), fc.array(step, { maxLength: 80 }), (size, steps) => {
      const cache = new TokenCache<number>(size)
      const until = new Map<number, number>()
      steps.forEach(({ token, set, life }, now) => {
        if (set) {
          cache.set(`t${token}`, token, now + life, now)
          until.set(token, now + life)
        } else {
          const value = cache.get(`t${token}`, now)
          if (value !== undefined) {
            expect(value).toBe(token)
            expect(until.get(token)).toBeGreaterThanOrEqual(now)
          }
        }
        expect(cache.size).toBeLessThanOrEqual(size)
      })
    }),
  )
})

test('what was just set is there', () => {
  const cache = new TokenCache<number>(3)
  for (let n = 0; n < 50; n += 1) {
    cache.get('t0', n)
    cache.set(`t${n}`, n, 1_000, n)
    expect(cache.get(`t${n}`, n)).toBe(n)
  }
})

test('a very long token is not kept', () => {
  const cache = new TokenCache<number>(3)
  cache.set('x'.repeat(10_000), 1, 1_000, 0)
  expect(cache.size).toBe(0)
})
