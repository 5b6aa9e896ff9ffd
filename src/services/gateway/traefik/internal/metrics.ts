// Prometheus metrics by Traefik's names. Upstream: pkg/observability/metrics.
import { respond } from '../answer.ts'
import type { StaticConfig } from '../config/static.ts'
import type { Flight, Handle } from '../flight.ts'
import type { Plan } from '../plan.ts'
import type { Observation, Watcher } from './observer.ts'

type Settings = NonNullable<NonNullable<StaticConfig['metrics']>['prometheus']>

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'PRI'])
// A series per route, status and method: a client alone cannot make more of them than this.
const MAX_SERIES = 50_000

type Labels = Readonly<Record<string, string>>

class Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly #buckets: readonly number[]
  readonly #series = new Map<string, { labels: Labels; value: number; buckets: number[]; sum: number }>()

  constructor(name: string, help: string, type: Family['type'], buckets: readonly number[] = []) {
    this.name = name
    this.help = help
    this.type = type
    this.#buckets = buckets
  }

  add(labels: Labels, value = 1): void {
    const series = this.#of(labels)
    if (series) series.value += value
  }

  set(labels: Labels, value: number): void {
    const series = this.#of(labels)
    if (series) series.value = value
  }

  observe(labels: Labels, value: number): void {
    const series = this.#of(labels)
    if (!series) return
    series.value++
    series.sum += value
    this.#buckets.forEach((bound, at) => {
      if (value <= bound) series.buckets[at]!++
    })
  }

  clear(): void {
    this.#series.clear()
  }

  text(): string {
    if (this.#series.size === 0) return ''
    const lines = [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} ${this.type}`]
    for (const { labels, value, buckets, sum } of this.#series.values()) {
      if (this.type !== 'histogram') {
        lines.push(`${this.name}${labelText(labels)} ${value}`)
        continue
      }
      for (const [at, bound] of this.#buckets.entries())
        lines.push(`${this.name}_bucket${labelText({ ...labels, le: String(bound) })} ${buckets[at]}`)
      lines.push(`${this.name}_bucket${labelText({ ...labels, le: '+Inf' })} ${value}`)
      lines.push(`${this.name}_sum${labelText(labels)} ${sum}`, `${this.name}_count${labelText(labels)} ${value}`)
    }
    return `${lines.join('\n')}\n`
  }

  #of(labels: Labels): { value: number; buckets: number[]; sum: number } | undefined {
    const key = labelText(labels)
    let found = this.#series.get(key)
    if (!found) {
      if (this.#series.size >= MAX_SERIES) return undefined
      found = { labels, value: 0, buckets: this.#buckets.map(() => 0), sum: 0 }
      this.#series.set(key, found)
    }
    return found
  }
}

function labelText(labels: Labels): string {
  const names = Object.keys(labels).sort()
  if (names.length === 0) return ''
  return `{${names.map((name) => `${name}="${labels[name]!.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`).join(',')}}`
}

/** The five metrics that entry points, routers and services have alike. */
class Group {
  readonly requests: Family
  readonly requestsTls: Family
  readonly duration: Family
  readonly requestBytes: Family
  readonly responseBytes: Family
  constructor(kind: string, what: string, buckets: readonly number[]) {
    const of = `on ${what}, partitioned by status code, protocol, and method.`
    this.requests = new Family(`traefik_${kind}_requests_total`, `How many HTTP requests processed ${of}`, 'counter')
    this.requestsTls = new Family(
      `traefik_${kind}_requests_tls_total`,
      `How many HTTP requests with TLS processed on ${what}, partitioned by TLS Version and TLS cipher Used.`,
      'counter',
    )
    this.duration = new Family(
      `traefik_${kind}_request_duration_seconds`,
      `How long it took to process the request ${of}`,
      'histogram',
      buckets,
    )
    this.requestBytes = new Family(`traefik_${kind}_requests_bytes_total`, `The total size of requests in bytes handled ${of}`, 'counter')
    this.responseBytes = new Family(
      `traefik_${kind}_responses_bytes_total`,
      `The total size of responses in bytes handled ${of}`,
      'counter',
    )
  }
  get families(): readonly Family[] {
    return [this.requests, this.requestsTls, this.duration, this.requestBytes, this.responseBytes]
  }
}

export class Metrics implements Watcher {
  readonly #settings: Settings
  readonly #plan: () => Plan
  readonly #entryPoints: Group
  readonly #routers: Group
  readonly #services: Group
  readonly #reloads = new Family('traefik_config_reloads_total', 'Config reloads', 'counter')
  readonly #lastReload = new Family('traefik_config_last_reload_success', 'Last config reload success', 'gauge')
  readonly #open = new Family('traefik_open_connections', 'How many open connections exist, by entryPoint and protocol', 'gauge')
  readonly #retries = new Family('traefik_service_retries_total', 'How many request retries happened on a service.', 'counter')
  readonly #serverUp = new Family('traefik_service_server_up', 'service server is up, described by gauge value of 0 or 1.', 'gauge')

  constructor(settings: Settings, { plan }: { plan(): Plan }) {
    this.#settings = settings
    this.#plan = plan
    const { buckets } = settings
    this.#entryPoints = new Group('entrypoint', 'an entrypoint', buckets)
    this.#routers = new Group('router', 'a router', buckets)
    this.#services = new Group('service', 'a service', buckets)
  }

  readonly handle: Handle = (flight, answer) => {
    if (flight.method !== 'GET' && flight.method !== 'HEAD') return respond(answer, 405, '')
    respond(answer, 200, this.text(), ['Content-Type', 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores'])
  }

  open(flight: Flight): void {
    this.#open.add({ entrypoint: flight.entryPoint, protocol: 'TCP' }, 1)
  }

  over({ flight, answer, route, durationMs, asked }: Observation): void {
    this.#open.add({ entrypoint: flight.entryPoint, protocol: 'TCP' }, -1)
    if (route && !route.metrics) return
    const labels = {
      code: String(answer.status || 499),
      method: METHODS.has(asked.method) ? asked.method : 'EXTENSION_METHOD',
      protocol: flight.websocket ? 'websocket' : 'http',
      ...this.#headerLabels(flight),
    }
    const sent = flight.body?.length ?? Number(flight.req.headers['content-length'] ?? 0)
    const tls = tlsLabels(flight)
    const count = (group: Group, names: Labels) => {
      group.requests.add({ ...labels, ...names })
      if (tls) group.requestsTls.add({ ...tls, ...names })
      group.duration.observe({ ...labels, ...names }, durationMs / 1000)
      group.requestBytes.add({ ...labels, ...names }, sent)
      group.responseBytes.add({ ...labels, ...names }, answer.bytes)
    }
    const { addEntryPointsLabels, addRoutersLabels, addServicesLabels } = this.#settings
    if (addEntryPointsLabels) count(this.#entryPoints, { entrypoint: flight.entryPoint })
    const service = flight.notes.service
    if (addRoutersLabels && route) count(this.#routers, { router: route.name, service: service ?? route.serviceName })
    if (addServicesLabels && service) count(this.#services, { service })
    if (service && flight.notes.retries > 0) this.#retries.add({ service }, flight.notes.retries)
  }

  reloaded(taken: boolean): void {
    this.#reloads.add({})
    if (taken) this.#lastReload.set({}, Math.floor(Date.now() / 1000))
  }

  text(): string {
    this.#serverUp.clear()
    for (const { name, config, serverStatus } of this.#plan().runtime.services.values())
      if (config.loadBalancer?.healthCheck && serverStatus)
        for (const [url, status] of Object.entries(serverStatus())) this.#serverUp.set({ service: name, url }, status === 'UP' ? 1 : 0)
    return [
      this.#reloads,
      this.#lastReload,
      this.#open,
      ...this.#entryPoints.families,
      ...this.#routers.families,
      ...this.#services.families,
      this.#retries,
      this.#serverUp,
    ]
      .map((family) => family.text())
      .join('')
  }

  #headerLabels(flight: Flight): Labels {
    const wanted = Object.entries(this.#settings.headerLabels ?? {})
    return Object.fromEntries(wanted.map(([label, header]) => [label, flight.headers.get(header.toLowerCase()) ?? '']))
  }
}

function tlsLabels(flight: Flight): Labels | undefined {
  if (!flight.secure) return undefined
  const socket = flight.req.socket as {
    getProtocol?: () => string | null
    getCipher?: () => { standardName?: string; name: string } | undefined
  }
  const version = socket.getProtocol?.()?.replace('TLSv', '') ?? ''
  const cipher = socket.getCipher?.()
  return { tls_version: version, tls_cipher: cipher?.standardName ?? cipher?.name ?? '' }
}
