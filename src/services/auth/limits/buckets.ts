// Counters against too much of a good thing, in this process: token buckets by client, and windows or a bucket for the whole instance.

/** Refills steadily up to its burst. */
export class TokenBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #at: number

  constructor(perMs: number, burst: number, nowMs: number) {
    this.#perMs = perMs
    this.#burst = burst
    this.#tokens = burst
    this.#at = nowMs
  }

  take(nowMs: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, nowMs - this.#at) * this.#perMs)
    this.#at = nowMs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Nobody would see a difference if this bucket were a new one. */
  isFull(nowMs: number): boolean {
    return this.#tokens + (nowMs - this.#at) * this.#perMs >= this.#burst
  }
}

// A client that sends ever new keys costs this many small objects, no more.
const MAX_CLIENTS = 50_000
const ROOM = 1_000

/** A bucket per client. */
export class ClientBuckets {
  readonly #perMs: number
  readonly #burst: number
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(events: number, overMs: number, burst: number) {
    this.#perMs = events / overMs
    this.#burst = burst
  }

  get size(): number {
    return this.#buckets.size
  }

  take(client: string, nowMs = Date.now()): boolean {
    let bucket = this.#buckets.get(client)
    if (!bucket) {
      if (this.#buckets.size >= MAX_CLIENTS) this.#makeRoom(nowMs)
      bucket = new TokenBucket(this.#perMs, this.#burst, nowMs)
      this.#buckets.set(client, bucket)
    }
    return bucket.take(nowMs)
  }

  /** The oldest go, a share at a time, so that a flood of new keys does not pay for a search each. Half of them are spared while they still limit. */
  #makeRoom(nowMs: number): void {
    let looked = 0
    for (const [client, bucket] of this.#buckets) {
      if (++looked > ROOM) break
      this.#buckets.delete(client)
      if (!bucket.isFull(nowMs) && looked > ROOM / 2) this.#buckets.set(client, bucket)
    }
  }
}

/** So many per window, and then none until the next one. */
export class Window {
  readonly #events: number
  readonly #lengthMs: number
  #count = 0
  #end = 0

  constructor(events: number, lengthMs: number) {
    this.#events = events
    this.#lengthMs = lengthMs
  }

  take(nowMs: number): boolean {
    if (nowMs >= this.#end) {
      this.#count = 0
      this.#end = nowMs + this.#lengthMs
    }
    if (this.#count + 1 > this.#events) return false
    this.#count++
    return true
  }
}
