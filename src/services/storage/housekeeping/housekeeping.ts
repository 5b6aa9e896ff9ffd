// What a running service does beside its requests: at its start and every few minutes it clears up after those that did not end well.
import type { Logger } from '../../../log/log.ts'
import type { Backend } from '../backend/backend.ts'
import { withConnection } from './connection.ts'
import { sweepLeftovers } from './leftovers.ts'
import { settleIntents } from './settle.ts'

export interface Chore {
  readonly name: string
  /** Returns how many things were cleared away. */
  run(signal: AbortSignal): Promise<number>
}

export interface HousekeepingOptions {
  /** Of the database itself: a pooler cannot hold transactions open. */
  readonly url: string
  readonly backend: Backend
  readonly log: Logger
  /** Life of a resumable upload: what it has left in the backend is not touched before. */
  readonly uploadExpiryMs: number
  readonly chores?: readonly Chore[]
}

const EVERY_MS = 5 * 60_000
/** No upload that is still under way leaves its bytes alone for so long. */
const ABANDONED_MS = 24 * 3_600_000

export class Housekeeping {
  readonly #log: Logger
  readonly #chores: readonly Chore[]
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()

  constructor({ url, backend, log, uploadExpiryMs, chores = [] }: HousekeepingOptions) {
    this.#log = log
    const age = Math.max(ABANDONED_MS, 2 * uploadExpiryMs)
    this.#chores = [
      { name: 'intents', run: (signal) => withConnection(url, (client) => settleIntents(client, backend, signal)) },
      {
        name: 'leftovers',
        run: (signal) => withConnection(url, (client) => sweepLeftovers(client, backend, new Date(Date.now() - age), signal)),
      },
      ...chores,
    ]
  }

  /** Begins the first pass and returns; a service serves meanwhile. */
  start(): void {
    this.#running = this.pass().finally(() => {
      if (this.#stop.signal.aborted) return
      this.#timer = setTimeout(() => this.start(), EVERY_MS)
      this.#timer.unref()
    })
  }

  /** Never rejects: what fails now is tried again by the next pass. */
  async pass(): Promise<void> {
    const { signal } = this.#stop
    for (const { name, run } of this.#chores) {
      if (signal.aborted) return
      try {
        const cleared = await run(signal)
        if (cleared > 0) this.#log.info({ chore: name, cleared }, 'cleared up after what did not end well')
      } catch (error) {
        if (!signal.aborted) this.#log.warn({ err: error, chore: name }, 'housekeeping has to be tried again')
      }
    }
  }

  async close(): Promise<void> {
    this.#stop.abort()
    clearTimeout(this.#timer)
    await this.#running
  }
}
