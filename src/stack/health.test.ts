import { expect, test } from 'vitest'
import type { HealthCheck } from './description.ts'
import { checkOnce, untilHealthy, untilUnhealthy } from './health.ts'

const quick: HealthCheck = { intervalMs: 2, timeoutMs: 200, retries: 3, startPeriodMs: 0 }
const never = new AbortController().signal

/** A check that gives these answers in turn, then repeats the last. */
function answers(...list: boolean[]) {
  let asked = 0
  const check = async () => {
    const good = list[Math.min(asked++, list.length - 1)]
    if (!good) throw new Error(`bad answer ${asked}`)
  }
  return { check, asked: () => asked }
}

test('the first good answer ends the wait', async () => {
  const { check, asked } = answers(false, false, true)
  await untilHealthy(check, { ...quick, startPeriodMs: 60_000 }, never)
  expect(asked()).toBe(3)
})

test('without a good answer in the start period and the retries after it, the last reason ends it', async () => {
  const { check, asked } = answers(false)
  const began = Date.now()
  await expect(untilHealthy(check, { ...quick, startPeriodMs: 20 }, never)).rejects.toThrow(/bad answer/)
  expect(Date.now() - began).toBeGreaterThanOrEqual(20 + 3 * quick.intervalMs)
  expect(asked()).toBeGreaterThan(1)
})

test('a service that needs longer than its first answers is waited for', async () => {
  const { check, asked } = answers(...Array.from({ length: 12 }, () => false), true)
  await untilHealthy(check, { ...quick, intervalMs: 1_000 }, never)
  expect(asked()).toBe(13)
})

test('a check that never answers is a bad answer', async () => {
  await expect(checkOnce(() => new Promise(() => {}), 5)).rejects.toThrow('did not answer within 5 ms')
})

test('an abort ends the wait', async () => {
  const stop = new AbortController()
  const waiting = untilHealthy(answers(false).check, { ...quick, startPeriodMs: 60_000 }, stop.signal)
  stop.abort(new Error('given up'))
  await expect(waiting).rejects.toThrow('given up')
})

test('a good answer between bad ones starts the count anew', async () => {
  const { check, asked } = answers(false, false, true, false, false, true, false, false, false)
  await expect(untilUnhealthy(check, quick, never)).resolves.toMatchObject({ message: 'bad answer 9' })
  expect(asked()).toBe(9)
})

test('a service that has ended is not asked again', async () => {
  const { check, asked } = answers(true)
  const ended = Promise.resolve()
  await expect(untilUnhealthy(check, { ...quick, intervalMs: 60_000 }, never, ended)).resolves.toMatchObject({
    message: 'it has ended by itself',
  })
  expect(asked()).toBe(0)
})
