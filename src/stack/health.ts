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
  // Not the clock of the wall, which may be set while we wait.
  const deadline = performance.now() + options.startPeriodMs + options.retries * options.intervalMs
  let waitMs = FIRST_INTERVAL_MS
  for (;;) {
    signal.throwIfAborted()
    try {
      await checkOnce(check, options.timeoutMs)
      return
    } catch (error) {
      if (performance.now() >= deadline) throw error
    }
    await pause(Math.min(waitMs, options.intervalMs), signal)
    waitMs = Math.min(waitMs * 1.5, LONGEST_START_INTERVAL_MS)
  }
}

/**
 * Asks at every interval until the signal aborts, `retries` answers in a row were bad, or `ended` resolves. Resolves to the last reason;
 * to nothing when the signal aborted.
 */
export async function untilUnhealthy(
  check: () => Promise<void>,
  options: HealthCheck,
  signal: AbortSignal,
  ended: Promise<void> = new Promise(() => {}),
): Promise<unknown> {
  const over = new AbortController()
  void ended.then(() => over.abort())
  const until = AbortSignal.any([signal, over.signal])
  let failures = 0
  while (await pause(options.intervalMs, until)) {
    try {
      await checkOnce(check, options.timeoutMs)
      failures = 0
    } catch (error) {
      if (++failures >= options.retries) return error
    }
  }
  return signal.aborted ? undefined : new Error('it has ended by itself')
}
