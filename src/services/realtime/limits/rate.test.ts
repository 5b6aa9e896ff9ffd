import { expect, test } from 'vitest'
import { Rate } from './rate.ts'

test('the average of the samples trips the limit, and a later one clears it', () => {
  const rate = new Rate(100)
  rate.add(499)
  rate.sample()
  expect([rate.average, rate.tripped]).toEqual([99.8, false])
  rate.add(2_000)
  expect(rate.tripped).toBe(false)
  rate.sample()
  expect(rate.tripped).toBe(true)
  for (let i = 0; i < 3; i++) rate.sample()
  expect([rate.average, rate.tripped]).toEqual([expect.closeTo(99.96), false])
})

test('what is older than a minute is forgotten', () => {
  const rate = new Rate(1)
  rate.add(60)
  rate.sample()
  for (let i = 0; i < 11; i++) rate.sample()
  expect([rate.average, rate.tripped]).toEqual([1, true])
  rate.sample()
  expect([rate.average, rate.tripped]).toEqual([0, false])
})

test('another limit begins to count anew', () => {
  const rate = new Rate(10)
  rate.add(1_000)
  rate.sample()
  rate.limit = 10
  expect(rate.tripped).toBe(true)
  rate.limit = 11
  expect([rate.average, rate.tripped]).toEqual([0, false])
})
