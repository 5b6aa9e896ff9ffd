// One target of an upstream: its share, what it is doing now, and whether it is taken for healthy. Reference: lua-resty-healthcheck.

/** What turns a target's state; 0 is a check that is off. */
export interface Limits {
  readonly successes: number
  readonly httpFailures: number
  readonly tcpFailures: number
  readonly timeouts: number
}

export type Outcome = 'success' | 'http' | 'tcp' | 'timeout'

/** Latencies weigh half as much after this time. */
const DECAY_MS = 10_000

export class Peer {
  readonly host: string
  readonly port: number
  readonly weight: number
  /** Requests that it has now. */
  open = 0
  #healthy = true
  #counts = { success: 0, http: 0, tcp: 0, timeout: 0 }
  #latencyMs = 0
  #measuredAt = 0

  constructor(host: string, port: number, weight: number) {
    this.host = host
    this.port = port
    this.weight = weight
  }

  get name(): string {
    return `${this.host}:${this.port}`
  }

  get healthy(): boolean {
    return this.#healthy
  }

  set healthy(healthy: boolean) {
    this.#healthy = healthy
    this.#counts = { success: 0, http: 0, tcp: 0, timeout: 0 }
  }

  /** Counts what became of a request or a check. True when that turned the state. */
  report(outcome: Outcome, limits: Limits): boolean {
    const limit = { success: limits.successes, http: limits.httpFailures, tcp: limits.tcpFailures, timeout: limits.timeouts }[outcome]
    if (limit === 0) return false
    const good = outcome === 'success'
    // What agrees with the state only takes back what spoke against it.
    if (good === this.#healthy) {
      if (good) this.#counts = { success: 0, http: 0, tcp: 0, timeout: 0 }
      else this.#counts.success = 0
      return false
    }
    this.#counts[outcome]++
    if (this.#counts[outcome] < limit) return false
    this.healthy = good
    return true
  }

  /** The state of a target of the same name in the configuration before. */
  inherit(before: Peer): void {
    this.#healthy = before.#healthy
    this.#counts = before.#counts
    this.#latencyMs = before.#latencyMs
    this.#measuredAt = before.#measuredAt
  }

  tookMs(ms: number, now: number): void {
    const kept = Math.exp(-Math.max(0, now - this.#measuredAt) / DECAY_MS)
    this.#latencyMs = this.#latencyMs * kept + ms * (1 - kept)
    this.#measuredAt = now
  }

  get latencyMs(): number {
    return this.#latencyMs
  }
}
