// Checked entities to the plan in force: routes with their chains of plugins, services, balancers, consumers with their credentials.
import { Balancer } from './balancer.ts'
import type { Entities, Entity } from './config/entities.ts'
import type { Configuration } from './config/load.ts'
import type { Problem } from './config/problems.ts'
import { parsePath } from './config/route-path.ts'
import { type Consumer, Credentials, hashPassword } from './consumers.ts'
import { authorityOf } from './forwarded.ts'
import { normalisePath } from './path.ts'
import type { Chain, ChainStep, Route, Service } from './plan.ts'
import { type CompiledPlugin, type Plugin, PluginConfigError, type PluginSetup } from './plugin.ts'
import { plugins } from './plugins/index.ts'
import { Router } from './router/router.ts'

export interface Plan {
  readonly router: Router<Route>
  /** Settings of the file that are taken but not served yet, one sentence each. */
  readonly notices: readonly string[]
  readonly counts: { readonly services: number; readonly routes: number; readonly consumers: number; readonly plugins: number }
}

/** What a configuration turns into, or the mistakes that only show when its parts meet. */
export function buildPlan({
  version,
  transform,
  entities,
}: Configuration): { readonly plan: Plan } | { readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  const consumers = consumersOf(entities)
  const credentials = credentialsOf(entities, consumers, transform)
  const names = namesOf(consumers)
  const setup: PluginSetup = { credentials, consumer: (name) => names.get(name) }
  const compiled = new Map<PluginEntity, CompiledPlugin>()
  for (const entity of entities.plugins) {
    if (!entity.fields.enabled) continue
    try {
      compiled.set(entity, forProtocols(plugins.get(entity.fields.name)!.compile(withoutNull(entity.fields.config), setup), entity))
    } catch (error) {
      if (!(error instanceof PluginConfigError)) throw error
      problems.push({ where: [...entity.where, 'config', ...error.path], what: error.message })
    }
  }
  if (problems.length > 0) return { problems }
  const services = servicesOf(entities)
  const routes = entities.routes.flatMap((entity) => {
    const serviceId = entity.links['service']
    // The routes of a disabled service are not there.
    if (serviceId !== undefined && !services.has(serviceId)) return []
    const service = serviceId === undefined ? undefined : services.get(serviceId)
    const { fields } = entity
    const route: Route = {
      id: entity.id,
      name: fields.name,
      service: service?.service,
      pathRule: { base: service?.path ?? '/', strip: fields.strip_path, handling: fields.path_handling },
      preserveHost: fields.preserve_host,
      requestBuffering: fields.request_buffering,
      http: fields.protocols.includes('http'),
      https: fields.protocols.includes('https'),
      httpsRedirectStatus: fields.https_redirect_status_code,
      chain: chainOf(entity.id, serviceId, compiled),
    }
    const conditions = {
      hosts: fields.hosts ?? [],
      headers: new Map(Object.entries(fields.headers ?? {})),
      paths: (fields.paths ?? []).map((path) => parsePath(path, version)),
      methods: fields.methods ?? [],
      snis: fields.snis ?? [],
      regexPriority: fields.regex_priority,
    }
    return [{ route, conditions }]
  })
  return {
    plan: {
      router: new Router(routes),
      notices: entities.upstreams.flatMap(unserved),
      counts: { services: services.size, routes: routes.length, consumers: consumers.size, plugins: compiled.size },
    },
  }
}

type PluginEntity = Entities['plugins'][number]

function withoutNull(config: unknown): unknown {
  return config === null ? undefined : config
}

/** A plugin that names one scheme alone rests on the other. */
function forProtocols(plugin: CompiledPlugin, { fields: { protocols } }: PluginEntity): CompiledPlugin {
  if (!protocols || (protocols.includes('http') && protocols.includes('https'))) return plugin
  const { access, headers } = plugin
  return {
    name: plugin.name,
    access: access && ((exchange) => (protocols.includes(exchange.client.scheme) ? access(exchange) : undefined)),
    headers: headers && ((exchange, head) => (protocols.includes(exchange.client.scheme) ? headers(exchange, head) : undefined)),
  }
}

function consumersOf({ consumers, acls }: Entities): Map<string, Consumer> {
  const groups = new Map<string, Set<string>>()
  for (const { links, fields } of acls) {
    const id = links['consumer']!
    const member = groups.get(id) ?? new Set()
    groups.set(id, member.add(fields.group))
  }
  return new Map(
    consumers.map(({ id, fields }) => [
      id,
      { id, username: fields.username, customId: fields.custom_id, groups: groups.get(id) ?? new Set<string>() },
    ]),
  )
}

function namesOf(consumers: ReadonlyMap<string, Consumer>): Map<string, Consumer> {
  const names = new Map<string, Consumer>(consumers)
  for (const consumer of consumers.values()) {
    if (consumer.customId !== undefined) names.set(consumer.customId, consumer)
    if (consumer.username !== undefined) names.set(consumer.username, consumer)
  }
  return names
}

