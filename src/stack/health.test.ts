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
  await untilHealthy(check, quick, never)
  expect(asked()).toBe(3)
})

test('as many bad answers in a row as there are retries end it with the last reason', async () => {
  await expect(untilHealthy(answers(false).check, quick, never)).rejects.toThrow('bad answer 3')
})

test('bad answers in the start period do not count', async () => {
  const { check, asked } = answers(false, false, false, false, false, true)
  await untilHealthy(check, { ...quick, startPeriodMs: 60_000 }, never)
  expect(asked()).toBe(6)
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
