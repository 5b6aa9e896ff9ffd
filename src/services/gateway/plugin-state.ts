// What plugins keep beyond one configuration: counters, caches, connections, queues. One of each kind per gateway; a reload finds it
// again, and the gateway's end closes it.

/** What has something to give back at the end. */
export interface Kept {
  close?(): void | Promise<void>
}

export class PluginState {
  readonly #kept = new Map<new () => object, object>()

  /** The one instance of a class; made when it is first asked for. */
  of<T extends object>(kind: new () => T): T {
    const found = this.#kept.get(kind)
    if (found) return found as T
    const made = new kind()
    this.#kept.set(kind, made)
    return made
  }

  async close(): Promise<void> {
    const all = [...this.#kept.values()].reverse()
    this.#kept.clear()
    await Promise.all(all.map((kept) => (kept as Kept).close?.()))
  }
}
