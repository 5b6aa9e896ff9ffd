// From the configuration of all providers to what answers requests: a router per entry point, each route with its middlewares
// and its service. Made anew at each change and swapped in whole.

import type { Logger } from '../../../log/log.ts'
import { fail, gather, type MiddlewareInfo, providerOf, qualified, type RouterInfo, type RuntimeConfig } from './config/runtime.ts'
import type { StaticConfig } from './config/static.ts'
import type { Handle } from './flight.ts'
import type { Forwarder, Transport } from './forward.ts'
import { middlewares } from './middlewares/index.ts'
import { type Fetch, MiddlewareError, type Wrap } from './middlewares/middleware.ts'
import { compileRule, type RuleSyntax } from './rules/compile.ts'
import { RuleError } from './rules/parse.ts'
import { type Ranked, RuleRouter } from './rules/router.ts'
import { buildFailover, buildHighestRandomWeight, buildMirroring, buildWeighted } from './services/compound.ts'
import { type BuiltService, buildLoadBalancer } from './services/load-balancer.ts'
import { transportOf } from './services/transport.ts'
import { refuseUnservedOptions } from './tls-options.ts'

/** Priorities of one's own end below those that the gateway keeps for its own routes. */
const MAX_PRIORITY = Number.MAX_SAFE_INTEGER - 1_000

export interface BuiltRoute {
  readonly name: string
  readonly serviceName: string
  readonly handle: Handle
  /** Whether the access log and the metrics tell of it. */
  readonly accessLogs: boolean
  readonly metrics: boolean
}

export interface EntryRoutes {
  readonly plain: RuleRouter<BuiltRoute>
  readonly secure: RuleRouter<BuiltRoute>
}

export interface Plan {
  readonly runtime: RuntimeConfig
  readonly routes: ReadonlyMap<string, EntryRoutes>
  /** Ends health checks and what else lives with this plan. */
  end(): void
}

/** A route of the gateway's own: its pages, redirections of entry points. */
export interface InternalRoute {
  readonly entryPoint: string
  readonly name: string
  readonly rule: string
  readonly priority: number
  readonly handle: Handle
  readonly service: string
}

export interface PlanSetup {
  readonly config: StaticConfig
  readonly forwarder: Forwarder
  readonly fetch: Fetch
  readonly log: Logger
  /** `api@internal` and the like, by name. */
  readonly internalServices: ReadonlyMap<string, Handle>
  readonly internalRoutes: readonly InternalRoute[]
}

export function buildPlan(configs: Parameters<typeof gather>[0], setup: PlanSetup): Plan {
  const runtime = gather(configs)
  const ends: (() => void)[] = []
  const builder = new Builder(runtime, setup, (end) => ends.push(end))
  const lists = new Map<string, { plain: Ranked<BuiltRoute>[]; secure: Ranked<BuiltRoute>[] }>(
    Object.keys(setup.config.entryPoints).map((name) => [name, { plain: [], secure: [] }]),
  )
  setup.internalRoutes.forEach((route, rank) => {
    lists.get(route.entryPoint)?.plain.push({
      rule: compileRule(route.rule, 'v3'),
      priority: route.priority,
      rank,
      value: { name: route.name, serviceName: route.service, handle: route.handle, accessLogs: false, metrics: false },
    })
  })
  let rank = setup.internalRoutes.length
  for (const router of runtime.routers.values()) {
    const { entryPoints } = setup.config
    const wanted = router.config.entryPoints ?? defaultEntryPoints(entryPoints)
    router.entryPoints = wanted
    const known = wanted.filter((name) => Object.hasOwn(entryPoints, name))
    for (const name of wanted) if (!known.includes(name)) fail(router, `EntryPoint doesn't exist: ${name}`, known.length === 0)
    if (known.length === 0) {
      fail(router, 'no valid entryPoint for this router')
      continue
    }
    router.using = known.toSorted()
    const built = builder.route(router)
    if (!built) continue
    rank++
    for (const name of known) {
      const secure = router.config.tls !== undefined || entryPoints[name]!.http.tls !== undefined
      const wraps = builder.entryPointMiddlewares(name, router)
      if (!wraps) continue
      const handle = wraps.reduceRight((next, wrap) => wrap(next), built.handle)
      const { accessLogs = true, metrics = true } = router.config.observability ?? {}
      const observability = entryPoints[name]!.observability
      lists.get(name)![secure ? 'secure' : 'plain'].push({
        rule: built.rule,
        priority: router.priority,
        rank,
        value: {
          name: router.name,
          serviceName: built.serviceName,
          handle,
          accessLogs: accessLogs && observability.accessLogs,
          metrics: metrics && observability.metrics,
        },
      })
    }
  }
  builder.buildUnused()
  return {
    runtime,
    routes: new Map(
      [...lists].map(([name, { plain, secure }]) => [name, { plain: new RuleRouter(plain), secure: new RuleRouter(secure) }]),
    ),
    end: () => {
      for (const end of ends) end()
    },
  }
}

