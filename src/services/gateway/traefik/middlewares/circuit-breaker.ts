// Stops asking a service that fails, and begins again little by little. Upstream: `circuitBreaker` (vulcand/oxy cbreaker).
import { z } from 'zod'
import type { HeaderTable } from '../../header-table.ts'
import { type Answer, PassingAnswer } from '../answer.ts'
import { duration, whole } from '../config/types.ts'
import { bareStatus } from '../go-http.ts'
import { type Calls, compileCondition, ExpressionError } from './expression.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'

const CALLS = new Map([
  ['NetworkErrorRatio', 0],
  ['ResponseCodeRatio', 4],
  ['LatencyAtQuantileMS', 1],
])
// What is remembered of answers: so many seconds, and so many times of answers.
const WINDOW_SECONDS = 10
const MAX_LATENCIES = 1_000

export const circuitBreaker = defineMiddleware({
  name: 'circuitBreaker',
  config: z.object({
    expression: z.string().default(''),
    checkPeriod: duration.default(100),
    fallbackDuration: duration.default(10_000),
    recoveryDuration: duration.default(10_000),
    responseCode: whole.default(503),
  }),
  build({ expression, checkPeriod, fallbackDuration, recoveryDuration, responseCode }) {
    let tripped: (calls: Calls) => boolean
    try {
      tripped = compileCondition(expression, CALLS)
    } catch (error) {
      if (error instanceof ExpressionError) throw new MiddlewareError(error.message)
      throw error
    }
    const record = new Record()
    let state: 'standby' | 'tripped' | 'recovering' = 'standby'
    let until = 0
    let recoveryBegan = 0
    let nextCheck = 0
    let allowed = 0
    let denied = 0
    /** Whether a request goes on. */
    const admits = (now: number): boolean => {
      if (state === 'standby') return true
      if (state === 'tripped') {
        if (now < until) return false
        state = 'recovering'
        recoveryBegan = now
        until = now + recoveryDuration
        allowed = denied = 0
      }
      if (now > until) {
        state = 'standby'
        return true
      }
      // The share that may pass grows to a half during the recovery.
      const share = (0.5 * (now - recoveryBegan)) / Math.max(recoveryDuration, 1)
      const passes = (allowed + 1) / (allowed + denied + 1) < share
      if (passes) allowed++
      else denied++
      return passes
    }
    const noted = (status: number, ms: number) => {
      const now = performance.now()
      record.add(status, ms, now)
      if (now < nextCheck) return
      nextCheck = now + checkPeriod
      if (state === 'tripped' || !tripped(record.calls(now))) return
      state = 'tripped'
      until = now + fallbackDuration
      record.clear()
    }
    return (next) => (flight, answer) => {
      const started = performance.now()
      if (!admits(started)) {
        bareStatus(answer, responseCode)
        return
      }
      return next(flight, new Measured(answer, (status) => noted(status, performance.now() - started)))
    }
  },
})

class Measured extends PassingAnswer {
  readonly #noted: (status: number) => void
  #status = 0
  constructor(next: Answer, noted: (status: number) => void) {
    super(next)
    this.#noted = noted
  }
  override head(status: number, headers: HeaderTable): void {
    this.#status = status
    // A tunnel has no end that would say anything about the service.
    if (status === 101) this.#noted(status)
    this.next.head(status, headers)
  }
  override end(trailers?: readonly [string, string][]): void {
    this.#noted(this.#status)
    this.next.end(trailers)
  }
  override abort(): void {
    this.#noted(this.#status || 502)
    this.next.abort()
  }
}

interface Second {
  readonly second: number
  readonly statuses: Map<number, number>
}

/** What was answered within the last seconds. */
class Record {
  #seconds: Second[] = []
  #latencies: number[] = []

  add(status: number, ms: number, now: number): void {
    const second = Math.floor(now / 1000)
    let last = this.#seconds.at(-1)
    if (last?.second !== second) {
      last = { second, statuses: new Map() }
      this.#seconds.push(last)
      if (this.#seconds.length > WINDOW_SECONDS) this.#seconds.shift()
    }
    last.statuses.set(status, (last.statuses.get(status) ?? 0) + 1)
    this.#latencies.push(ms)
    if (this.#latencies.length > MAX_LATENCIES) this.#latencies.shift()
  }

  clear(): void {
    this.#seconds = []
    this.#latencies = []
  }

  calls(now: number): Calls {
    const since = Math.floor(now / 1000) - WINDOW_SECONDS
    const count = (within: (status: number) => boolean) => {
      let sum = 0
      for (const { second, statuses } of this.#seconds)
        if (second > since) for (const [status, times] of statuses) if (within(status)) sum += times
      return sum
    }
    const ratio = (part: number, whole: number) => (whole === 0 ? 0 : part / whole)
    return new Map<string, (...args: number[]) => number>([
      [
        'NetworkErrorRatio',
        () =>
          ratio(
            count((status) => status === 502 || status === 504),
            count(() => true),
          ),
      ],
      [
        'ResponseCodeRatio',
        (from = 0, to = 0, ofFrom = 0, ofTo = 0) =>
          ratio(
            count((status) => status >= from && status < to),
            count((status) => status >= ofFrom && status < ofTo),
          ),
      ],
      [
        'LatencyAtQuantileMS',
        (quantile = 50) => {
          if (this.#latencies.length === 0) return 0
          const sorted = this.#latencies.toSorted((a, b) => a - b)
          return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((quantile / 100) * sorted.length) - 1))]!
        },
      ],
    ])
  }
}
