import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { answerLate } from './here.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function late(complete: boolean) {
  const req = { socket: { bytesRead: 0 }, complete }
  const res = new EventEmitter() as ServerResponse
  const answer = vi.fn()
  const { cancel } = answerLate(req as IncomingMessage, res, 1000, answer)
  return { req, res, answer, cancel }
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

test.each(['cancel', 'close'] as const)('nothing is answered after %s', (how) => {
  const { res, answer, cancel } = late(true)
  if (how === 'cancel') cancel()
  else res.emit('close')
  vi.advanceTimersByTime(5000)
  expect(answer).not.toHaveBeenCalled()
})