function defaultEntryPoints(entryPoints: StaticConfig['entryPoints']): string[] {
  const names = Object.keys(entryPoints).filter((name) => !/\/udp$/i.test(entryPoints[name]!.address))
  const marked = names.filter((name) => entryPoints[name]!.asDefault)
  return marked.length > 0 ? marked : names.filter((name) => name !== 'traefik')
}

interface Built {
  readonly rule: ReturnType<typeof compileRule>
  readonly handle: Handle
  readonly serviceName: string
}

class Builder {
  readonly #runtime: RuntimeConfig
  readonly #setup: PlanSetup
  readonly #onEnd: (end: () => void) => void
  readonly #services = new Map<string, BuiltService>()
  readonly #building = new Set<string>()

  constructor(runtime: RuntimeConfig, setup: PlanSetup, onEnd: (end: () => void) => void) {
    this.#runtime = runtime
    this.#setup = setup
    this.#onEnd = onEnd
  }

  /** Undefined when the router is disabled; its list says why. */
  route(router: RouterInfo): Built | undefined {
    const { config, provider } = router
    const text = config.rule ?? ''
    // Who names a service or a middleware uses it, whether or not the router itself can be built.
    if (config.service) this.#runtime.services.get(qualified(config.service, provider))?.usedBy.add(router.name)
    for (const name of config.middlewares ?? []) this.#runtime.middlewares.get(qualified(name, provider))?.usedBy.add(router.name)
    router.priority = config.priority || text.length
    try {
      if (text === '') throw new RuleError('router has no rule')
      if ((config.priority ?? 0) > MAX_PRIORITY)
        throw new RuleError(`the router priority ${config.priority} exceeds the max user-defined priority ${MAX_PRIORITY}`)
      const syntax = config.ruleSyntax ?? this.#setup.config.core.defaultRuleSyntax
      if (syntax !== 'v2' && syntax !== 'v3' && syntax !== 'default' && syntax !== '')
        throw new RuleError(`unsupported rule syntax: ${syntax}`)
      const rule = compileRule(text, (syntax === 'v2' ? 'v2' : 'v3') satisfies RuleSyntax)
      if (config.tls) refuseUnservedOptions(config.tls.options, provider, this.#runtime)
      if (!config.service) throw new MiddlewareError('the service is missing on the router')
      const serviceName = qualified(config.service, provider)
      const service = this.service(serviceName)
      const wraps = (config.middlewares ?? []).map((name) => this.middleware(qualified(name, provider), router.name))
      return { rule, serviceName, handle: wraps.reduceRight((next, wrap) => wrap(next), service.handle) }
    } catch (error) {
      fail(router, (error as Error).message)
      return undefined
    }
  }

  entryPointMiddlewares(entryPoint: string, router: RouterInfo): Wrap[] | undefined {
    try {
      return this.#setup.config.entryPoints[entryPoint]!.http.middlewares.map((name) =>
        this.middleware(qualified(name, router.provider), router.name),
      )
    } catch (error) {
      fail(router, (error as Error).message)
      return undefined
    }
  }

  /** Throws Error with the text for whoever uses it. */
  middleware(name: string, usedBy: string, path: readonly string[] = []): Wrap {
    const info = this.#runtime.middlewares.get(name)
    if (!info) throw new MiddlewareError(`middleware "${name}" does not exist`)
    info.usedBy.add(usedBy)
    try {
      if (path.includes(name))
        throw new MiddlewareError(`could not instantiate middleware ${name}: recursion detected in ${[...path, name].join('->')}`)
      return this.#buildMiddleware(info, usedBy, [...path, name])
    } catch (error) {
      fail(info, (error as Error).message)
      throw error
    }
  }

