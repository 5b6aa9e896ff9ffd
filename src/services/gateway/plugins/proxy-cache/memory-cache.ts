// Answers kept in memory, within a bound on their size; what was used longest ago goes first.
import type { Kept } from '../../plugin-state.ts'

export interface CachedAnswer {
  readonly status: number
  /** Name, value, name, value. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  /** Milliseconds since 1970. */
  readonly storedAt: number
  /** Seconds for which it is fresh. */
  readonly ttl: number
}

/** What Kong's own dictionary holds. */
const MAX_BYTES = 128 * 1024 * 1024

export class MemoryCache implements Kept {
  readonly #entries = new Map<string, { readonly answer: CachedAnswer; readonly bytes: number; readonly goneAt: number }>()
  #bytes = 0

  get(key: string): CachedAnswer | undefined {
    const found = this.#entries.get(key)
    if (!found) return undefined
    if (found.goneAt <= Date.now()) {
      this.#drop(key)
      return undefined
    }
    this.#entries.delete(key)
    this.#entries.set(key, found)
    return found.answer
  }

  /** `keepSeconds`: how long it is kept, fresh or not. */
  put(key: string, answer: CachedAnswer, keepSeconds: number): void {
    this.#drop(key)
    const bytes = answer.body.length + answer.headers.reduce((sum, [name, value]) => sum + name.length + value.length, 512)
    if (bytes > MAX_BYTES) return
    this.#entries.set(key, { answer, bytes, goneAt: Date.now() + keepSeconds * 1000 })
    this.#bytes += bytes
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= MAX_BYTES) break
      this.#drop(oldest)
    }
  }

  close(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  #drop(key: string): void {
    const found = this.#entries.get(key)
    if (!found) return
    this.#entries.delete(key)
    this.#bytes -= found.bytes
  }
}
