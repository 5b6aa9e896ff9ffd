// What a service is: its name, its typed environment, what it waits for, and how it starts. Every folder under src/services exports one.
import type { SecureContext, SecureVersion } from 'node:tls'
import type { z } from 'zod'
import type { Dispatcher } from '../http/dispatch.ts'
import type { Handler, UpgradeHandler } from '../http/handler.ts'
import type { Logger } from '../log/log.ts'

/** `started`: its start has returned. `healthy`: its health check has passed since. */
export type Condition = 'started' | 'healthy'

/** One port of a service, by the number that upstream's image listens on: `http://rest:3001` is `{ port: 3001 }` of `rest`. */
export interface Endpoint {
  readonly port: number
  readonly handle: Handler
  readonly upgrade?: UpgradeHandler
  /** Where the endpoint speaks TLS when it is given a socket. */
  readonly tls?: TlsMaterial
}

export interface TlsMaterial {
  /** The certificate (with its chain) and key of whoever asks for no name, or for one that `contextFor` does not know. PEM. */
  readonly cert: string
  readonly key: string
  /** Lowest version; TLSv1.2 when unset. */
  readonly minVersion?: SecureVersion
  readonly maxVersion?: SecureVersion
  /** OpenSSL's list of cipher names; Node's own when unset. */
  readonly ciphers?: string
  /** Plain requests are answered on the same port, by the first byte of a connection. */
  readonly plainToo?: boolean
  /** Offers HTTP/2 beside HTTP/1.1. */
  readonly http2?: boolean
  /** The certificate for the name that a client asks for (SNI); asked at every handshake, so it may change while the endpoint serves. */
  contextFor?(name: string): SecureContext | undefined
  /** Domain validation by an authority (TLS-ALPN-01, RFC 8737): the context for such a connection, while one is awaited. */
  validation?: { awaited(): boolean; contextFor(name: string): SecureContext | undefined }
}

/** What a service sees of the rest of the stack. */
export interface ServiceContext {
  readonly log: Logger
  /** Resolves names of the stack (`http://rest:3000`) to handlers in this process. Never to be asked for a URL that a user supplied. */
  readonly dispatcher: Dispatcher
  /** Aborted when the start is to be given up. */
  readonly signal: AbortSignal
}

export interface RunningService {
  readonly endpoints: readonly Endpoint[]
  /** Resolves when the service can serve; rejects with the reason when it cannot. */
  health(): Promise<void>
  /** Resolves when the service has ended by itself (its process was killed): it is restarted at once, not at its next health check. */
  readonly ended?: Promise<void>
  /**
   * Re-reads configuration and caches (SIGHUP, SIGUSR1/2 of the upstream images). `values` are the variables as they are now, in the shape of
   * the definition's schema; absent where nobody has read them again.
   */
  reload?(values?: unknown): Promise<void>
  /** Frees whatever start opened, in reverse order. */
  stop(): Promise<void>
}

/** Where a served service listens: the endpoint's number, and the address that upstream's variables ask for. */
export interface ListenAddress {
  readonly endpoint: number
  readonly host: string
  readonly port: number
}

export type Environment = Readonly<Record<string, string | undefined>>

export interface ServiceDefinition<Schema extends z.ZodType = z.ZodType> {
  readonly name: string
  /** One zod object; its keys are the variables of upstream's image. */
  readonly env: Schema
  readonly needs: Readonly<Record<string, Condition>>
  /** Which variable takes the flags that upstream's own program is started with, one a line (`plinth serve NAME --flag`). */
  readonly flagsVariable?: string
  /** Upstream's default addresses, used by `plinth serve` only. */
  listen(env: z.output<Schema>): readonly ListenAddress[]
  start(env: z.output<Schema>, ctx: ServiceContext): Promise<RunningService>
}

export function defineService<Schema extends z.ZodType>(definition: ServiceDefinition<Schema>): ServiceDefinition<Schema> {
  return definition
}
