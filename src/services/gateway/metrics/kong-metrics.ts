// The gateway's metrics under the names of Kong's prometheus plugin, in both generations: 2.8's and those that 3.0 renamed.
import { createRequire } from 'node:module'
import type * as PromClient from 'prom-client'
import type { Upstream } from '../balancing/upstream.ts'
import type { TrafficRecord } from '../record/record.ts'

/** Milliseconds; Kong's own bounds. */
const BUCKETS = [
  1, 2, 5, 7, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100, 200, 300, 400, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000,
] as const

/** What is known only when somebody asks. */
export interface Snapshot {
  readonly requests: number
  readonly connections: Readonly<Record<'accepted' | 'active' | 'writing' | 'waiting', number>>
  readonly upstreams: Iterable<Upstream>
}

const STATES = ['healthchecks_off', 'healthy', 'unhealthy', 'dns_error'] as const

export class KongMetrics {
  /** Loaded only where metrics are: it takes longer than the rest of a start. */
  readonly #client = createRequire(import.meta.url)('prom-client') as typeof PromClient
  readonly #registry = new this.#client.Registry()
  readonly #connections = this.#gauge('kong_nginx_http_current_connections', 'Number of HTTP connections', ['state'])
  readonly #allConnections = this.#gauge('kong_nginx_connections_total', 'Number of connections by subsystem', [
    'node_id',
    'subsystem',
    'state',
  ])
  readonly #totalRequests = this.#gauge('kong_nginx_http_total_requests', 'Number of HTTP requests')
  readonly #allRequests = this.#gauge('kong_nginx_requests_total', 'Number of requests total', ['node_id', 'subsystem'])
  readonly #reachable = this.#gauge('kong_datastore_reachable', 'Datastore reachable from Kong, 0 is unreachable')
  readonly #memory = this.#gauge('kong_memory_workers_lua_vms_bytes', 'Allocated bytes of the process', ['pid', 'kong_subsystem'])
  readonly #targets = this.#gauge(
    'kong_upstream_target_health',
    'Health status of targets of upstream. States = healthchecks_off|healthy|unhealthy|dns_error, value is 1 when state is populated.',
    ['upstream', 'target', 'address', 'state', 'subsystem'],
  )
  readonly #status = this.#counter('kong_http_status', 'HTTP status codes per service/route in Kong', ['service', 'route', 'code'])
  readonly #requests = this.#counter('kong_http_requests_total', 'HTTP status codes per consumer/service/route in Kong', [
    'service',
    'route',
    'code',
    'source',
    'consumer',
  ])
  readonly #latency = this.#histogram(
    'kong_latency',
    'Latency added by Kong, total request time and upstream latency for each service/route in Kong',
    ['service', 'route', 'type'],
  )
  readonly #latencies = {
    kong: this.#histogram('kong_kong_latency_ms', 'Latency added by Kong', ['service', 'route']),
    upstream: this.#histogram('kong_upstream_latency_ms', 'Latency added by upstream', ['service', 'route']),
    request: this.#histogram('kong_request_latency_ms', 'Total latency of requests', ['service', 'route']),
  }
  readonly #bandwidth = this.#counter('kong_bandwidth', 'Total bandwidth in bytes consumed per service/route in Kong', [
    'service',
    'route',
    'type',
  ])
  readonly #bytes = this.#counter('kong_bandwidth_bytes', 'Total bandwidth (ingress/egress) throughput in bytes', [
    'service',
    'route',
    'direction',
    'consumer',
  ])
  readonly #consumers = this.#counter('kong_http_consumer_status', 'HTTP status codes for customer per service/route in Kong', [
    'service',
    'route',
    'code',
    'consumer',
  ])

  #gauge(name: string, help: string, labelNames: string[] = []): PromClient.Gauge {
    return new this.#client.Gauge({ name, help, labelNames, registers: [this.#registry] })
  }

  #counter(name: string, help: string, labelNames: string[]): PromClient.Counter {
    return new this.#client.Counter({ name, help, labelNames, registers: [this.#registry] })
  }

  #histogram(name: string, help: string, labelNames: string[]): PromClient.Histogram {
    return new this.#client.Histogram({ name, help, labelNames, buckets: [...BUCKETS], registers: [this.#registry] })
  }

  /** One request of a route with a service; others are not counted, as upstream. */
  count(record: TrafficRecord, perConsumer: boolean): void {
    const { exchange, latencies } = record
    const { service: to, route: by } = exchange
    if (!to) return
    const service = to.name ?? to.host
    const route = by.name ?? by.id
    const consumer = perConsumer ? (exchange.consumer?.username ?? exchange.consumer?.customId ?? '') : ''
    const code = String(record.status)
    const source = exchange.answeredAt === undefined ? 'exit' : 'service'
    this.#status.inc({ service, route, code })
    this.#requests.inc({ service, route, code, source, consumer })
    for (const [way, bytes] of [
      ['ingress', record.requestBytes],
      ['egress', record.responseBytes],
    ] as const) {
      this.#bandwidth.inc({ service, route, type: way }, bytes)
      this.#bytes.inc({ service, route, direction: way, consumer }, bytes)
    }
    for (const [type, ms] of [
      ['request', latencies.request],
      ['upstream', latencies.proxy],
      ['kong', latencies.kong],
    ] as const) {
      if (ms < 0) continue
      this.#latency.observe({ service, route, type }, ms)
      this.#latencies[type].observe({ service, route }, ms)
    }
    if (consumer !== '') this.#consumers.inc({ service, route, code, consumer })
  }

  /** In Prometheus' text format. */
  text({ requests, connections, upstreams }: Snapshot): Promise<string> {
    const states = { ...connections, handled: connections.accepted, reading: 0, total: requests }
    for (const [state, count] of Object.entries(states)) {
      this.#connections.set({ state }, count)
      this.#allConnections.set({ node_id: 'plinth', subsystem: 'http', state }, count)
    }
    this.#totalRequests.set(requests)
    this.#allRequests.set({ node_id: 'plinth', subsystem: 'http' }, requests)
    this.#reachable.set(1)
    this.#memory.set({ pid: process.pid, kong_subsystem: 'http' }, process.memoryUsage().rss)
    this.#targets.reset()
    for (const upstream of upstreams)
      for (const peer of upstream.peers) {
        const now = upstream.stateOf(peer).toLowerCase()
        for (const state of STATES)
          this.#targets.set(
            { upstream: upstream.name, target: peer.name, address: peer.name, state, subsystem: 'http' },
            state === now ? 1 : 0,
          )
      }
    return this.#registry.metrics()
  }
}
