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
  /** For the log: `API server`. */
  readonly name?: string
  readonly handle: Handler
  readonly upgrade?: UpgradeHandler
  /** The socket is opened when this resolves; at once without it. */
  readonly opens?: Promise<void>
  /** Where the endpoint speaks TLS when it is given a socket. */
  readonly tls?: TlsMaterial
  /** Instead of the bounds that every socket has. */
  readonly limits?: ConnectionLimits
}

export interface ConnectionLimits {
  /** For the whole of a request, its body too; 0 is without limit. */
  readonly requestMs?: number
  /** For a kept connection on which nothing is asked. */
  readonly idleMs?: number
  /** So many requests on one connection; 0 is without limit. */
  readonly maxRequests?: number
  /** Of a request's head; the usual bound where that is lower. */
  readonly maxHeaderBytes?: number
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
  /** Only for a service that `plinth serve` runs by itself: what upstream's own program has and a part of a stack has not. */
  readonly alone?: Alone
}

export interface Alone {
  /** The settings as they are by now: a configuration file is read again. Throws EnvError. */
  reread(): unknown
  /** One line on stdout. */
  print(line: string): void
  /** Resolves when the endpoint's own socket takes a connection. */
  reach(endpoint: number): Promise<void>
}

export interface RunningService {
  readonly endpoints: readonly Endpoint[]
  /** Resolves when the service can serve; rejects with the reason when it cannot. */
  health(): Promise<void>
  /** Resolves when the service has ended by itself (its process was killed): it is restarted at once, not at its next health check. */
  readonly ended?: Promise<void>
  /**
   * Re-reads configuration and caches. `values` are the variables as they are now, in the shape of the definition's schema; absent where
   * nobody has read them again. `signal` is what asked for it.
   */
  reload?(values?: unknown, signal?: 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2'): Promise<void>
  /** A stop has begun: running requests end, and nothing new should come. */
  drain?(): void
  /** Frees whatever start opened, in reverse order. */
  stop(): Promise<void>
}

/** Where a served service listens: the endpoint's number, and the address that upstream's variables ask for. */
export interface ListenAddress {
  readonly endpoint: number
  readonly host: string
  readonly port: number
  /** A Unix socket in the place of host and port. */
  readonly socket?: { readonly path: string; readonly mode: number }
  /** Several processes may listen on the port at once (SO_REUSEPORT). */
  readonly reusePort?: boolean
}

export type Environment = Readonly<Record<string, string | undefined>>

/** Upstream's command line beyond running: a configuration file as argument, and flags that print something and end. */
export interface ServiceProgram {
  /** The environment with what the file says beneath it. Throws an Error that names file and line. */
  readFile(path: string, environment: Environment): Environment
  /** By the flag's name, without dashes; the text for stdout. What it throws goes to stderr, with exit code 1. */
  readonly flags: Readonly<Record<string, (read: () => unknown, log: Logger) => Promise<string>>>
  /** The log in upstream's form: one line for stderr. */
  logLine(record: Readonly<Record<string, unknown>>): string
}

export interface ServiceDefinition<Schema extends z.ZodType = z.ZodType> {
  readonly name: string
  /** One zod object; its keys are the variables of upstream's image. */
  readonly env: Schema
  readonly needs: Readonly<Record<string, Condition>>
  /** Which variable takes the flags that upstream's own program is started with, one a line (`plinth serve NAME --flag`). */
  readonly flagsVariable?: string
  /** Upstream's default addresses, used by `plinth serve` only. */
  listen(env: z.output<Schema>): readonly ListenAddress[]
  readonly program?: ServiceProgram
  start(env: z.output<Schema>, ctx: ServiceContext): Promise<RunningService>
}

export function defineService<Schema extends z.ZodType>(definition: ServiceDefinition<Schema>): ServiceDefinition<Schema> {
  return definition
}
