// Entries on their way to somewhere slower than the requests they tell of: gathered, sent in batches, tried again, and dropped, counted,
// when there are too many. Nobody waits for it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../../log/log.ts'

export interface BatchSettings {
  readonly batchSize: number
  /** How long a batch that is not full waits for more. */
  readonly delayMs: number
  readonly retries: number
  readonly maxEntries: number
}

const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 10_000
/** At the end of the gateway what is left gets this long. */
const LAST_CHANCE_MS = 1_000

export class BatchQueue {
  readonly #send: (batch: readonly string[], signal: AbortSignal) => Promise<void>
  readonly #settings: BatchSettings
  readonly #log: Logger
  readonly #where: string
  readonly #ended = new AbortController()
  #entries: string[] = []
  #dropped = 0
  #running: Promise<void> | undefined
  #delay: NodeJS.Timeout | undefined
  #closing = false

  constructor(where: string, settings: BatchSettings, log: Logger, send: (batch: readonly string[], signal: AbortSignal) => Promise<void>) {
    this.#where = where
    this.#settings = settings
    this.#log = log
    this.#send = send
  }

  add(entry: string): void {
    if (this.#closing) return
    if (this.#entries.length >= this.#settings.maxEntries) {
      this.#entries.shift()
      this.#dropped++
    }
    this.#entries.push(entry)
    if (this.#running) return
    if (this.#entries.length >= this.#settings.batchSize) this.#run()
    else this.#delay ??= setTimeout(() => this.#run(), this.#settings.delayMs).unref()
  }

  async close(): Promise<void> {
    this.#closing = true
    const late = setTimeout(() => this.#ended.abort(), LAST_CHANCE_MS)
    this.#run()
    await this.#running
    clearTimeout(late)
  }

  #run(): void {
    clearTimeout(this.#delay)
    this.#delay = undefined
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined
    })
  }

  async #drain(): Promise<void> {
    while (this.#entries.length > 0 && !this.#ended.signal.aborted) {
      const batch = this.#entries.splice(0, this.#settings.batchSize)
      await this.#deliver(batch)
      if (this.#dropped > 0) {
        this.#log.warn({ where: this.#where, dropped: this.#dropped }, 'log entries were dropped: their receiver is too slow')
        this.#dropped = 0
      }
    }
  }

  async #deliver(batch: readonly string[]): Promise<void> {
    const { retries } = this.#settings
    for (let tries = 0; ; tries++) {
      try {
        await this.#send(batch, this.#ended.signal)
        return
      } catch (error) {
        if (tries < retries && !this.#closing) {
          await pause(Math.min(FIRST_PAUSE_MS * 2 ** tries, MAX_PAUSE_MS), this.#ended.signal)
          continue
        }
        this.#log.error({ err: error, where: this.#where, entries: batch.length }, 'log entries could not be delivered')
        return
      }
    }
  }
}

/** Ends early, without complaint, when the gateway does. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined)
}
