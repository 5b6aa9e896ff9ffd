// Keeps the state up to date: settings and schema cache at start, after notifications and signals, with back-off while they cannot be had.
// Requests go on with what was known before; a load replaces the state as a whole.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { EnvError } from '../../env/read.ts'
import type { Logger } from '../../log/log.ts'
import { ConnectError, type Executor, StatementError } from '../../pg/executor.ts'
import type { State } from './answer.ts'
import { Authenticator, type JwtCacheCounts } from './auth.ts'
import { configOf, quotedName, type RestConfig, secretOf } from './config.ts'
import { ConfigFileError } from './config-file.ts'
import type { RestEnv } from './env.ts'
import { BodyMemory } from './parse/body.ts'
import { PlanCache } from './plan-cache.ts'
import type { RequestLog } from './request-log.ts'
import { HeaderNames } from './run/settings.ts'
import { Transactions } from './run/transaction.ts'
import { arrayLiteral, loadDatabaseSettings, loadRoleSettings, loadSchemaCache } from './schema-cache/load.ts'
import type { RoleSettings, SchemaCache } from './schema-cache/types.ts'

const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 32_000
/** The oldest Postgres whose catalogue is known here. */
const OLDEST_SERVER = 130_000

const SERVER_STATE = readFileSync(new URL('./server-state.sql', import.meta.url), 'utf8')

export interface LoaderOptions {
  readonly env: RestEnv
  readonly executor: Executor
  readonly log: Logger
  readonly requestLog: RequestLog
  /** The variables as they are by now; the same for ever where nothing can change them. */
  readonly reread: () => RestEnv
  /** Settings were read: some of them are not part of the state. */
  readonly onSettings: (env: RestEnv) => void
  /** Trying again makes no sense. */
  readonly onFatal: (reason: string) => void
}

export class Loader {
  state: State
  readonly loads = { ok: 0, failed: 0 }
  readonly jwtCache: JwtCacheCounts = { requests: 0, hits: 0, evictions: 0 }
  /** Why the last load failed; undefined after one that did not. */
  lastError: Error | undefined
  /** Resolves when the first load has ended well or badly: before that nobody could be answered. */
  readonly attempted: Promise<void>
  readonly #options: LoaderOptions
  readonly #stop = new AbortController()
  #env: RestEnv
  #secret: string | undefined
  #attempt: () => void = () => undefined
  #started = false
  #wanted = { settings: false, schema: false }
  #running: Promise<void> | undefined

