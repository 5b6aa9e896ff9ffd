// Work that burns CPU runs on the thread pool, a few at a time, and waits in a queue with an end.
import { availableParallelism } from 'node:os'

export class WorkQueue {
  readonly #running: number
  readonly #waitingMax: number
  readonly #refuse: () => Error
  #free: number
  readonly #waiting: (() => void)[] = []

  /** `refuse` makes the error of a request that finds the queue full. */
  constructor(waitingMax: number, refuse: () => Error, running = availableParallelism()) {
    this.#running = running
    this.#free = running
    this.#waitingMax = waitingMax
    this.#refuse = refuse
  }

  get busy(): number {
    return this.#running - this.#free + this.#waiting.length
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free--
    else {
      if (this.#waiting.length >= this.#waitingMax) throw this.#refuse()
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}
