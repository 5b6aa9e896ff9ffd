// What a middleware is: a name, a checked configuration, and what it puts before the next handler.
import type { z } from 'zod'
import type { Logger } from '../../../../log/log.ts'
import type { Handle } from '../flight.ts'

export interface MiddlewareSetup {
  /** With its provider: `auth@file`. */
  readonly name: string
  readonly log: Logger
  /** The handler of a service by the name that the configuration uses. Throws for one that does not exist. */
  service(name: string): Handle
  /** A request of the gateway's own to an address of the configuration. */
  readonly fetch: Fetch
  /** Registers what has to end with the configuration. */
  onEnd(end: () => void): void
}

export type Fetch = (
  url: URL,
  init: {
    readonly method: string
    readonly headers: readonly string[]
    readonly body: Buffer
    readonly timeoutMs: number
    readonly maxBytes: number
    readonly tlsVerify: boolean
    readonly signal: AbortSignal
  },
) => Promise<{ status: number; headers: string[]; body: Buffer }>

export type Wrap = (next: Handle) => Handle

/** A configuration that cannot be built: its routers are disabled, with this text in the API. */
export class MiddlewareError extends Error {}

export interface MiddlewareDefinition<Schema extends z.ZodType = z.ZodType> {
  /** The key in the configuration. */
  readonly name: string
  readonly config: Schema
  /** Throws MiddlewareError. */
  build(config: z.output<Schema>, setup: MiddlewareSetup): Wrap
}

/** A middleware as the list knows it, its configuration's type forgotten: what it is built from has passed its schema. */
export interface Middleware {
  readonly name: string
  readonly config: z.ZodType
  build(config: unknown, setup: MiddlewareSetup): Wrap
}

export function defineMiddleware<Schema extends z.ZodType>({ name, config, build }: MiddlewareDefinition<Schema>): Middleware {
  return { name, config, build: (given, setup) => build(given as z.output<Schema>, setup) }
}