function credentialsOf(entities: Entities, consumers: ReadonlyMap<string, Consumer>, transform: boolean): Credentials {
  const credentials = new Credentials()
  for (const { id, links, fields } of entities.keyauth_credentials)
    credentials.addKey(fields.key, { id, consumer: consumers.get(links['consumer']!)! })
  for (const { id, links, fields } of entities.basicauth_credentials) {
    const consumer = consumers.get(links['consumer']!)!
    credentials.addBasic({
      id,
      username: fields.username,
      consumer,
      passwordHash: transform ? hashPassword(fields.password, consumer.id) : fields.password.toLowerCase(),
    })
  }
  return credentials
}

function servicesOf({ services, upstreams, targets }: Entities): Map<string, { service: Service; path: string }> {
  const balancers = new Map(
    upstreams.map(({ id, fields }) => [
      fields.name,
      new Balancer(fields.name, targets.filter(({ links }) => links['upstream'] === id).map(targetOf), fields.host_header),
    ]),
  )
  return new Map(
    services
      .filter(({ fields }) => fields.enabled)
      .map(({ id, fields }) => {
        const scheme = fields.protocol === 'https' ? 'https' : 'http'
        const service: Service = {
          id,
          name: fields.name,
          scheme,
          host: fields.host,
          port: fields.port,
          authority: authorityOf(scheme, fields.host, fields.port),
          retries: fields.retries,
          connectTimeoutMs: fields.connect_timeout,
          writeTimeoutMs: fields.write_timeout,
          readTimeoutMs: fields.read_timeout,
          tlsVerify: fields.tls_verify ?? false,
          balancer: balancers.get(fields.host),
        }
        return [id, { service, path: normalisePath(fields.path ?? '/') }]
      }),
  )
}

function unserved({ fields: { name, algorithm, healthchecks } }: Entities['upstreams'][number]): string[] {
  return [
    ...(algorithm === 'round-robin' ? [] : [`upstream ${name}: ${algorithm} is not served yet, its targets take turns by weight`]),
    ...(healthchecks === undefined ? [] : [`upstream ${name}: health checks are not served yet, every target is taken for healthy`]),
  ]
}

const DEFAULT_TARGET_PORT = 8000

function targetOf({ fields: { target, weight } }: Entity<{ target: string; weight: number }>) {
  const [, host = target, port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(target) ?? []
  return { host, port: port === undefined ? DEFAULT_TARGET_PORT : Number(port), weight }
}

/**
 * Which configuration of each plugin runs on a route. The most specific wins: route and service and consumer, route and consumer,
 * service and consumer, route and service, consumer, route, service, everybody.
 */
function chainOf(routeId: string | undefined, serviceId: string | undefined, compiled: ReadonlyMap<PluginEntity, CompiledPlugin>): Chain {
  const best = new Map<string, Ranking>()
  for (const [{ fields, links }, plugin] of compiled) {
    const { route, service, consumer } = links
    if ((route !== undefined && route !== routeId) || (service !== undefined && service !== serviceId)) continue
    const place: Ranking = best.get(fields.name) ?? { consumers: new Map() }
    best.set(fields.name, place)
    const ranked = { plugin, rank: rankOf(route, service, consumer) }
    if (consumer === undefined) {
      if (!place.base || ranked.rank > place.base.rank) place.base = ranked
    } else if (ranked.rank > (place.consumers.get(consumer)?.rank ?? -1)) place.consumers.set(consumer, ranked)
  }
  return [...best]
    .map(([name, place]) => ({ definition: plugins.get(name)!, step: stepOf(place.base, place.consumers) }))
    .sort((a, b) => inOrder(a.definition, b.definition))
    .map(({ step }) => step)
}

interface Ranking {
  base?: Ranked
  readonly consumers: Map<string, Ranked>
}

interface Ranked {
  readonly plugin: CompiledPlugin
  readonly rank: number
}

function rankOf(route: string | undefined, service: string | undefined, consumer: string | undefined): number {
  const order = ['', 's', 'r', 'c', 'rs', 'sc', 'rc', 'rsc']
  return order.indexOf(`${route === undefined ? '' : 'r'}${service === undefined ? '' : 's'}${consumer === undefined ? '' : 'c'}`)
}

function stepOf(base: Ranked | undefined, consumers: ReadonlyMap<string, Ranked>): ChainStep {
  // Only a configuration bound to route and service outranks one bound to the consumer alone.
  const own = [...consumers].filter(([, { rank }]) => rank > (base?.rank ?? -1)).map(([id, { plugin }]) => [id, plugin] as const)
  return { base: base?.plugin, consumers: own.length > 0 ? new Map(own) : undefined }
}

function inOrder(a: Plugin, b: Plugin): number {
  if (a.priority !== b.priority) return b.priority > a.priority ? 1 : -1
  return a.name < b.name ? -1 : 1
}
