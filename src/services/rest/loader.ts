// Keeps the state up to date: configuration and schema cache at start, after notifications and after a lost connection, with back-off.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../log/log.ts'
import { type Executor, StatementError } from '../../pg/executor.ts'
import type { State } from './answer.ts'
import { Authenticator } from './auth.ts'
import { configOf, quotedName } from './config.ts'
import type { RestEnv } from './env.ts'
import { BodyMemory } from './parse/body.ts'
import { PlanCache } from './plan-cache.ts'
import { HeaderNames } from './run/settings.ts'
import { Transactions } from './run/transaction.ts'
import { loadDatabaseSettings, loadRoleSettings, loadSchemaCache } from './schema-cache/load.ts'

const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 32_000

export class Loader {
  state: State
  loading = false
  readonly loads = { ok: 0, failed: 0 }
  lastError: Error | undefined
  readonly #env: RestEnv
  readonly #log: Logger
  readonly #stop = new AbortController()
  readonly #transactions: Transactions
  #wanted = false
  #running: Promise<void> | undefined

  /** Throws when the environment's own configuration is wrong. */
  constructor(env: RestEnv, executor: Executor, log: Logger) {
    this.#env = env
    this.#log = log
    this.#transactions = new Transactions(executor)
    const config = configOf(env)
    this.state = {
      config,
      auth: new Authenticator(config),
      executor,
      transactions: this.#transactions,
      cache: undefined,
      roles: new Map(),
      plans: new PlanCache(),
      headerNames: new HeaderNames(),
      bodies: new BodyMemory(),
      onBug: (error) => log.error({ err: error }, 'a request failed for a reason of its own'),
    }
  }

  /** Asks for a load; one that runs already is followed by another. Resolves when the state is as new as this call. */
  reload(): Promise<void> {
    this.#wanted = true
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #work(): Promise<void> {
    const { signal } = this.#stop
    let waitMs = FIRST_WAIT_MS
    while (this.#wanted && !signal.aborted) {
      this.#wanted = false
      this.loading = true
      try {
        await this.#load()
        this.loads.ok++
        this.lastError = undefined
        waitMs = FIRST_WAIT_MS
      } catch (error) {
        this.loads.failed++
        this.#wanted = true
        if (signal.aborted) return
        if (this.lastError?.message !== (error as Error).message)
          this.#log.warn({ err: error }, 'the schema cache could not be loaded; trying again')
        this.lastError = error as Error
        await sleep(waitMs, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
        waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
      } finally {
        this.loading = false
      }
    }
  }

  async #load(): Promise<void> {
    const { executor } = this.state
    const env = this.#env
    const inDatabase = await this.#databaseSettings()
    const config = configOf(env, inDatabase)
    const cache = await loadSchemaCache(executor, config)
    const roles = env.PGRST_DB_CONFIG ? await loadRoleSettings(executor, cache.serverVersion) : new Map()
    const first = this.state.cache === undefined
    this.state = { ...this.state, config, auth: new Authenticator(config), cache, roles, plans: new PlanCache() }
    // What the connections have prepared may speak of things that changed.
    if (!first) executor.renew()
    this.#log.info({ tables: cache.tables.size, functions: cache.routines.size, ms: Math.round(cache.loadMs) }, 'schema cache loaded')
  }

  /** A pre-config function that fails costs its settings, not the service. */
  async #databaseSettings(): Promise<ReadonlyMap<string, string>> {
    const { PGRST_DB_CONFIG: enabled, PGRST_DB_PRE_CONFIG: preConfig } = this.#env
    if (!enabled && preConfig === undefined) return new Map()
    try {
      return await loadDatabaseSettings(this.state.executor, preConfig === undefined ? undefined : quotedName(preConfig))
    } catch (error) {
      if (!(error instanceof StatementError)) throw error
      this.#log.warn({ err: error }, 'the settings in the database could not be read; those of the environment are used')
      return new Map()
    }
  }
}
