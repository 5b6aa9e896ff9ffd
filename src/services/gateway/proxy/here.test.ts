import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Deadlines } from './deadlines.ts'
import { LateAnswer } from './here.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function late(complete: boolean) {
  const req = { socket: { bytesRead: 0 }, complete }
  const res = { headersSent: false, destroyed: false } as { headersSent: boolean; destroyed: boolean } & Pick<
    ServerResponse,
    'write' | 'end'
  >
  const answer = vi.fn()
  const deadlines = new Deadlines()
  const waiting = new LateAnswer(req as IncomingMessage, res as ServerResponse, performance.now(), answer)
  deadlines.add(1000, waiting)
  return { req, res, answer, done: () => deadlines.done(1000, waiting) }
}

test('a handler that writes no head in its time is answered for, once', () => {
  const { res, answer } = late(true)
  vi.advanceTimersByTime(999)
  expect(answer).not.toHaveBeenCalled()
  vi.advanceTimersByTime(5000)
  expect(answer).toHaveBeenCalledOnce()
  expect([res.write('x'), res.end('y')]).toEqual([false, res])
})

test('a body that still comes in puts it off, one that stands still does not', () => {
  const { req, answer } = late(false)
  for (let i = 0; i < 5; i++) {
    req.socket.bytesRead += 10
    vi.advanceTimersByTime(1000)
  }
  expect(answer).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1000)
  expect(answer).toHaveBeenCalledOnce()
})

test.each(['done', 'headersSent', 'destroyed'] as const)('nothing is answered after %s', (what) => {
  const waiting = late(true)
  if (what === 'done') waiting.done()
  else waiting.res[what] = true
  vi.advanceTimersByTime(5000)
  expect(waiting.answer).not.toHaveBeenCalled()
})

test('many at different moments share a timer, and each gets its own time', () => {
  const deadlines = new Deadlines()
  const ended: number[] = []
  for (const at of [0, 300, 600]) {
    const late = () => {
      ended.push(at)
      return false
    }
    deadlines.add(1000, { begun: performance.now(), over: false, late })
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(300)
  }
  expect(ended).toEqual([])
  vi.advanceTimersByTime(150)
  expect(ended).toEqual([0])
  vi.advanceTimersByTime(600)
  expect(ended).toEqual([0, 300, 600])
  deadlines.close()
  expect(vi.getTimerCount()).toBe(0)
})
