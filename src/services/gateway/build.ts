// Checked entities to the plan in force: routes with their chains of plugins, services, upstreams, consumers with their credentials.
import { randomBytes } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Logger } from '../../log/log.ts'
import { Peer } from './balancing/peer.ts'
import { Upstream } from './balancing/upstream.ts'
import type { Entities, Entity } from './config/entities.ts'
import { type Represent, representer } from './config/entity-json.ts'
import type { Configuration } from './config/load.ts'
import type { Problem } from './config/problems.ts'
import { parsePath } from './config/route-path.ts'
import { type Consumer, Credentials, hashPassword } from './consumers.ts'
import type { Exchange } from './exchange.ts'
import { authorityOf } from './forwarded.ts'
import { normalisePath } from './path.ts'
import { type Chain, type ChainStep, type ClientTls, chainHas, type Route, type Service } from './plan.ts'
import { type CompiledPlugin, type Plugin, PluginConfigError, type PluginSetup } from './plugin.ts'
import type { PluginState } from './plugin-state.ts'
import { SECRET_NAMES } from './record/redact.ts'
import { Router } from './router/router.ts'
import type { Certificate } from './tls/certificates.ts'

export interface Plan {
  readonly router: Router<Route>
  /** For requests that no route matched: the plugins that hold everywhere see their answers. */
  readonly unrouted: Route
  /** For what is no proper request: nobody looks at it. */
  readonly malformed: Route
  readonly upstreams: ReadonlyMap<string, Upstream>
  /** Lower-case names of headers and parameters whose values no log shows. */
  readonly secretNames: ReadonlySet<string>
  readonly entities: Entities
  /** An entity as the admin API shows it. */
  readonly represent: Represent
  /** Certificates of the file for the names that clients ask for. */
  readonly certificates: readonly Certificate[]
  readonly counts: { readonly services: number; readonly routes: number; readonly consumers: number; readonly plugins: number }
}

export interface BuildSetup {
  readonly plugins: ReadonlyMap<string, Plugin>
  readonly log: Logger
  readonly state: PluginState
  /** The plan before: what was known of the health of its targets is kept. */
  readonly before?: Plan | undefined
}

/** What a configuration turns into, or the mistakes that only show when its parts meet. */
export function buildPlan(
  { version, transform, entities }: Configuration,
  { plugins, log, state, before }: BuildSetup,
): { readonly plan: Plan } | { readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  const consumers = consumersOf(entities)
  const credentials = credentialsOf(entities, consumers, transform)
  const names = namesOf(consumers)
  const setup = (id: string): PluginSetup => ({ credentials, consumer: (name) => names.get(name), log, state, id })
  const compiled = new Map<PluginEntity, CompiledPlugin>()
  for (const entity of entities.plugins) {
    if (!entity.fields.enabled) continue
    try {
      const plugin = plugins.get(entity.fields.name)!.compile(withoutNull(entity.fields.config), setup(entity.id))
      compiled.set(entity, forProtocols(plugin, entity))
    } catch (error) {
      if (!(error instanceof PluginConfigError)) throw error
      problems.push({ where: [...entity.where, 'config', ...error.path], what: error.message })
    }
  }
  problems.push(...pairProblems(entities))
  if (problems.length > 0) return { problems }
  const represent = representer(plugins, Math.floor(Date.now() / 1000))
  const upstreams = upstreamsOf(entities, log)
  for (const [name, upstream] of upstreams) {
    const same = before?.upstreams.get(name)
    if (same) upstream.inherit(same)
  }
  const services = servicesOf(entities, upstreams, represent)
  const chain = (routeId: string | undefined, serviceId: string | undefined) => chainOf(routeId, serviceId, compiled, plugins)
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
      ...withTraits(chain(entity.id, serviceId)),
      entity: represent('routes', entity),
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
      unrouted: nowhere(chain(undefined, undefined)),
      malformed: nowhere([]),
      upstreams,
      secretNames: new Set([
        ...SECRET_NAMES,
        ...[...compiled.values()].flatMap(({ secretNames }) => secretNames.map((name) => name.toLowerCase())),
      ]),
      entities,
      represent,
      certificates: certificatesOf(entities),
      counts: { services: services.size, routes: routes.length, consumers: consumers.size, plugins: compiled.size },
    },
  }
}

function withTraits(chain: Chain): Pick<Route, 'chain' | 'filtersBodies' | 'logged'> {
  return { chain, filtersBodies: chainHas(chain, 'body'), logged: chainHas(chain, 'log') }
}

function nowhere(chain: Chain): Route {
  return {
    id: '',
    name: undefined,
    service: undefined,
    pathRule: { base: '/', strip: false, handling: 'v0' },
    preserveHost: false,
    requestBuffering: true,
    http: true,
    https: true,
    httpsRedirectStatus: 426,
    ...withTraits(chain),
    entity: undefined,
  }
}

type PluginEntity = Entities['plugins'][number]

function withoutNull(config: unknown): unknown {
  return config === null ? undefined : config
}

