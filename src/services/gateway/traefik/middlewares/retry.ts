// Asks again when nothing has reached a server, or for listed statuses. Upstream: `retry`.
import { z } from 'zod'
import type { HeaderTable } from '../../header-table.ts'
import { type Answer, PassingAnswer } from '../answer.ts'
import { duration, flag, texts, whole } from '../config/types.ts'
import type { Flight } from '../flight.ts'
import { statusRanges } from '../go-http.ts'
import { readBody, TOO_LARGE } from '../request-body.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'

const DEFAULT_BODY_BYTES = 2 * 1024 * 1024
const ONCE = new Set(['POST', 'PATCH', 'LOCK'])

export const retry = defineMiddleware({
  name: 'retry',
  config: z.object({
    attempts: whole.default(0),
    timeout: duration.default(0),
    initialInterval: duration.default(0),
    maxRequestBodyBytes: whole.default(DEFAULT_BODY_BYTES),
    status: texts.default([]),
    disableRetryOnNetworkError: flag.default(false),
    retryNonIdempotentMethod: flag.default(false),
  }),
  build(config) {
    const { attempts, status, disableRetryOnNetworkError, maxRequestBodyBytes } = config
    if (status.length === 0 && disableRetryOnNetworkError)
      throw new MiddlewareError('retry middleware requires at least HTTP status codes or retry on TCP')
    if (attempts <= 0) throw new MiddlewareError(`incorrect (or empty) value for attempt (${attempts})`)
    let listed: ((status: number) => boolean) | undefined
    try {
      listed = status.length > 0 ? statusRanges(status) : undefined
    } catch (error) {
      throw new MiddlewareError(`creating HTTP code ranges: ${(error as Error).message}`)
    }
    if (attempts === 1) return (next) => next
    return (next) => async (flight, answer) => {
      const started = performance.now()
      let statuses = config.retryNonIdempotentMethod || !ONCE.has(flight.method) ? listed : undefined
      if (statuses && flight.hasBody) {
        const body = await readBody(flight, maxRequestBodyBytes < 0 ? Number.POSITIVE_INFINITY : maxRequestBodyBytes)
        if (body === TOO_LARGE) statuses = undefined
      }
      const before = snapshot(flight)
      for (let attempt = 1; ; attempt++) {
        if (attempt === attempts || flight.upgrade) return next(flight, answer)
        const again = await new Promise<boolean>((resolve, reject) => {
          const timedOut = () => config.timeout > 0 && performance.now() - started >= config.timeout
          const trial = new Trial(answer, (code) => {
            if (timedOut()) return false
            if (!disableRetryOnNetworkError && flight.notes.notSent) return true
            return statuses?.(code) ?? false
          })
          trial.over.then(resolve)
          Promise.resolve(next(flight, trial)).catch(reject)
        })
        if (!again || answer.closed) return
        before.restore()
        flight.notes.retries++
        const pause = config.initialInterval * 2 ** ((attempt - 1) / Math.max(attempts - 1, 1))
        if (pause > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(pause, config.initialInterval * 2)))
      }
    }
  },
})

/** What inner middlewares change is changed anew on each try. */
function snapshot(flight: Flight): { restore(): void } {
  const { path, query, host, method } = flight
  const headers = flight.headers.copy()
  return {
    restore: () => {
      Object.assign(flight, { path, query, host, method, headers: headers.copy() })
    },
  }
}

/** An answer that is dropped when it is to be tried again. */
class Trial extends PassingAnswer {
  readonly over: Promise<boolean>
  readonly #again: (status: number) => boolean
  #settle!: (again: boolean) => void
  #dropped = false
  constructor(next: Answer, again: (status: number) => boolean) {
    super(next)
    this.#again = again
    this.over = new Promise((resolve) => {
      this.#settle = resolve
    })
    next.onClose(() => this.#settle(false))
  }
  override head(status: number, headers: HeaderTable): void {
    this.#dropped = status !== 101 && this.#again(status)
    if (this.#dropped) return
    this.#settle(false)
    this.next.head(status, headers)
  }
  override write(chunk: Buffer): boolean {
    return this.#dropped ? true : this.next.write(chunk)
  }
  override end(trailers?: readonly [string, string][]): void {
    if (this.#dropped) this.#settle(true)
    else this.next.end(trailers)
  }
  override abort(): void {
    if (this.#dropped) this.#settle(true)
    else this.next.abort()
  }
  override get begun(): boolean {
    return this.#dropped || this.next.begun
  }
}
