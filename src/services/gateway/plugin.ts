// What a plugin is: a name, a place in the order, a checked configuration, and what it does to a request and to the head of its answer.
import type { z } from 'zod'
import type { Consumer, Credentials } from './consumers.ts'
import type { Refusal } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { ResponseHead } from './response-head.ts'

/** Undefined lets the request go on; a refusal is the answer. */
export type AccessStep = (exchange: Exchange) => Refusal | undefined | Promise<Refusal | undefined>
export type HeaderStep = (exchange: Exchange, head: ResponseHead) => void

/** What the configuration of a route is compiled with. */
export interface PluginSetup {
  readonly credentials: Credentials
  /** By id, username or custom_id. */
  consumer(name: string): Consumer | undefined
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

export interface PluginDefinition<Schema extends z.ZodType = z.ZodType> {
  readonly name: string
  /** Higher runs first; Kong's number of the plugin. */
  readonly priority: number
  readonly config: Schema
  /** Whether it may be bound to a consumer; authentication and CORS may not. */
  readonly takesConsumer?: boolean
  /** Read once per place of use; the function that it returns is what a request costs. */
  readonly access?: (config: z.output<Schema>, setup: PluginSetup) => AccessStep
  /** Changes the head of every answer of the route, the gateway's own ones included. */
  readonly headers?: (config: z.output<Schema>, setup: PluginSetup) => HeaderStep
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
}

export function definePlugin<Schema extends z.ZodType>(definition: PluginDefinition<Schema>): Plugin {
  const { name, priority, config: schema, takesConsumer = true, access, headers } = definition
  return {
    name,
    priority,
    takesConsumer,
    config: schema,
    compile(config, setup) {
      const parsed = schema.parse(config ?? {})
      return { name, access: access?.(parsed, setup), headers: headers?.(parsed, setup) }
    },
  }
}
