// Whatever a start has opened, to be closed in reverse order: also when the start failed half way.

export class UndoList implements AsyncDisposable {
  #steps: (() => void | Promise<void>)[] = []

  defer(step: () => void | Promise<void>): void {
    this.#steps.push(step)
  }

  /** Every step runs, also after one that failed; the first failure is thrown at the end. */
  async undo(): Promise<void> {
    const steps = this.#steps.reverse()
    this.#steps = []
    let failure: { error: unknown } | undefined
    for (const step of steps) {
      try {
        await step()
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure) throw failure.error
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.undo()
  }
}
