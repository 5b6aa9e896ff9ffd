// The gateway's own services and routes: ping, metrics, the API and its page, redirections of entry points.
import type { Logger } from '../../../../log/log.ts'
import type { Environment } from '../../../../service/definition.ts'
import { respond } from '../answer.ts'
import { parseAddress } from '../config/sources.ts'
import type { StaticConfig } from '../config/static.ts'
import { type Handle, notFound } from '../flight.ts'
import { redirectToScheme } from '../middlewares/redirect.ts'
import type { InternalRoute, Plan } from '../plan.ts'
import { AccessLog } from './access-log.ts'
import { apiHandle } from './api.ts'
import { dashboardHandle } from './dashboard.ts'
import { Metrics } from './metrics.ts'
import { Observer, type Watcher } from './observer.ts'

export interface InternalsSetup {
  plan(): Plan
  readonly env: Environment
  readonly log: Logger
}

/** Upstream's: above whatever a user may set. */
const TOP = Number.MAX_SAFE_INTEGER

export class Internals {
  readonly services: ReadonlyMap<string, Handle>
  readonly routes: readonly InternalRoute[]
  readonly observer: Observer
  readonly #accessLog: AccessLog | undefined
  readonly #metrics: Metrics | undefined
  #stopping = false

  static async open(config: StaticConfig, setup: InternalsSetup): Promise<Internals> {
    const accessLog = config.accessLog && (await AccessLog.open(config.accessLog, setup.log))
    return new Internals(config, setup, accessLog)
  }

  private constructor(config: StaticConfig, setup: InternalsSetup, accessLog: AccessLog | undefined) {
    this.#accessLog = accessLog
    this.#metrics = config.metrics?.prometheus && new Metrics(config.metrics.prometheus, setup)
    this.observer = new Observer(
      [accessLog, this.#metrics].filter((watcher): watcher is AccessLog & Metrics => watcher !== undefined) as Watcher[],
    )
    const services = new Map<string, Handle>([['noop@internal', notFound]])
    const routes: InternalRoute[] = []
    const route = (entryPoint: string, name: string, rule: string, priority: number, service: string, handle = services.get(service)!) =>
      routes.push({ entryPoint, name: `${name}@internal`, rule, priority, handle, service })
    const { api, ping, metrics } = config
    if (api) {
      services.set(
        'api@internal',
        apiHandle(
          config,
          () => setup.plan(),
          api,
          () => routes,
          services,
        ),
      )
      if (api.dashboard) services.set('dashboard@internal', dashboardHandle(api))
      if (api.insecure) {
        const base = api.basePath.replace(/\/$/, '')
        route('traefik', 'api', `PathPrefix(\`${base}/api\`)`, TOP - 1, 'api@internal')
        if (api.dashboard) route('traefik', 'dashboard', `PathPrefix(\`${base || '/'}\`)`, TOP - 2, 'dashboard@internal')
      }
    }
    if (ping) {
      services.set('ping@internal', (_, answer) => {
        const status = this.#stopping ? ping.terminatingStatusCode : 200
        respond(answer, status, status === 200 ? 'OK' : 'Service Unavailable', ['Content-Type', 'text/plain; charset=utf-8'])
      })
      if (!ping.manualRouting) route(ping.entryPoint, 'ping', 'PathPrefix(`/ping`)', TOP, 'ping@internal')
    }
    if (this.#metrics && metrics?.prometheus) {
      services.set('prometheus@internal', this.#metrics.handle)
      if (!metrics.prometheus.manualRouting)
        route(metrics.prometheus.entryPoint, 'prometheus', 'PathPrefix(`/metrics`)', TOP, 'prometheus@internal')
    }
    for (const [name, { http }] of Object.entries(config.entryPoints)) {
      const redirection = http.redirections?.entryPoint
      if (!redirection) continue
      const port = /^:\d+$/.test(redirection.to)
        ? redirection.to.slice(1)
        : String(parseAddress(config.entryPoints[redirection.to]!.address)?.port ?? '')
      const wrap = redirectToScheme(redirection.scheme, port, redirection.permanent)
      route(name, `${name}-to-${redirection.to}`, 'HostRegexp(`^.+$`)', redirection.priority ?? TOP - 1, 'noop@internal', wrap(notFound))
    }
    this.services = services
    this.routes = routes
  }

  /** Told after each attempt to take a configuration over. */
  reloaded(taken: boolean): void {
    this.#metrics?.reloaded(taken)
  }

  async close(): Promise<void> {
    this.#stopping = true
    await this.#accessLog?.close()
  }
}
