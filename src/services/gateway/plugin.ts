// What a plugin is: a name, a place in the order, a checked configuration, and what it does in each phase of a request.
import type { z } from 'zod'
import type { Logger } from '../../log/log.ts'
import type { BodyFilter } from './body-filter.ts'
import type { Consumer, Credentials } from './consumers.ts'
import type { Refusal } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { PluginState } from './plugin-state.ts'
import type { TrafficRecord } from './record/record.ts'
import type { ResponseHead } from './response-head.ts'

/** Undefined lets the request go on; a refusal is the answer. */
export type AccessStep = (exchange: Exchange) => Refusal | undefined | Promise<Refusal | undefined>
export type HeaderStep = (exchange: Exchange, head: ResponseHead) => void
/** What the body of an answer passes through, if anything. */
export type BodyStep = (exchange: Exchange, head: ResponseHead) => BodyFilter | undefined
/** Called when the answer is over, also when the client went away before. */
export type LogStep = (record: TrafficRecord) => void

/** What the configuration of a route is compiled with. */
export interface PluginSetup {
  readonly credentials: Credentials
  /** By id, username or custom_id. */
  consumer(name: string): Consumer | undefined
  readonly log: Logger
  /** What outlives a reload: counters, connections, queues. */
  readonly state: PluginState
  /** Id of this configuration: the same after a restart with the same file. */
  readonly id: string
}

/** A configuration that cannot be used, found when it is compiled: the message goes into the report of the file. */
export class PluginConfigError extends Error {
  readonly path: readonly (string | number)[]
  constructor(path: readonly (string | number)[], message: string) {
    super(message)
    this.name = 'PluginConfigError'
    this.path = path
  }
}

/** The functions that a request costs. */
export interface Phases {
  readonly access?: AccessStep | undefined
  /** Changes the head of every answer of the route, the gateway's own ones included. */
  readonly headers?: HeaderStep | undefined
  readonly body?: BodyStep | undefined
  readonly log?: LogStep | undefined
}

export interface PluginDefinition<Schema extends z.ZodType = z.ZodType> {
  readonly name: string
  /** Higher runs first; Kong's number of the plugin. */
  readonly priority: number
  readonly config: Schema
  /** Whether it may be bound to a consumer; authentication and CORS may not. */
  readonly takesConsumer?: boolean
  /** Names of headers and of parameters in which secrets travel: no log shows their values. */
  readonly secretNames?: (config: z.output<Schema>) => readonly string[]
  /** Read once per place of use; the function that it returns is what a request costs. */
  readonly access?: (config: z.output<Schema>, setup: PluginSetup) => AccessStep
  readonly headers?: (config: z.output<Schema>, setup: PluginSetup) => HeaderStep
  /** Several phases that know of each other. */
  readonly phases?: (config: z.output<Schema>, setup: PluginSetup) => Phases
}

/** A plugin as the list knows it, its configuration's type forgotten. */
export interface Plugin {
  readonly name: string
  readonly priority: number
  readonly takesConsumer: boolean
  readonly config: z.ZodType
  compile(config: unknown, setup: PluginSetup): CompiledPlugin
}

export interface CompiledPlugin {
  readonly name: string
  readonly access: AccessStep | undefined
  readonly headers: HeaderStep | undefined
  readonly body: BodyStep | undefined
  readonly log: LogStep | undefined
  readonly secretNames: readonly string[]
}

export function definePlugin<Schema extends z.ZodType>(definition: PluginDefinition<Schema>): Plugin {
  const { name, priority, config: schema, takesConsumer = true, access, headers, phases, secretNames } = definition
  return {
    name,
    priority,
    takesConsumer,
    config: schema,
    compile(config, setup) {
      const parsed = schema.parse(config ?? {})
      const own = phases?.(parsed, setup) ?? {}
      return {
        name,
        access: access?.(parsed, setup) ?? own.access,
        headers: headers?.(parsed, setup) ?? own.headers,
        body: own.body,
        log: own.log,
        secretNames: secretNames?.(parsed) ?? [],
      }
    },
  }
}