  #buildMiddleware(info: MiddlewareInfo, usedBy: string, path: readonly string[]): Wrap {
    const types = Object.keys(info.config).filter((type) => info.config[type] !== undefined)
    const [type] = types
    if (type === undefined)
      throw new MiddlewareError(`invalid middleware "${info.name}" configuration: invalid middleware type or middleware does not exist`)
    if (types.length > 1)
      throw new MiddlewareError(
        'cannot create middleware: multi-types middleware not supported, consider declaring two different pieces of middleware instead',
      )
    if (type === 'chain') {
      const members = (info.config[type] as { middlewares: string[] }).middlewares.map((name) =>
        this.middleware(qualified(name, info.provider), usedBy, path),
      )
      return (next) => members.reduceRight((inner, wrap) => wrap(inner), next)
    }
    return middlewares.get(type)!.build(info.config[type], {
      name: info.name,
      log: this.#setup.log,
      fetch: this.#setup.fetch,
      service: (name) => this.service(qualified(name, info.provider)).handle,
      onEnd: this.#onEnd,
    })
  }

  /** Throws Error with the text for whoever uses it. */
  service(name: string): BuiltService {
    const internal = this.#setup.internalServices.get(name)
    if (internal) return { handle: internal, available: () => true }
    const built = this.#services.get(name)
    if (built) return built
    const info = this.#runtime.services.get(name)
    if (!info) throw new MiddlewareError(`the service "${name}" does not exist`)
    if (info.status === 'disabled') throw new MiddlewareError(info.errors[0] ?? `the service "${name}" is disabled`)
    if (this.#building.has(name)) throw new MiddlewareError(`could not instantiate service ${name}: recursion detected`)
    this.#building.add(name)
    try {
      const service = this.#buildService(name)
      this.#services.set(name, service)
      const { servers } = service
      if (servers)
        info.serverStatus = () =>
          Object.fromEntries(servers.map(({ target, up }) => [target.url, up ? ('UP' as const) : ('DOWN' as const)]))
      return service
    } catch (error) {
      fail(info, (error as Error).message)
      throw error
    } finally {
      this.#building.delete(name)
    }
  }

  #buildService(name: string): BuiltService {
    const { config } = this.#runtime.services.get(name)!
    const provider = providerOf(name)
    const { loadBalancer, weighted, mirroring, failover, highestRandomWeight } = config
    const kinds = [loadBalancer, weighted, mirroring, failover, highestRandomWeight].filter((kind) => kind !== undefined)
    if (kinds.length > 1)
      throw new MiddlewareError(
        'cannot create service: multi-types service not supported, consider declaring two different pieces of service instead',
      )
    const find = (child: string) => {
      const childName = qualified(child, provider)
      this.#runtime.services.get(childName)?.usedBy.add(name)
      return this.service(childName)
    }
    if (loadBalancer)
      return buildLoadBalancer(loadBalancer, {
        name,
        forwarder: this.#setup.forwarder,
        transport: this.#transport(loadBalancer.serversTransport, provider),
        fetch: this.#setup.fetch,
        onEnd: this.#onEnd,
      })
    if (weighted) return buildWeighted(weighted, name, find)
    if (highestRandomWeight) return buildHighestRandomWeight(highestRandomWeight, find)
    if (mirroring)
      return buildMirroring(mirroring, find, (error) =>
        this.#setup.log.error({ err: error, service: name }, 'a mirror failed inside the gateway'),
      )
    if (failover) return buildFailover(failover, find)
    throw new MiddlewareError(`the service "${name}" does not have any type defined`)
  }

  #transport(named: string | undefined, provider: string): Transport {
    if (!named) return transportOf(this.#setup.config.serversTransport)
    const transport = this.#runtime.transports.get(qualified(named, provider))
    if (!transport) throw new MiddlewareError(`servers transport not found ${qualified(named, provider)}`)
    return transportOf(transport)
  }

  /** What no router uses is built all the same, so that the API tells its mistakes; its health is watched as upstream does. */
  buildUnused(): void {
    for (const name of this.#runtime.services.keys()) {
      try {
        this.service(name)
      } catch {
        // The reason stands at the service.
      }
    }
  }
}
