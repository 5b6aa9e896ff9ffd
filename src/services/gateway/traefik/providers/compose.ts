// Labels of the services of a compose file, in the place of the Docker provider: names end in `@docker`.
import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import type { Logger } from '../../../../log/log.ts'
import type { Environment } from '../../../../service/definition.ts'
import { type Raw, readShape, TraefikConfigError } from '../config/conform.ts'
import { type DynamicConfig, dynamicSchema, type LoadBalancerConfig } from '../config/dynamic.ts'
import { parseText } from '../config/parse-text.ts'
import { renderTemplate } from '../config/template.ts'
import { treeOf } from '../config/tree.ts'
import { fillVariables } from './compose-variables.ts'
import { constraint } from './constraint.ts'
import { watchFolders } from './watch.ts'

export interface ComposeSettings {
  readonly filename: string
  readonly exposedByDefault: boolean
  readonly defaultRule: string | undefined
  readonly constraints: string
}

const DEFAULT_RULE = 'Host(`{{ normalize .Name }}`)'

interface ComposeService {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  readonly ports: readonly number[]
}

/** Throws TraefikConfigError for a file that cannot be read; a service whose labels are wrong is left out, and said. */
export async function loadCompose(settings: ComposeSettings, env: Environment, log: Logger): Promise<DynamicConfig> {
  let text: string
  try {
    text = await readFile(settings.filename, 'utf8')
  } catch (error) {
    throw new TraefikConfigError(settings.filename, [
      { where: '', what: `cannot read the file (${(error as NodeJS.ErrnoException).code})` },
    ])
  }
  const file = fillVariables(parseText(settings.filename, text), env)
  const project = projectOf(file, settings.filename)
  const accepts = constraint(settings.constraints)
  const merged = dynamicSchema.parse({})
  for (const service of servicesOf(file)) {
    const enabled = label(service, 'traefik.enable')
    if (enabled === undefined ? !settings.exposedByDefault : !/^(?:true|1|t)$/i.test(enabled)) continue
    if (!accepts(service.labels)) continue
    try {
      merge(merged, configOf(service, project, settings, env, log), service.name, log)
    } catch (error) {
      log.error({ service: service.name, reason: (error as Error).message }, 'the labels of a compose service cannot be used')
    }
  }
  return merged
}

export function watchCompose({ filename }: ComposeSettings, changed: () => void): () => void {
  return watchFolders([dirname(filename)], () => readFile(filename, 'utf8'), changed)
}

type Table = Readonly<Record<string, Raw>>
const tableOf = (raw: Raw): Table => (typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? (raw as Table) : {})

function projectOf(file: Raw, filename: string): string {
  const name = tableOf(file)['name']
  return typeof name === 'string' && name !== '' ? name : basename(dirname(resolve(filename)))
}

function servicesOf(file: Raw): ComposeService[] {
  return Object.entries(tableOf(tableOf(file)['services'])).map(([name, raw]) => {
    const { labels, expose, ports } = tableOf(raw)
    return { name, labels: labelsOf(labels), ports: [...portsOf(expose), ...portsOf(ports)] }
  })
}

/** A list of `key=value`, or a map. */
function labelsOf(raw: Raw): Map<string, string> {
  if (Array.isArray(raw))
    return new Map(
      (raw as readonly Raw[]).map((item) => {
        const line = String(item)
        const equals = line.indexOf('=')
        return equals < 0 ? ([line, ''] as const) : ([line.slice(0, equals), line.slice(equals + 1)] as const)
      }),
    )
  return new Map(Object.entries(tableOf(raw)).map(([key, value]) => [key, value === null || value === undefined ? '' : String(value)]))
}

/** The container's side of `expose` and `ports`, the lowest first. */
function portsOf(raw: Raw): number[] {
  if (!Array.isArray(raw)) return []
  return (raw as readonly Raw[])
    .map((item) => {
      const target = tableOf(item)['target']
      const text = String(target ?? item).replace(/\/(?:tcp|udp)$/, '')
      return Number(/(\d+)(?:-\d+)?$/.exec(text)?.[1] ?? Number.NaN)
    })
    .filter((port) => port > 0)
    .sort((a, b) => a - b)
}

