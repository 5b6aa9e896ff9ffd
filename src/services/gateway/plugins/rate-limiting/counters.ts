// Counts of requests per window: in this process, or in Redis for all instances together.
import type { Kept } from '../../plugin-state.ts'
import type { Period } from './windows.ts'

export interface Count {
  /** Says whose count it is: route, service and who is limited. */
  readonly key: string
  readonly period: Period
  readonly start: number
  readonly end: number
  readonly limit: number
}

export interface Counters {
  /**
   * Counts `by` more in every window unless one of them is used up already. What each had before, in the same order. Deciding and
   * counting are one step: requests at the same moment cannot all take the last place.
   */
  take(counts: readonly Count[], by: number): number[] | Promise<number[]>
  /** What each has now. */
  read(counts: readonly Count[]): number[] | Promise<number[]>
  /** Counts more, whatever the limits. */
  add(counts: readonly Count[], by: number): void | Promise<void>
}

/** So many windows are kept; beyond, those that end first go. */
const MAX_WINDOWS = 200_000

/** One set for all plugins of a gateway: the keys tell them apart. */
export class LocalCounters implements Counters, Kept {
  readonly #windows = new Map<string, { count: number; readonly end: number }>()

  take(counts: readonly Count[], by: number): number[] {
    const windows = counts.map((count) => this.#window(count))
    const before = windows.map(({ count }) => count)
    if (counts.every(({ limit }, i) => before[i]! < limit)) for (const window of windows) window.count += by
    return before
  }

  read(counts: readonly Count[]): number[] {
    return counts.map((count) => this.#window(count).count)
  }

  add(counts: readonly Count[], by: number): void {
    for (const count of counts) this.#window(count).count += by
  }

  close(): void {
    this.#windows.clear()
  }

  #window({ key, period, start, end }: Count): { count: number; readonly end: number } {
    const name = `${key}:${start}:${period}`
    const found = this.#windows.get(name)
    if (found) return found
    if (this.#windows.size >= MAX_WINDOWS) this.#makeRoom()
    const made = { count: 0, end }
    this.#windows.set(name, made)
    return made
  }

  #makeRoom(): void {
    const now = Date.now()
    for (const [name, { end }] of this.#windows) if (end <= now) this.#windows.delete(name)
    if (this.#windows.size < MAX_WINDOWS) return
    // Nothing has ended: the oldest tenth goes, shortest windows among them first as they were made last.
    let left = MAX_WINDOWS / 10
    for (const name of this.#windows.keys()) {
      if (left-- <= 0) break
      this.#windows.delete(name)
    }
  }
}
