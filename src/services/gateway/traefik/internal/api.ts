// The API: what is in force, as JSON. Upstream: pkg/api.
import { respond } from '../answer.ts'
import { type MiddlewareInfo, qualified, type RouterInfo, type RuntimeConfig, type ServiceInfo, type Status } from '../config/runtime.ts'
import type { StaticConfig } from '../config/static.ts'
import type { Handle } from '../flight.ts'
import { goDuration, httpError } from '../go-http.ts'
import type { InternalRoute, Plan } from '../plan.ts'

/** What upstream's version is that this front end follows. */
export const TRAEFIK_VERSION = '3.7.9'

interface Answered {
  readonly status: number
  readonly body: unknown
  readonly nextPage?: number
}
type Item = Readonly<Record<string, unknown>> & { readonly name: string; readonly status?: Status }

export function apiHandle(
  config: StaticConfig,
  plan: () => Plan,
  { basePath }: NonNullable<StaticConfig['api']>,
  routes: () => readonly InternalRoute[],
  services: ReadonlyMap<string, Handle>,
): Handle {
  const base = basePath.replace(/\/$/, '')
  const started = new Date().toISOString()
  return (flight, answer) => {
    const path = flight.path.startsWith(base) ? flight.path.slice(base.length) : flight.path
    if (flight.method !== 'GET' && flight.method !== 'HEAD') return respond(answer, 405, '')
    const found = answerTo(path, new URLSearchParams(flight.query.slice(1)))
    if (!found) return httpError(answer, 404, '404 page not found')
    const lines = ['Content-Type', 'application/json']
    if (found.nextPage !== undefined) lines.push('X-Next-Page', String(found.nextPage))
    respond(answer, found.status, `${JSON.stringify(found.body)}\n`, lines)
  }

  function answerTo(path: string, query: URLSearchParams): Answered | undefined {
    const { runtime } = plan()
    const [, api, kind, what, id, ...rest] = path.split('/')
    if (api !== 'api' || rest.length > 0) return undefined
    if (what === undefined)
      switch (kind) {
        case 'version':
          return { status: 200, body: { Version: TRAEFIK_VERSION, Codename: 'plinth', startDate: started, disableDashboardAd: true } }
        case 'rawdata':
          return { status: 200, body: rawData(runtime) }
        case 'overview':
          return { status: 200, body: overview(runtime, config, { routers: routes().length, services: services.size }) }
        case 'entrypoints':
          return list(entryPoints(config), query)
        case 'certificates':
          return list([], query)
        default:
          return undefined
      }
    if (kind === 'entrypoints' && id === undefined) return single(entryPoints(config), what, 'entry point')
    if (kind === 'tcp' || kind === 'udp') {
      const kinds = kind === 'tcp' ? ['routers', 'services', 'middlewares'] : ['routers', 'services']
      if (!kinds.includes(what)) return undefined
      return id === undefined ? list([], query) : single([], id, what.slice(0, -1))
    }
    if (kind !== 'http') return undefined
    const items = itemsOf(what)
    if (!items) return undefined
    return id === undefined ? list(items.filter(wanted(query)), query) : single(items, id, what.slice(0, -1))
  }

  function itemsOf(what: string): Item[] | undefined {
    const { runtime } = plan()
    if (what === 'routers') return [...internalRouters(routes()), ...[...runtime.routers.values()].map(routerItem)]
    if (what === 'services') return [...internalServices(routes(), services), ...[...runtime.services.values()].map(serviceItem)]
    return what === 'middlewares' ? [...runtime.middlewares.values()].map(middlewareItem) : undefined
  }
}

function internalRouters(routes: readonly InternalRoute[]): Item[] {
  return routes.map(({ name, entryPoint, rule, priority, service }) => ({
    entryPoints: [entryPoint],
    service,
    rule,
    ruleSyntax: 'default',
    priority,
    status: 'enabled',
    using: [entryPoint],
    name,
    provider: 'internal',
  }))
}