function label({ labels }: ComposeService, name: string): string | undefined {
  for (const [key, value] of labels) if (key.toLowerCase() === name) return value
  return undefined
}

const KEPT = /^traefik\.(?:http|tls)\./i

function configOf(service: ComposeService, project: string, settings: ComposeSettings, env: Environment, log: Logger): DynamicConfig {
  const pairs = [...service.labels].filter(([key]) => KEPT.test(key))
  const config = readShape(treeOf(pairs, 'traefik'), dynamicSchema, `labels of ${service.name}`)
  const { routers, services } = config.http
  const own = normalise(`${service.name}_${project}`)
  if (Object.keys(services).length === 0)
    put(services, own, {
      loadBalancer: dynamicSchema.shape.http.parse({ services: { s: { loadBalancer: {} } } }).services['s']!.loadBalancer,
    })
  for (const { loadBalancer } of Object.values(services)) if (loadBalancer) loadBalancer.servers = serversOf(loadBalancer, service, env)
  const names = Object.keys(services)
  if (Object.keys(routers).length === 0) {
    if (names.length > 1) throw new Error(`Could not create a router for the container: too many services: ${names.join(', ')}`)
    put(routers, own, {})
  }
  for (const [name, router] of Object.entries(routers)) {
    if (!router.rule) {
      const model = {
        Name: `${service.name}_${project}`,
        ContainerName: `${project}-${service.name}-1`,
        Labels: Object.fromEntries(service.labels),
      }
      router.rule = renderTemplate(settings.defaultRule || DEFAULT_RULE, env, model)
    }
    if (router.service) continue
    if (names.length === 1) router.service = names[0]!
    else {
      delete routers[name]
      log.error({ service: service.name }, `Router ${name} cannot be linked automatically with multiple Services: ${JSON.stringify(names)}`)
    }
  }
  return config
}

function put<Value>(into: Record<string, Value>, key: string, value: Value): void {
  Object.defineProperty(into, key, { value, enumerable: true, configurable: true, writable: true })
}

/** `server.url` as it is; else the service's name, which `<SERVICE>_URL` or the network then resolves. */
function serversOf(loadBalancer: LoadBalancerConfig, service: ComposeService, env: Environment): LoadBalancerConfig['servers'] {
  const [given = { preservePath: false }] = loadBalancer.servers
  if ('url' in given && given.url) return [given]
  const elsewhere = env[`${service.name.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}_URL`]
  const port = ('port' in given && given.port) || service.ports[0] || (elsewhere ? 80 : undefined)
  if (port === undefined) throw new Error('port is missing')
  const scheme = ('scheme' in given && given.scheme) || 'http'
  return [{ ...given, url: `${scheme}://${service.name}:${port}` }]
}

function normalise(name: string): string {
  return name
    .split(/[^A-Za-z0-9]+/)
    .filter((part) => part !== '')
    .join('-')
}

/** Services of one name in several containers are one with all their servers; anything else of one name is a mistake of both. */
function merge(into: DynamicConfig, from: DynamicConfig, service: string, log: Logger): void {
  for (const [name, config] of Object.entries(from.http.services)) {
    const known = Object.hasOwn(into.http.services, name) ? into.http.services[name]! : undefined
    if (!known) put(into.http.services, name, config)
    else if (known.loadBalancer && config.loadBalancer) known.loadBalancer.servers.push(...config.loadBalancer.servers)
  }
  for (const kind of ['routers', 'middlewares', 'serversTransports'] as const)
    for (const [name, config] of Object.entries(from.http[kind])) {
      const known = Object.hasOwn(into.http[kind], name) ? into.http[kind][name] : undefined
      if (known === undefined) put(into.http[kind] as Record<string, unknown>, name, config)
      else if (JSON.stringify(known) !== JSON.stringify(config))
        log.error({ service, kind, name }, 'defined by several compose services with different configurations: the first one is used')
    }
}
