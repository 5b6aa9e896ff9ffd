// How long to wait before the next try: doubling from half a second to half a minute, with some spread so that many do not try at once.

const FIRST_MS = 500
const LONGEST_MS = 30_000

/** Milliseconds before try number `attempt` (0 is the first repetition). */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16))
  return Math.round(full * (0.75 + random() * 0.5))
}

/** Resolves after `ms`, or at once when the signal aborts; says whether the time was waited out. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false)
    const end = (whole: boolean) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cut)
      resolve(whole)
    }
    const cut = () => end(false)
    const timer = setTimeout(() => end(true), ms)
    signal.addEventListener('abort', cut, { once: true })
  })
}
