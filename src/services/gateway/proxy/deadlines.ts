// Time-outs of requests to services of this process: thousands a second begin and end, so they share one timer per length. What runs out
// is found in the order in which it began.

export interface Waiting {
  /** When it began, by the same clock as `now`. */
  begun: number
  /** Nobody waits for it any more. */
  readonly over: boolean
  /** Called when the time has passed. True when it is to wait once more. */
  late(): boolean
}

interface Queue {
  readonly waiting: Set<Waiting>
  timer: NodeJS.Timeout | undefined
  /** At this size what is over is looked for. */
  sweepAt: number
}

const FIRST_SWEEP = 10_000

export class Deadlines {
  readonly #queues = new Map<number, Queue>()

  add(timeoutMs: number, waiting: Waiting): void {
    let queue = this.#queues.get(timeoutMs)
    if (!queue) {
      queue = { waiting: new Set(), timer: undefined, sweepAt: FIRST_SWEEP }
      this.#queues.set(timeoutMs, queue)
    }
    queue.waiting.add(waiting)
    if (queue.waiting.size > queue.sweepAt) sweep(queue)
    queue.timer ??= this.#timer(timeoutMs, timeoutMs)
  }

  done(timeoutMs: number, waiting: Waiting): void {
    this.#queues.get(timeoutMs)?.waiting.delete(waiting)
  }

  close(): void {
    for (const { timer } of this.#queues.values()) clearTimeout(timer)
    this.#queues.clear()
  }

  #timer(timeoutMs: number, afterMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#fire(timeoutMs), afterMs).unref()
  }

  #fire(timeoutMs: number): void {
    const queue = this.#queues.get(timeoutMs)
    if (!queue) return
    const now = performance.now()
    queue.timer = undefined
    for (const waiting of queue.waiting) {
      const left = waiting.begun + timeoutMs - now
      if (left > 0) {
        queue.timer = this.#timer(timeoutMs, Math.ceil(left))
        return
      }
      queue.waiting.delete(waiting)
      if (!waiting.late()) continue
      waiting.begun = now
      queue.waiting.add(waiting)
    }
  }
}

/** Requests whose clients left are not kept until their time has passed. */
function sweep(queue: Queue): void {
  for (const waiting of queue.waiting) if (waiting.over) queue.waiting.delete(waiting)
  queue.sweepAt = Math.max(FIRST_SWEEP, queue.waiting.size * 2)
}
