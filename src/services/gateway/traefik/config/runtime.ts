// The configuration as it is in force: what all providers say under qualified names, and for each router, service and middleware
// whether it could be built, why not, and who uses it. The API shows this.

import type { MiddlewareConfig } from '../middlewares/index.ts'
import type { DynamicConfig, RouterConfig, ServiceConfig, TransportConfig } from './dynamic.ts'

export type Status = 'enabled' | 'disabled' | 'warning'

interface Info {
  readonly name: string
  readonly provider: string
  status: Status
  readonly errors: string[]
}
export interface RouterInfo extends Info {
  readonly config: RouterConfig
  /** Entry points that serve it. */
  using: string[]
  entryPoints: readonly string[]
  /** With those of its entry points before its own. */
  priority: number
}
export interface ServiceInfo extends Info {
  readonly config: ServiceConfig
  readonly usedBy: Set<string>
  /** Of a load balancer: the state of each server, by URL. */
  serverStatus?: () => Record<string, 'UP' | 'DOWN'>
}
export interface MiddlewareInfo extends Info {
  readonly config: MiddlewareConfig
  readonly usedBy: Set<string>
}

export interface RuntimeConfig {
  readonly routers: Map<string, RouterInfo>
  readonly services: Map<string, ServiceInfo>
  readonly middlewares: Map<string, MiddlewareInfo>
  readonly transports: Map<string, TransportConfig>
  readonly tls: readonly NonNullable<DynamicConfig['tls']>[]
}

/** `name` as the provider means it: its own, unless the name says whose. */
export function qualified(name: string, provider: string): string {
  return name.includes('@') ? name : `${name}@${provider}`
}

export function providerOf(name: string): string {
  return name.slice(name.lastIndexOf('@') + 1)
}

export function gather(configs: ReadonlyMap<string, DynamicConfig>): RuntimeConfig {
  const runtime: RuntimeConfig = { routers: new Map(), services: new Map(), middlewares: new Map(), transports: new Map(), tls: [] }
  for (const [provider, { http, tls }] of configs) {
    const info = (name: string) => ({ name: qualified(name, provider), provider, status: 'enabled' as Status, errors: [] as string[] })
    for (const [name, config] of Object.entries(http.routers))
      runtime.routers.set(qualified(name, provider), { ...info(name), config, using: [], entryPoints: [], priority: 0 })
    for (const [name, config] of Object.entries(http.services))
      runtime.services.set(qualified(name, provider), { ...info(name), config, usedBy: new Set() })
    for (const [name, config] of Object.entries(http.middlewares))
      runtime.middlewares.set(qualified(name, provider), { ...info(name), config, usedBy: new Set() })
    for (const [name, config] of Object.entries(http.serversTransports)) runtime.transports.set(qualified(name, provider), config)
    if (tls) (runtime.tls as NonNullable<DynamicConfig['tls']>[]).push(tls)
  }
  return runtime
}

/** What is wrong stays in the list, and out of the way of the others. */
export function fail(info: Info, error: string, critical = true): void {
  if (!info.errors.includes(error)) info.errors.push(error)
  if (critical) info.status = 'disabled'
  else if (info.status !== 'disabled') info.status = 'warning'
}
