// The configuration in force, compiled: what one request needs, looked up once. Made anew at a reload and swapped in whole.
import type { Upstream } from './balancing/upstream.ts'
import type { Exchange } from './exchange.ts'
import type { PathRule } from './path.ts'
import type { CompiledPlugin } from './plugin.ts'

export interface Service {
  readonly id: string
  readonly name: string | undefined
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  /** Host header for the service: the port only where it is not the scheme's own. */
  readonly authority: string
  readonly retries: number
  readonly connectTimeoutMs: number
  readonly writeTimeoutMs: number
  readonly readTimeoutMs: number
  readonly tlsVerify: boolean
  readonly clientTls: ClientTls | undefined
  /** Set when the host is the name of an upstream with targets. */
  readonly balancer: Upstream | undefined
  /** As the admin API shows it. */
  readonly entity: object
}

/** Whom the gateway trusts and who it is towards a service over https. PEM texts. */
export interface ClientTls {
  readonly ca: readonly string[] | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

export interface Route {
  readonly id: string
  readonly name: string | undefined
  readonly service: Service | undefined
  readonly pathRule: PathRule
  readonly preserveHost: boolean
  /** Small bodies are read whole before the service is contacted. */
  readonly requestBuffering: boolean
  /** Schemes that the route serves; a plain request on an https route is told so. */
  readonly http: boolean
  readonly https: boolean
  readonly httpsRedirectStatus: number
  readonly chain: Chain
  /** Some plugin of the chain looks at bodies of answers. */
  readonly filtersBodies: boolean
  /** Some plugin of the chain is told of finished requests. */
  readonly logged: boolean
  /** As the admin API shows it; undefined for requests that no route matched. */
  readonly entity: object | undefined
}

/** The plugins of one route in the order in which they run. */
export type Chain = readonly ChainStep[]

export interface ChainStep {
  /** What runs for everybody. */
  readonly base: CompiledPlugin | undefined
  /** What runs instead for one consumer, by id. */
  readonly consumers: ReadonlyMap<string, CompiledPlugin> | undefined
}

export function pluginOf(step: ChainStep, exchange: Exchange): CompiledPlugin | undefined {
  if (!step.consumers || !exchange.consumer) return step.base
  return step.consumers.get(exchange.consumer.id) ?? step.base
}

/** Whether any configuration in the chain has the phase. */
export function chainHas(chain: Chain, phase: 'body' | 'log'): boolean {
  return chain.some(
    ({ base, consumers }) => base?.[phase] !== undefined || [...(consumers?.values() ?? [])].some((plugin) => plugin[phase] !== undefined),
  )
}
