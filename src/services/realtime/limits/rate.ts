// How often something happens, as upstream measures it: sampled every five seconds into at most twelve buckets, limited by their average.

export const SAMPLE_MS = 5_000
const MAX_BUCKETS = 12

export class Rate {
  #buckets: number[] = []
  #current = 0
  #sum = 0
  #tripped = false
  #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  add(count = 1): void {
    this.#current += count
  }

  /** Per second, as of the last sample. */
  get average(): number {
    return this.#buckets.length === 0 ? 0 : this.#sum / this.#buckets.length / (SAMPLE_MS / 1_000)
  }

  /** Since a sample at which the average had reached the limit, until one at which it is below. */
  get tripped(): boolean {
    return this.#tripped
  }

  get limit(): number {
    return this.#limit
  }

  /** A changed limit begins to count anew. */
  set limit(limit: number) {
    if (limit === this.#limit) return
    this.#limit = limit
    this.#buckets = []
    this.#current = 0
    this.#sum = 0
    this.#tripped = false
  }

  sample(): void {
    this.#buckets.push(this.#current)
    this.#sum += this.#current
    this.#current = 0
    if (this.#buckets.length > MAX_BUCKETS) this.#sum -= this.#buckets.shift()!
    this.#tripped = this.average >= this.#limit
  }
}
