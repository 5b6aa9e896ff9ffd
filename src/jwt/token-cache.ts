// Verified tokens, bounded in number. A hit is one Map lookup and one comparison with the clock: recency is a flag that eviction reads, not a move.

interface Entry<Value> {
  readonly value: Value
  /** Milliseconds of the epoch after which the entry is no longer served. */
  readonly until: number
  used: boolean
}

/** Longer tokens are verified each time rather than kept. */
const MAX_TOKEN_LENGTH = 8_192

export class TokenCache<Value> {
  readonly #entries = new Map<string, Entry<Value>>()
  readonly #size: number
  readonly #onEvict: () => void

  constructor(size: number, onEvict: () => void = () => undefined) {
    this.#size = size
    this.#onEvict = onEvict
  }

  get size(): number {
    return this.#entries.size
  }

  get(token: string, nowMs: number): Value | undefined {
    const entry = this.#entries.get(token)
    if (entry === undefined) return undefined
    if (nowMs > entry.until) {
      this.#entries.delete(token)
      return undefined
    }
    entry.used = true
    return entry.value
  }

  set(token: string, value: Value, until: number, nowMs: number): void {
    if (this.#size === 0 || token.length > MAX_TOKEN_LENGTH) return
    if (this.#entries.size >= this.#size && !this.#entries.has(token)) this.#makeRoom(nowMs)
    this.#entries.set(token, { value, until, used: false })
  }

  clear(): void {
    this.#entries.clear()
  }

  /** Second chance: the oldest that was not used since it was last looked at goes; an expired one goes at once. */
  #makeRoom(nowMs: number): void {
    for (const [token, entry] of this.#entries) {
      this.#entries.delete(token)
      if (!entry.used || nowMs > entry.until) {
        this.#onEvict()
        return
      }
      entry.used = false
      this.#entries.set(token, entry)
    }
  }
}
