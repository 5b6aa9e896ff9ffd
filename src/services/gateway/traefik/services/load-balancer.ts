// A service with servers: whose turn it is, cookies that stick, servers that are well.
import type { Answer } from '../answer.ts'
import { respond } from '../answer.ts'
import type { LoadBalancerConfig } from '../config/dynamic.ts'
import { type Flight, type Handle, TEXT } from '../flight.ts'
import type { Forwarder, Transport } from '../forward.ts'
import type { Fetch } from '../middlewares/middleware.ts'
import { checkHealth } from './health-check.ts'
import { Round } from './round.ts'
import { type Server, targetOf } from './server.ts'
import { Sticky } from './sticky.ts'

export interface BuiltService {
  readonly handle: Handle
  /** Whether it can serve, as far as health checks tell. */
  readonly available: () => boolean
  /** Of load balancers, for the API: whether each server is up. */
  readonly servers?: readonly Server[]
}

export interface BalancerSetup {
  /** With its provider. */
  readonly name: string
  readonly forwarder: Forwarder
  readonly transport: Transport
  readonly fetch: Fetch
  onEnd(end: () => void): void
}

const STRATEGIES = new Set(['wrr', 'p2c', 'hrw', 'leasttime'])

/** Throws Error. */
export function buildLoadBalancer(config: LoadBalancerConfig, setup: BalancerSetup): BuiltService {
  if (!STRATEGIES.has(config.strategy)) throw new Error(`unsupported load-balancer strategy ${config.strategy}`)
  const servers: Server[] = []
  const seen = new Set<string>()
  for (const { url = '', weight = 1, preservePath } of config.servers) {
    if (seen.has(url)) continue
    seen.add(url)
    servers.push({ target: targetOf(url, preservePath), weight, up: true })
  }
  const running = new Map<Server, number>(servers.map((server) => [server, 0]))
  const failures = new Map<Server, number[]>()
  const fenced = (server: Server) => {
    const passive = config.passiveHealthCheck
    if (!passive) return false
    const since = performance.now() - passive.failureWindow
    const recent = (failures.get(server) ?? []).filter((at) => at > since)
    failures.set(server, recent)
    return recent.length >= passive.maxFailedAttempts
  }
  const available = (server: Server) => server.up && !fenced(server)
  const round = new Round(servers.map((server) => ({ value: server, weight: server.weight, available: () => available(server) })))
  const sticky = config.sticky?.cookie ? new Sticky<Server>(config.sticky.cookie, setup.name) : undefined
  for (const server of servers) sticky?.add(server.target.url, server)
  if (config.healthCheck) setup.onEnd(checkHealth(servers, config.healthCheck, setup.fetch, setup.transport.tlsVerify))
  const choose = chooser(config.strategy, servers, round, available, running)

  const handle = (flight: Flight, answer: Answer) => {
    let server = sticky?.find(flight)
    let to = answer
    if (!server || !available(server)) {
      server = choose(flight)
      if (server && sticky) to = sticky.mark(answer, server.target.url)
    }
    if (!server) {
      respond(answer, 503, 'no available server\n', TEXT)
      return
    }
    const chosen = server
    running.set(chosen, running.get(chosen)! + 1)
    let counted = true
    const settle = () => {
      if (counted) running.set(chosen, running.get(chosen)! - 1)
      counted = false
    }
    const off = answer.onClose(settle)
    flight.notes.service = setup.name
    setup.forwarder.forward(flight, to, {
      target: chosen.target,
      transport: setup.transport,
      passHostHeader: config.passHostHeader,
      settled: (status, failed) => {
        if (config.passiveHealthCheck && (failed || status >= 500))
          failures.set(chosen, [...(failures.get(chosen) ?? []), performance.now()])
        if (failed) {
          off()
          settle()
        }
      },
    })
  }
  return { handle, servers, available: () => round.available }
}

function chooser(
  strategy: string,
  servers: readonly Server[],
  round: Round<Server>,
  available: (server: Server) => boolean,
  running: ReadonlyMap<Server, number>,
): (flight: Flight) => Server | undefined {
  const usable = () => servers.filter((server) => server.weight > 0 && available(server))
  switch (strategy) {
    case 'p2c':
    case 'leasttime':
      // Of two that are drawn, the one with fewer requests under way.
      return () => {
        const all = usable()
        const draw = () => all[Math.floor(Math.random() * all.length)]
        const [one, other] = [draw(), draw()]
        return one && other && running.get(other)! < running.get(one)! ? other : one
      }
    case 'hrw':
      return (flight) =>
        highest(
          usable(),
          flight.peer,
          (server) => server.target.url,
          (server) => server.weight,
        )
    default:
      return () => round.next()
  }
}

/** Rendezvous hashing: the same client, the same server, as long as both are there. */
export function highest<Value>(
  values: readonly Value[],
  key: string,
  nameOf: (value: Value) => string,
  weightOf: (value: Value) => number,
): Value | undefined {
  let best: Value | undefined
  let bestScore = Number.NEGATIVE_INFINITY
  for (const value of values) {
    const score = -weightOf(value) / Math.log(fraction(`${nameOf(value)}${key}`))
    if (score > bestScore) {
      best = value
      bestScore = score
    }
  }
  return best
}

/** FNV-1a of a text, between 0 and 1 without either. */
function fraction(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return ((hash >>> 0) + 0.5) / 2 ** 32
}
