// Work of which only a few run at a time: what burns CPU, what holds a connection while somebody slow is asked. The rest waits in a
// queue with an end.
import { availableParallelism } from 'node:os'

export interface WorkQueueOptions {
  /** How many run at a time; as many as there are processors by default. */
  readonly running?: number
  /** How many wait; more are refused at once. */
  readonly waitingMax: number
  /** How long one waits before it is refused; for ever by default. */
  readonly waitMs?: number
  /** The error of one that is refused. */
  refuse(): Error
}

interface Waiting {
  start(): void
}

export class WorkQueue {
  readonly #running: number
  readonly #options: WorkQueueOptions
  #free: number
  readonly #waiting: Waiting[] = []

  constructor(options: WorkQueueOptions) {
    this.#options = options
    this.#running = options.running ?? availableParallelism()
    this.#free = this.#running
  }

  get busy(): number {
    return this.#running - this.#free + this.#waiting.length
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free--
    else await this.#turn()
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next.start()
      else this.#free++
    }
  }

  #turn(): Promise<void> {
    const { waitingMax, waitMs, refuse } = this.#options
    if (this.#waiting.length >= waitingMax) return Promise.reject(refuse())
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      const one: Waiting = {
        start: () => {
          clearTimeout(timer)
          resolve()
        },
      }
      this.#waiting.push(one)
      if (waitMs === undefined) return
      timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(one), 1)
        reject(refuse())
      }, waitMs)
    })
  }
}
