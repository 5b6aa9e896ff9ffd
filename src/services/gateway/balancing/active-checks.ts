// Asks targets whether they are well: each upstream's healthy and unhealthy ones at their own pace, a few at a time.
import { connect as connectTcp } from 'node:net'
import { Agent, request } from 'undici'
import type { Logger } from '../../../log/log.ts'
import { authorityOf } from '../forwarded.ts'
import type { Limits, Outcome, Peer } from './peer.ts'
import type { Upstream } from './upstream.ts'

/** Where a target really is: an address, a handler of this process (well as long as it is there), or nowhere. */
export type Whereabouts = { readonly host: string; readonly port: number } | 'here' | 'nowhere'

export class ActiveChecks {
  readonly #log: Logger
  readonly #whereabouts: (peer: Peer) => Whereabouts
  readonly #timers: NodeJS.Timeout[] = []
  readonly #ended = new AbortController()

  constructor(log: Logger, whereabouts: (peer: Peer) => Whereabouts) {
    this.#log = log
    this.#whereabouts = whereabouts
  }

  start(upstreams: Iterable<Upstream>): void {
    for (const upstream of upstreams) {
      if (!upstream.checksActively) continue
      const { healthy, unhealthy } = upstream.checks.active
      this.#every(healthy.interval, () => this.#round(upstream, true))
      this.#every(unhealthy.interval, () => this.#round(upstream, false))
    }
  }

  stop(): void {
    this.#ended.abort()
    for (const timer of this.#timers) clearInterval(timer)
  }

  #every(seconds: number, round: () => Promise<void>): void {
    if (seconds === 0) return
    let running = false
    const timer = setInterval(() => {
      // A round that takes longer than its interval is not run twice at once.
      if (running) return
      running = true
      round().finally(() => {
        running = false
      })
    }, seconds * 1000)
    timer.unref()
    this.#timers.push(timer)
  }

  async #round(upstream: Upstream, healthy: boolean): Promise<void> {
    const waiting = upstream.peers.filter((peer) => peer.healthy === healthy && peer.weight > 0)
    const worker = async () => {
      for (let peer = waiting.shift(); peer; peer = waiting.shift()) await this.#check(upstream, peer)
    }
    await Promise.all(Array.from({ length: Math.min(upstream.checks.active.concurrency, waiting.length) }, worker))
  }

  async #check(upstream: Upstream, peer: Peer): Promise<void> {
    const { healthy, unhealthy } = upstream.checks.active
    const limits: Limits = {
      successes: healthy.successes,
      httpFailures: unhealthy.http_failures,
      tcpFailures: unhealthy.tcp_failures,
      timeouts: unhealthy.timeouts,
    }
    const outcome = await this.#ask(upstream, peer)
    if (outcome === undefined || this.#ended.signal.aborted) return
    if (peer.report(outcome, limits))
      this.#log.warn({ upstream: upstream.name, target: peer.name, healthy: peer.healthy }, 'a target changed its health')
  }

  async #ask(upstream: Upstream, peer: Peer): Promise<Outcome | undefined> {
    const at = this.#whereabouts(peer)
    if (at === 'here') return 'success'
    if (at === 'nowhere') return 'tcp'
    const { active } = upstream.checks
    const timeoutMs = Math.max(1, active.timeout * 1000)
    const late = AbortSignal.timeout(timeoutMs)
    const signal = AbortSignal.any([late, this.#ended.signal])
    try {
      if (active.type === 'tcp') {
        await opens(at, signal)
        return 'success'
      }
      const scheme = active.type === 'https' ? 'https' : 'http'
      const name = upstream.hostHeader ?? peer.host
      // A connection of its own: whether one can be opened is part of the question.
      const agent = new Agent({
        connections: 1,
        pipelining: 0,
        connect: {
          timeout: timeoutMs,
          rejectUnauthorized: active.https_verify_certificate,
          ...(scheme === 'https' ? { servername: active.https_sni ?? name } : {}),
        },
      })
      try {
        const answer = await request(`${scheme}://${at.host}:${at.port}${active.http_path}`, {
          dispatcher: agent,
          signal,
          headers: { ...active.headers, host: authorityOf(scheme, name, peer.port), 'user-agent': 'plinth-healthcheck' },
        })
        // Only the status counts; the body is not waited for.
        answer.body.on('error', () => {}).destroy()
        if (active.healthy.http_statuses.includes(answer.statusCode)) return 'success'
        return active.unhealthy.http_statuses.includes(answer.statusCode) ? 'http' : undefined
      } finally {
        agent.destroy().catch(() => {})
      }
    } catch {
      // Why it failed does not matter; that it did is what is counted.
      return late.aborted ? 'timeout' : 'tcp'
    }
  }
}

function opens({ host, port }: { host: string; port: number }, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: host.replace(/^\[|\]$/g, ''), port })
    const fail = () => {
      socket.destroy()
      reject(new Error('the connection was not opened'))
    }
    signal.addEventListener('abort', fail, { once: true })
    socket.once('error', fail)
    socket.once('connect', () => {
      signal.removeEventListener('abort', fail)
      socket.destroy()
      resolve()
    })
  })
}
