// Picks the target of a named upstream: a smooth weighted round, so that over n requests each gets its share.

export interface BalancerTarget {
  readonly host: string
  readonly port: number
  readonly weight: number
}

export class Balancer {
  readonly name: string
  /** Host header for the targets, without a port; undefined for the target's own name. */
  readonly hostHeader: string | undefined
  readonly #targets: readonly { readonly target: BalancerTarget; credit: number }[]
  readonly #total: number

  constructor(name: string, targets: readonly BalancerTarget[], hostHeader?: string) {
    this.name = name
    this.hostHeader = hostHeader
    this.#targets = targets.filter(({ weight }) => weight > 0).map((target) => ({ target, credit: 0 }))
    this.#total = this.#targets.reduce((sum, { target }) => sum + target.weight, 0)
  }

  /** Undefined when no target has any weight. */
  next(): BalancerTarget | undefined {
    let best: { readonly target: BalancerTarget; credit: number } | undefined
    for (const candidate of this.#targets) {
      candidate.credit += candidate.target.weight
      if (!best || candidate.credit > best.credit) best = candidate
    }
    if (!best) return undefined
    best.credit -= this.#total
    return best.target
  }
}
