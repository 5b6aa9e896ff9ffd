// A named balancer: its targets, the way to choose among them, and what is known of their health.
import type { Healthchecks } from '../config/healthchecks.ts'
import type { ErrorName } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { type Choose, consistentHashing, leastConnections, leastLatency, roundRobin } from './choose.ts'
import { type HashSettings, hashInput } from './hash-input.ts'
import type { Limits, Peer } from './peer.ts'

export interface UpstreamSettings {
  readonly name: string
  readonly algorithm: 'round-robin' | 'least-connections' | 'consistent-hashing' | 'latency'
  readonly slots: number
  /** Host header for the targets, without a port; undefined for the target's own name. */
  readonly hostHeader: string | undefined
  readonly hash: HashSettings
  readonly checks: Healthchecks
}

export type HealthState = 'HEALTHY' | 'UNHEALTHY' | 'HEALTHCHECKS_OFF'

export class Upstream {
  readonly name: string
  readonly hostHeader: string | undefined
  readonly peers: readonly Peer[]
  readonly checks: Healthchecks
  readonly #choose: Choose
  readonly #hash: HashSettings | undefined
  readonly #limits: Limits
  readonly #good: ReadonlySet<number>
  readonly #bad: ReadonlySet<number>
  readonly #onTurn: (peer: Peer, upstream: Upstream) => void

  /** `onTurn` is told when a request turned a target's state. */
  constructor(settings: UpstreamSettings, peers: readonly Peer[], onTurn: (peer: Peer, upstream: Upstream) => void = () => {}) {
    this.name = settings.name
    this.hostHeader = settings.hostHeader
    this.peers = peers
    this.checks = settings.checks
    this.#choose = chooserOf(settings, peers)
    this.#hash = settings.algorithm === 'consistent-hashing' && settings.hash.rule.on !== 'none' ? settings.hash : undefined
    const { healthy, unhealthy } = settings.checks.passive
    this.#limits = {
      successes: healthy.successes,
      httpFailures: unhealthy.http_failures,
      tcpFailures: unhealthy.tcp_failures,
      timeouts: unhealthy.timeouts,
    }
    this.#good = new Set(healthy.http_statuses)
    this.#bad = new Set(unhealthy.http_statuses)
    this.#onTurn = onTurn
  }

  /** Undefined when too few targets are healthy, or none has any weight. */
  pick(exchange: Exchange, tried: readonly Peer[]): Peer | undefined {
    if (!this.available) return undefined
    return this.#choose(tried, this.#hash && hashInput(exchange, this.#hash))
  }

  /** Whether enough of the weight is healthy. */
  get available(): boolean {
    let [all, healthy] = [0, 0]
    for (const peer of this.peers) {
      all += peer.weight
      if (peer.healthy) healthy += peer.weight
    }
    return healthy > 0 && (healthy / all) * 100 >= this.checks.threshold
  }

  /** The service behind the target answered. */
  answered(peer: Peer, status: number, tookMs: number): void {
    peer.tookMs(tookMs, performance.now())
    if (this.#bad.has(status)) this.#report(peer, 'http')
    else if (this.#good.has(status)) this.#report(peer, 'success')
  }

  /** The request could not be brought to the target, or it did not answer. */
  failed(peer: Peer, error: ErrorName): void {
    this.#report(peer, error === 'upstreamTimeout' ? 'timeout' : 'tcp')
  }

  #report(peer: Peer, outcome: 'success' | 'http' | 'tcp' | 'timeout'): void {
    if (peer.report(outcome, this.#limits)) this.#onTurn(peer, this)
  }

  get checksActively(): boolean {
    return this.checks.active.healthy.interval > 0 || this.checks.active.unhealthy.interval > 0
  }

  stateOf(peer: Peer): HealthState {
    const { successes, httpFailures, tcpFailures, timeouts } = this.#limits
    if (!this.checksActively && successes + httpFailures + tcpFailures + timeouts === 0 && peer.healthy) return 'HEALTHCHECKS_OFF'
    return peer.healthy ? 'HEALTHY' : 'UNHEALTHY'
  }

  /** Takes over what was known of targets that are still here. */
  inherit(before: Upstream): void {
    const known = new Map(before.peers.map((peer) => [peer.name, peer]))
    for (const peer of this.peers) {
      const same = known.get(peer.name)
      if (same) peer.inherit(same)
    }
  }
}

function chooserOf({ algorithm, slots }: UpstreamSettings, peers: readonly Peer[]): Choose {
  switch (algorithm) {
    case 'least-connections':
      return leastConnections(peers)
    case 'consistent-hashing':
      return consistentHashing(peers, slots)
    case 'latency':
      return leastLatency(peers)
    default:
      return roundRobin(peers)
  }
}
