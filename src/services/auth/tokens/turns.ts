// Takes turns by key within this process: those who would only find each other's row locked wait here, where waiting costs no connection.

export class Turns {
  readonly #last = new Map<string, Promise<void>>()

  get waiting(): number {
    return this.#last.size
  }

  /** Runs `work` when all earlier work of this key has ended, in whatever way. */
  async take<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(key)
    let end = (): void => undefined
    const mine = new Promise<void>((resolve) => {
      end = resolve
    })
    const done = before ? before.then(() => mine) : mine
    this.#last.set(key, done)
    try {
      await before
      return await work()
    } finally {
      end()
      if (this.#last.get(key) === done) this.#last.delete(key)
    }
  }
}
