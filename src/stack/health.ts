// Health checks in the words of a compose file: interval, timeout, retries, start period.
import { pause } from './backoff.ts'
import type { HealthCheck } from './description.ts'

/** While a service starts it is asked often, so that nobody waits for an interval that has not ended. */
const FIRST_INTERVAL_MS = 20
const LONGEST_START_INTERVAL_MS = 500

/** Asks once; rejects with the reason, or when `timeoutMs` have passed. */
export async function checkOnce(check: () => Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  try {
    await Promise.race([
      check(),
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`its health check did not answer within ${timeoutMs} ms`)), timeoutMs)
      }),
    ])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Resolves at the first healthy answer. Rejects with the last reason when there was none in the start period and in the `retries`
 * intervals after it, as a compose file means them; the questions in between come faster. Rejects at once when the signal aborts.
 */
export async function untilHealthy(check: () => Promise<void>, options: HealthCheck, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + options.startPeriodMs + options.retries * options.intervalMs
  let waitMs = FIRST_INTERVAL_MS
  for (;;) {
    signal.throwIfAborted()
    try {
      await checkOnce(check, options.timeoutMs)
      return
    } catch (error) {
      if (Date.now() >= deadline) throw error
    }
    await pause(Math.min(waitMs, options.intervalMs), signal)
    waitMs = Math.min(waitMs * 1.5, LONGEST_START_INTERVAL_MS)
  }
}

/** Asks at every interval until the signal aborts or `retries` answers in a row were bad; then resolves to the last reason. */
export async function untilUnhealthy(check: () => Promise<void>, options: HealthCheck, signal: AbortSignal): Promise<unknown> {
  let failures = 0
  while (await pause(options.intervalMs, signal)) {
    try {
      await checkOnce(check, options.timeoutMs)
      failures = 0
    } catch (error) {
      if (++failures >= options.retries) return error
    }
  }
  return undefined
}
