import { expect, test } from 'vitest'
import { WorkQueue } from './work-queue.ts'

const full = () => new Error('full')

test('the queue runs a few at a time, in order, and refuses when it is full', async () => {
  const queue = new WorkQueue({ waitingMax: 1, refuse: full, running: 1 })
  let finish = () => {}
  const first = queue.run(() => new Promise<string>((resolve) => (finish = () => resolve('first'))))
  const second = queue.run(async () => 'second')
  await expect(queue.run(async () => 'third')).rejects.toThrow('full')
  finish()
  expect(await Promise.all([first, second])).toEqual(['first', 'second'])
  expect(queue.busy).toBe(0)
  await expect(queue.run(() => Promise.reject(new Error('own')))).rejects.toThrow('own')
  expect(queue.busy).toBe(0)
})

test('who has waited long enough is refused, and its work is never done', async () => {
  const queue = new WorkQueue({ waitingMax: 5, waitMs: 1, refuse: full, running: 1 })
  let finish = () => {}
  const first = queue.run(() => new Promise<void>((resolve) => (finish = resolve)))
  let done = 0
  await expect(queue.run(async () => done++)).rejects.toThrow('full')
  finish()
  await first
  expect([done, queue.busy]).toEqual([0, 0])
  expect(await queue.run(async () => 'next')).toBe('next')
})
