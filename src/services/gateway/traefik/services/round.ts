// Whose turn it is: a smooth weighted round over those that can be asked.

export interface Turn<Value> {
  readonly value: Value
  readonly weight: number
  readonly available: () => boolean
}

export class Round<Value> {
  readonly #turns: readonly (Turn<Value> & { credit: number })[]

  constructor(turns: readonly Turn<Value>[]) {
    this.#turns = turns.filter(({ weight }) => weight > 0).map((turn) => ({ ...turn, credit: 0 }))
  }

  /** Undefined when none can be asked. */
  next(): Value | undefined {
    let best: (Turn<Value> & { credit: number }) | undefined
    let total = 0
    for (const turn of this.#turns) {
      if (!turn.available()) continue
      total += turn.weight
      turn.credit += turn.weight
      if (!best || turn.credit > best.credit) best = turn
    }
    if (!best) return undefined
    best.credit -= total
    return best.value
  }

  get available(): boolean {
    return this.#turns.some((turn) => turn.available())
  }
}
