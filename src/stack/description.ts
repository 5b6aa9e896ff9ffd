// One stack as data: what the ways in (a local project, a .env) make, and all that the graph, the supervisor and the command line know.

import type { DatabaseService } from '../service/database.ts'
import type { Condition, Environment } from '../service/definition.ts'

export interface StackDescription {
  /** Project id of a local project; name of the work dir otherwise. Unique on the machine only together with workDir. */
  readonly name: string
  readonly form: 'project' | 'self-hosted'
  readonly workDir: string
  /** `.plinth` in the work dir: state, logs and, where the server's user can reach it, the data. */
  readonly stateDir: string
  readonly nodes: readonly NodeDescription[]
  /** Names that are known here but have no node: services of other profiles, disabled ones, ones that do not exist yet. */
  readonly absent: readonly AbsentService[]
  /** What `status` prints, by variable name (API_URL, DB_URL, ANON_KEY, ...), all that could be there. */
  readonly values: readonly StatusValue[]
  /** Sockets that the stack opens, checked to be free before anything starts. */
  readonly ports: readonly PublishedPort[]
  /** Brings a bootstrapped database to what the services and the user's files ask for, before anything else connects. */
  readonly prepare: (database: DatabaseService, options: PrepareOptions) => Promise<void>
  /** After everything is healthy on new data (buckets of config.toml and their files). */
  readonly finish?: (options: PrepareOptions) => Promise<void>
  /** Lines for people that belong on stderr before the start: unknown keys, services that are enabled and do not exist yet. */
  readonly notices: readonly string[]
}

export interface NodeDescription {
  /** The name that other nodes and the gateway's file use: `rest`. */
  readonly name: string
  /** Which service: a folder under src/services. */
  readonly kind: string
  /** Further names: `kong`, `api-gw`, `realtime-dev.supabase-realtime`. */
  readonly aliases: readonly string[]
  /** Upstream's variables of that service, complete. */
  readonly env: Environment
  readonly needs: Readonly<Record<string, Condition>>
  readonly health: HealthCheck
  readonly place: Place
}

export type Place =
  | { readonly at: 'here' }
  /** A child process of its own, restarted when it ends. */
  | { readonly at: 'process' }
  /** Runs elsewhere; asked for its health, never started or stopped. */
  | { readonly at: 'address'; readonly url: string }

/** Milliseconds; the words of a compose file. */
export interface HealthCheck {
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly retries: number
  readonly startPeriodMs: number
}

export interface AbsentService {
  readonly names: readonly string[]
  /** What its routes answer with 503: names the service and how to get it. */
  readonly reason: string
}

export interface StatusValue {
  /** Key of `--override-name`: `api.url`. */
  readonly key: string
  readonly name: string
  readonly value: string | number
  /** The node that has to be running for the value to be shown. */
  readonly node?: string
}

export interface PublishedPort {
  readonly host: string
  readonly port: number
  /** Which node answers there, and on which of its endpoints; absent where the node opens the socket itself (Postgres, SMTP). */
  readonly node: string
  readonly endpoint?: number
  /** How a person changes it: `[api] port in supabase/config.toml`, `KONG_HTTP_PORT in .env`. */
  readonly setting: string
  /** What it is for, in a word: `API`, `database`, `mail`. */
  readonly label: string
}

export interface PrepareOptions {
  /** True on the first start on new data and after a reset: roles.sql, migrations and seeds run only then. */
  readonly fresh: boolean
  /** Seeds run unless false. */
  readonly seed?: boolean
  /** Only migrations up to this version (string comparison); `-` for none. */
  readonly version?: string
  /** One line of progress for people. */
  readonly report: (line: string) => void
}

/** Health checks of the seed's compose file. */
export const DEFAULT_HEALTH: HealthCheck = { intervalMs: 5_000, timeoutMs: 5_000, retries: 3, startPeriodMs: 10_000 }