function internalServices(routes: readonly InternalRoute[], services: ReadonlyMap<string, Handle>): Item[] {
  return [...services.keys()].map((name) => {
    const usedBy = routes.filter(({ service }) => service === name).map((route) => route.name)
    return { status: 'enabled', ...(usedBy.length > 0 ? { usedBy } : {}), name, provider: 'internal' }
  })
}

function withErrors<Body extends object>(body: Body, errors: readonly string[]): Body {
  return errors.length > 0 ? { ...body, error: errors } : body
}

function routerBody({ config, provider, entryPoints, priority, status, using, errors }: RouterInfo): object {
  const { middlewares, service, rule, ruleSyntax, tls, observability } = config
  return withErrors(
    {
      entryPoints,
      ...(middlewares ? { middlewares: middlewares.map((one) => qualified(one, provider)) } : {}),
      service,
      rule,
      ...(ruleSyntax ? { ruleSyntax } : {}),
      priority,
      ...(tls ? { tls: { ...tls, options: tls.options ?? 'default' } } : {}),
      observability: { accessLogs: true, metrics: true, tracing: true, traceVerbosity: 'minimal', ...observability },
      status,
      using,
    },
    errors,
  )
}

const routerItem = (info: RouterInfo): Item => ({
  ...routerBody(info),
  name: info.name,
  provider: info.provider,
  status: info.status,
  priorityStr: String(info.priority),
})

function serviceBody({ config, status, usedBy, errors, serverStatus }: ServiceInfo): object {
  return withErrors(
    {
      ...(shown(config) as object),
      status,
      ...(usedBy.size > 0 ? { usedBy: [...usedBy].sort() } : {}),
      ...(serverStatus ? { serverStatus: serverStatus() } : {}),
    },
    errors,
  )
}

const serviceItem = (info: ServiceInfo): Item => ({
  ...serviceBody(info),
  name: info.name,
  provider: info.provider,
  type: typeOf(info.config),
  status: info.status,
})

function middlewareBody({ config, status, usedBy, errors }: MiddlewareInfo): object {
  return withErrors({ ...(shown(config) as object), status, ...(usedBy.size > 0 ? { usedBy: [...usedBy].sort() } : {}) }, errors)
}

const middlewareItem = (info: MiddlewareInfo): Item => ({
  ...middlewareBody(info),
  name: info.name,
  provider: info.provider,
  type: typeOf(info.config),
  status: info.status,
})

/** The one kind that is set, in lower case. */
function typeOf(config: object): string | undefined {
  return Object.entries(config)
    .find(([, value]) => value !== undefined)?.[0]
    .toLowerCase()
}

const SECRETS = new Set(['users', 'password', 'key'])
const DURATIONS = /(?:interval|timeout|period|duration|window|delay)$/i

/** Shown even when they are off: to be off is not their default. */
const SHOWN_FALSE = new Set(['passHostHeader', 'followRedirects', 'mirrorBody', 'sanitizePath', 'permanent', 'weight', 'percent'])

/** What upstream leaves out: an option at its type's own nothing. */
function isZero(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === false || value === 0 || value === ''
}

/** A configuration as the API shows it: no secrets, no empty values, durations in Go's words. */
function shown(value: unknown, name = '', depth = 0): object | unknown {
  if (SECRETS.has(name)) return Array.isArray(value) ? value.map(() => 'xxxx') : 'xxxx'
  if (typeof value === 'number' && DURATIONS.test(name)) return goDuration(value)
  if (Array.isArray(value)) return value.map((item) => shown(item, '', depth + 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => item !== undefined && (depth === 0 || SHOWN_FALSE.has(key) || !isZero(item)))
      .map(([key, item]) => [key, shown(item, key, depth + 1)]),
  )
}