/** A plugin that names one scheme alone rests on the other. */
function forProtocols(plugin: CompiledPlugin, { fields: { protocols } }: PluginEntity): CompiledPlugin {
  if (!protocols || (protocols.includes('http') && protocols.includes('https'))) return plugin
  const { access, headers, body, log } = plugin
  const applies = ({ client }: Exchange) => protocols.includes(client.scheme)
  return {
    ...plugin,
    access: access && ((exchange) => (applies(exchange) ? access(exchange) : undefined)),
    headers: headers && ((exchange, head) => (applies(exchange) ? headers(exchange, head) : undefined)),
    body: body && ((exchange, head) => (applies(exchange) ? body(exchange, head) : undefined)),
    log: log && ((record) => (applies(record.exchange) ? log(record) : undefined)),
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
  for (const { id, links, fields } of entities.jwt_secrets)
    credentials.addJwt({
      id,
      key: fields.key ?? randomText(),
      algorithm: fields.algorithm,
      secret: fields.secret ?? randomText(),
      publicKey: fields.rsa_public_key,
      consumer: consumers.get(links['consumer']!)!,
    })
  for (const { id, links, fields } of entities.hmacauth_credentials)
    credentials.addHmac({
      id,
      username: fields.username,
      secret: fields.secret ?? randomText(),
      consumer: consumers.get(links['consumer']!)!,
    })
  return credentials
}

const randomText = () => randomBytes(24).toString('base64url')

function upstreamsOf({ upstreams, targets }: Entities, log: Logger): Map<string, Upstream> {
  const onTurn = (peer: Peer, { name }: Upstream) =>
    log.warn({ upstream: name, target: peer.name, healthy: peer.healthy }, 'a target changed its health')
  return new Map(
    upstreams.map(({ id, fields }) => {
      const peers = targets.filter(({ links }) => links['upstream'] === id).map(peerOf)
      const names = { hash_on: fields.hash_on, hash_fallback: fields.hash_fallback }
      const rule = (side: 'hash_on' | 'hash_fallback') => {
        const on = names[side]
        return { on, name: on === 'header' || on === 'query_arg' || on === 'uri_capture' ? fields[`${side}_${on}`] : undefined }
      }
      const hash = {
        rule: rule('hash_on'),
        fallback: rule('hash_fallback'),
        cookie: fields.hash_on_cookie,
        cookiePath: fields.hash_on_cookie_path,
      }
      // Older files ask for hashing by hash_on alone.
      const algorithm = fields.algorithm === 'round-robin' && fields.hash_on !== 'none' ? 'consistent-hashing' : fields.algorithm
      const settings = {
        name: fields.name,
        algorithm,
        slots: fields.slots,
        hostHeader: fields.host_header,
        hash,
        checks: fields.healthchecks,
      }
      return [fields.name, new Upstream(settings, peers, onTurn)]
    }),
  )
}

function servicesOf(
  { services, certificates, ca_certificates }: Entities,
  upstreams: ReadonlyMap<string, Upstream>,
  represent: Represent,
): Map<string, { service: Service; path: string }> {
  const authorities = new Map(ca_certificates.map(({ id, fields }) => [id, fields.cert]))
  const pairs = new Map(certificates.map(({ id, fields }) => [id, fields]))
  return new Map(
    services
      .filter(({ fields }) => fields.enabled)
      .map((entity) => {
        const { id, fields, links } = entity
        const scheme = fields.protocol === 'https' ? 'https' : 'http'
        const own = pairs.get(links['client_certificate'] ?? '')
        const ca = fields.ca_certificates?.flatMap((caId) => authorities.get(caId) ?? [])
        const clientTls: ClientTls | undefined = ca || own ? { ca, cert: own?.cert, key: own?.key } : undefined
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
          clientTls,
          balancer: upstreams.get(fields.host),
          entity: represent('services', entity),
        }
        return [id, { service, path: normalisePath(fields.path ?? '/') }]
      }),
  )
}

function certificatesOf({ certificates, snis }: Entities): Certificate[] {
  return certificates.map(({ id, fields }) => {
    const names = snis.filter(({ links }) => links['certificate'] === id).map((sni) => sni.fields.name)
    return { cert: fields.cert, key: fields.key, ...(names.length > 0 && { names }) }
  })
}

/** Certificates whose key is another's, or none. */
function pairProblems({ certificates }: Entities): Problem[] {
  return certificates.flatMap(({ fields: { cert, key }, where }) => {
    try {
      createSecureContext({ cert, key })
      return []
    } catch {
      // OpenSSL's reason could quote the key.
      return [{ where: [...where, 'key'], what: 'certificate does not match key' }]
    }
  })
}

const DEFAULT_TARGET_PORT = 8000

function peerOf({ fields: { target, weight } }: Entity<{ target: string; weight: number }>): Peer {
  const [, host = target, port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(target) ?? []
  return new Peer(host, port === undefined ? DEFAULT_TARGET_PORT : Number(port), weight)
}

/**
 * Which configuration of each plugin runs on a route. The most specific wins: route and service and consumer, route and consumer,
 * service and consumer, route and service, consumer, route, service, everybody.
 */
function chainOf(
  routeId: string | undefined,
  serviceId: string | undefined,
  compiled: ReadonlyMap<PluginEntity, CompiledPlugin>,
  plugins: ReadonlyMap<string, Plugin>,
): Chain {
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