  /** Throws EnvError when the environment's own configuration is wrong. */
  constructor(options: LoaderOptions) {
    const { env, executor, log, requestLog } = options
    this.#options = options
    this.#env = env
    this.#secret = secretOf(env)
    this.attempted = new Promise((resolve) => {
      this.#attempt = resolve
    })
    const config = configOf(env, new Map(), this.#secret)
    this.state = {
      config,
      auth: this.#authenticator(config),
      executor,
      transactions: new Transactions(executor),
      cache: undefined,
      roles: new Map(),
      plans: new PlanCache(),
      headerNames: new HeaderNames(),
      bodies: new BodyMemory(),
      requestLog,
      onBug: (error) => log.error({ err: error }, 'a request failed for a reason of its own'),
    }
    requestLog.level = config.logLevel
  }

  get env(): RestEnv {
    return this.#env
  }

  /** The first load, unless there was one. */
  start(): void {
    if (!this.#started) void this.reloadSchema()
  }

  /** Schema cache, and before it the settings in the database. Resolves when the state is as new as this call. */
  reloadSchema(): Promise<void> {
    this.#started = true
    this.#wanted.schema = true
    return this.#work()
  }

  /** Variables, their files, and the settings in the database. Of several calls at once the last decides. */
  reloadSettings(): Promise<void> {
    this.#wanted.settings = true
    return this.#work()
  }

  /** One load without second tries, for a program that tells and ends. Rejects when it fails. */
  loadOnce(): Promise<void> {
    return this.#loadSchema()
  }

  loadSettingsOnce(): Promise<void> {
    return this.#loadSettings()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  #work(): Promise<void> {
    this.#running ??= this.#whileWanted().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #whileWanted(): Promise<void> {
    const { log, onFatal } = this.#options
    const { signal } = this.#stop
    let waitMs = FIRST_WAIT_MS
    while ((this.#wanted.settings || this.#wanted.schema) && !signal.aborted) {
      const { settings, schema } = this.#wanted
      this.#wanted = { settings: false, schema: false }
      try {
        if (settings) await this.#loadSettings()
        if (schema) await this.#loadSchema()
        this.lastError = undefined
        waitMs = FIRST_WAIT_MS
      } catch (error) {
        if (signal.aborted) return
        if (schema) this.loads.failed++
        this.#wanted.settings ||= settings
        this.#wanted.schema ||= schema
        const message = (error as Error).message
        if (this.lastError?.message !== message) log.error({ err: error }, this.#inWords(error as Error))
        this.lastError = error as Error
        this.#attempt()
        if (error instanceof ConnectError && isRefused(error)) onFatal(`Failed to establish a connection. ${message}`)
        else if (!this.#env.PGRST_DB_POOL_AUTOMATIC_RECOVERY) onFatal('Automatic recovery disabled, exiting.')
        else log.info(`Attempting to reconnect to the database in ${waitMs / 1_000} seconds...`)
        await sleep(waitMs, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
        waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
      } finally {
        if (schema) this.#attempt()
      }
    }
  }

  #inWords(error: Error): string {
    const { schemas, extraSearchPath } = this.state.config
    if (error instanceof EnvError || error instanceof ConfigFileError) return `Failed reloading config: ${error.message}`
    return `Failed to load the schema cache using db-schemas=${schemas.join(',')} and db-extra-search-path=${extraSearchPath.join(',')}. ${error.message}`
  }

  async #loadSchema(): Promise<void> {
    const { executor, log, onFatal } = this.#options
    const first = this.state.cache === undefined
    const server = await this.#server()
    if (server.number < OLDEST_SERVER) {
      onFatal(`Cannot run in this PostgreSQL version (${server.version}), at least 13 is needed`)
      throw new Error(`PostgreSQL ${server.version} is too old`)
    }
    if (first) log.info(`Successfully connected to ${server.name}`)
    if (this.#env.PGRST_DB_CONFIG) await this.#loadSettings()
    const { config } = this.state
    const missing = (await this.#server()).missing[0]
    if (missing !== undefined) throw new Error(`schema "${missing}" does not exist`)
    const cache = await loadSchemaCache(executor, config)
    if (first) await this.#loadRoles(cache.serverVersion)
    this.state = { ...this.state, cache, plans: new PlanCache() }
    // What the connections have prepared may speak of things that changed.
    if (!first) executor.renew()
    this.loads.ok++
    log.info(`Schema cache queried in ${cache.loadMs.toFixed(1)} milliseconds`)
    log.info(`Schema cache loaded ${summaryOf(cache)}`)
  }

  async #loadSettings(): Promise<void> {
    const { log, onSettings, requestLog, reread } = this.#options
    const first = this.state.cache === undefined
    try {
      const env = reread()
      // What came from standard input cannot be had twice.
      const secret = env.PGRST_JWT_SECRET === '@/dev/stdin' ? this.#secret : secretOf(env)
      const config = await this.#configFrom(env, secret)
      this.#env = env
      this.#secret = secret
      const before = this.state.config
      const auth = authKey(config) === authKey(before) ? this.state.auth : this.#authenticator(config)
      this.state = { ...this.state, config, auth, plans: new PlanCache() }
      requestLog.level = config.logLevel
      if (!first && schemaKey(config) !== schemaKey(before)) this.#wanted.schema = true
      onSettings(env)
    } catch (error) {
      // A mistake of a person is told, and what held before goes on; at the start there is nothing to go on with.
      if (first || !(error instanceof EnvError || error instanceof ConfigFileError)) throw error
      log.error(this.#inWords(error))
      return
    }
    if (!first) {
      await this.#loadRoles(this.state.cache!.serverVersion)
      log.info('Config reloaded')
    }
  }

  /** The role settings belong to the settings in the database. */
  async #loadRoles(serverVersion: string): Promise<void> {
    const { executor, log } = this.#options
    let roles: ReadonlyMap<string, RoleSettings> = new Map()
    try {
      if (this.#env.PGRST_DB_CONFIG) roles = await loadRoleSettings(executor, serverVersion)
    } catch (error) {
      if (!(error instanceof StatementError)) throw error
      log.error(`Failed to query the role settings. ${error.message}`)
    }
    this.state = { ...this.state, roles }
  }

  /** A pre-config function that fails costs its settings, not the service. */
  async #configFrom(env: RestEnv, secret: string | undefined): Promise<RestConfig> {
    const { executor, log } = this.#options
    if (!env.PGRST_DB_CONFIG) return configOf(env, new Map(), secret)
    try {
      let used = env.PGRST_DB_PRE_CONFIG
      // Values that an earlier call left in a session would pass for those of this one.
      if (used !== undefined) executor.renew()
      let config = configOf(env, await loadDatabaseSettings(executor, used === undefined ? undefined : quotedName(used)), secret)
      // The function may itself be named in the database.
      if (config.preConfig !== used && config.preConfig !== undefined) {
        used = config.preConfig
        config = configOf(env, await loadDatabaseSettings(executor, quotedName(used)), secret)
      }
      return config
    } catch (error) {
      if (!(error instanceof StatementError)) throw error
      log.error(`Failed to query database settings for the config parameters. ${error.message}`)
      return configOf(env, new Map(), secret)
    }
  }

  #authenticator(config: RestConfig): Authenticator {
    const auth = new Authenticator(config, this.jwtCache)
    if (auth.deprecatedPath !== undefined)
      this.#options.log.warn(
        `WARNING: the syntax of jwt-role-claim-key (${auth.deprecatedPath}) is deprecated; write it as a JSON path, $...`,
      )
    return auth
  }

  async #server(): Promise<Server> {
    const { executor } = this.#options
    const { schemas, extraSearchPath } = this.state.config
    const [result] = await executor.run({
      statements: [{ text: SERVER_STATE, values: [arrayLiteral([...schemas, ...extraSearchPath])], prepare: false }],
    })
    const [number, version, name, missing] = result!.rows[0]!.map((value) => value?.toString('utf8') ?? '')
    return { number: Number(number), version: version!, name: name!, missing: missing ? (JSON.parse(missing) as string[]) : [] }
  }
}

interface Server {
  readonly number: number
  readonly version: string
  readonly name: string
  readonly missing: readonly string[]
}

/** The settings that an authenticator is made of: its verified tokens outlive every other change. */
const authKey = ({ jwtSecret, jwtSecretIsBase64, jwtAud, roleClaimKey, anonRole, jwtCacheSize }: RestConfig): string =>
  JSON.stringify([jwtSecret, jwtSecretIsBase64, jwtAud, roleClaimKey, anonRole, jwtCacheSize])

/** The settings that the schema cache is read by. */
const schemaKey = ({ schemas, extraSearchPath, hoistedSettings }: RestConfig): string =>
  JSON.stringify([schemas, extraSearchPath, hoistedSettings])

/** The login itself is refused: no time will mend that. */
const isRefused = (error: ConnectError): boolean => error.code === '28P01' || error.message.includes('no password supplied')

function summaryOf({ tables, relationships, routines, representations, handlers }: SchemaCache): string {
  const sum = (lists: ReadonlyMap<string, readonly unknown[]>) => [...lists.values()].reduce((total, list) => total + list.length, 0)
  return `${tables.size} Relations, ${sum(relationships)} Relationships, ${sum(routines)} Functions, ${representations.size} Domain Representations, ${handlers.length} Media Type Handlers`
}