function rawData({ routers, services, middlewares }: RuntimeConfig): object {
  return {
    routers: Object.fromEntries([...routers].map(([name, info]) => [name, routerBody(info)])),
    middlewares: Object.fromEntries([...middlewares].map(([name, info]) => [name, middlewareBody(info)])),
    services: Object.fromEntries([...services].map(([name, info]) => [name, serviceBody(info)])),
  }
}

function section(infos: Iterable<{ status: Status }>): { total: number; warnings: number; errors: number } {
  const all = [...infos]
  const count = (status: Status) => all.filter((info) => info.status === status).length
  return { total: all.length, warnings: count('warning'), errors: count('disabled') }
}

function overview(
  { routers, services, middlewares }: RuntimeConfig,
  config: StaticConfig,
  own: { readonly routers: number; readonly services: number },
): object {
  const withOwn = (one: ReturnType<typeof section>, more: number) => ({ ...one, total: one.total + more })
  const none = { total: 0, warnings: 0, errors: 0 }
  return {
    http: {
      routers: withOwn(section(routers.values()), own.routers),
      services: withOwn(section(services.values()), own.services),
      middlewares: section(middlewares.values()),
    },
    tcp: { routers: none, services: none, middlewares: none },
    udp: { routers: none, services: none },
    certificates: none,
    features: { tracing: '', metrics: config.metrics?.prometheus ? 'Prometheus' : '', accessLog: config.accessLog !== undefined },
    providers: [...(config.providers.compose ? ['Docker'] : []), ...(config.providers.file ? ['File'] : [])],
  }
}

function entryPoints(config: StaticConfig): Item[] {
  return Object.entries(config.entryPoints)
    .map(([name, entryPoint]) => ({ ...(shown(entryPoint) as object), name }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function wanted(query: URLSearchParams): (item: Item) => boolean {
  const search = query.get('search')?.toLowerCase()
  const status = query.get('status')?.toLowerCase()
  const service = query.get('serviceName')
  const middleware = query.get('middlewareName')
  return (item) =>
    (!search ||
      item.name.toLowerCase().includes(search) ||
      String(item['rule'] ?? '')
        .toLowerCase()
        .includes(search)) &&
    (!status || item.status === status) &&
    (!service || item['service'] === service) &&
    (!middleware || ((item['middlewares'] as string[] | undefined) ?? []).includes(middleware))
}

const PER_PAGE = 100

function list(items: readonly Item[], query: URLSearchParams): Answered {
  const by = query.get('sortBy') || 'name'
  const direction = query.get('direction') === 'desc' ? -1 : 1
  const sorted = items.toSorted((a, b) => direction * compare(a[by], b[by]) || compare(a.name, b.name))
  const [page, perPage] = [query.get('page'), query.get('per_page')].map((text, at) =>
    text === null ? [1, PER_PAGE][at]! : Number(text),
  ) as [number, number]
  if (!(page >= 1) || !(perPage >= 1) || !Number.isInteger(page) || !Number.isInteger(perPage))
    return { status: 400, body: { message: `invalid request: page: ${query.get('page')}, per_page: ${query.get('per_page')}` } }
  const start = (page - 1) * perPage
  if (start !== 0 && start >= sorted.length)
    return { status: 400, body: { message: `invalid request: page: ${page}, per_page: ${perPage}` } }
  return { status: 200, body: sorted.slice(start, start + perPage), nextPage: start + perPage >= sorted.length ? 1 : page + 1 }
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [left, right] = [String(a ?? ''), String(b ?? '')]
  return left < right ? -1 : left > right ? 1 : 0
}

function single(items: readonly Item[], id: string, what: string): Answered {
  let name: string
  try {
    name = decodeURIComponent(id)
  } catch {
    return { status: 400, body: { message: `unable to decode ${what}ID ${JSON.stringify(id)}` } }
  }
  const found = items.find((item) => item.name === name)
  return found ? { status: 200, body: found } : { status: 404, body: { message: `${what} not found: ${name}` } }
}
