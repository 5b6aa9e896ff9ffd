// Uploads that failed while the database was away: cleared when it is back. What is still here when this instance ends is for housekeeping.
import type { ObjectVersion } from '../backend/backend.ts'

const RETRY_MS = 2_000
/** More are left for housekeeping after the next start. */
const LIMIT = 10_000

export class Leftovers {
  readonly #waiting = new Set<ObjectVersion>()
  readonly #clear: (of: ObjectVersion) => Promise<boolean>
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /** `clear` resolves to false where it has to be tried again. */
  constructor(clear: (of: ObjectVersion) => Promise<boolean>) {
    this.#clear = clear
  }

  add(of: ObjectVersion): void {
    if (this.#closed || this.#waiting.size >= LIMIT) return
    this.#waiting.add(of)
    this.#later()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #later(): void {
    if (this.#timer !== undefined || this.#closed || this.#waiting.size === 0) return
    this.#timer = setTimeout(() => void this.#round(), RETRY_MS)
    this.#timer.unref()
  }

  async #round(): Promise<void> {
    for (const of of this.#waiting) {
      if (this.#closed || !(await this.#clear(of))) break
      this.#waiting.delete(of)
    }
    this.#timer = undefined
    this.#later()
  }
}
