// The life of this instance, as the others see it: a number, and an advisory lock of that number that ends with its connection.
import { randomInt } from 'node:crypto'
import pg from 'pg'
import type { Logger } from '../../../log/log.ts'

/** First half of the lock's key; the second is the instance's number. */
export const INSTANCE_LOCK_CLASS = 1_886_151_026
const RETRY_MS = 1_000

export class Instance {
  readonly id = randomInt(1, 2_147_483_647)
  readonly #url: string
  readonly #log: Logger
  #client: pg.Client | undefined
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(url: string, log: Logger) {
    this.#url = url
    this.#log = log
  }

  /** Resolves when the lock is held. */
  async open(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url, application_name: 'plinth storage instance', keepAlive: true })
    let lost = false
    client.on('error', () => {
      lost = true
    })
    client.on('end', () => {
      if (this.#closed || this.#client !== client) return
      this.#client = undefined
      this.#log.warn('the connection that shows this instance alive was lost')
      this.#later()
    })
    await client.connect()
    await client.query('select pg_advisory_lock($1, $2)', [INSTANCE_LOCK_CLASS, this.id])
    if (this.#closed || lost) {
      await client.end().catch(() => undefined)
      if (lost) throw new Error('The connection to the database was lost')
      return
    }
    this.#client = client
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#retry)
    await this.#client?.end().catch(() => undefined)
  }

  #later(): void {
    this.#retry = setTimeout(() => {
      this.open().catch(() => {
        if (!this.#closed) this.#later()
      })
    }, RETRY_MS)
    this.#retry.unref()
  }
}
