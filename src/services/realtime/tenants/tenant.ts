// One tenant at work: its record, its database, and everything of it that lives in this process.
import type { Logger } from '../../../log/log.ts'
import { Executor } from '../../../pg/executor.ts'
import type { RealtimeEnv } from '../env.ts'
import { connectionOf, type DatabaseAddress, tenantDatabase } from './database.ts'
import { settingsOf, type TenantRecord, type TenantSettings } from './record.ts'

export interface TenantContext {
  readonly env: RealtimeEnv
  readonly log: Logger
  decrypt(value: string): string
}

export class Tenant {
  readonly id: string
  readonly log: Logger
  readonly env: RealtimeEnv
  #record: TenantRecord
  #executor: Executor | undefined
  readonly #context: TenantContext

  constructor(record: TenantRecord, context: TenantContext) {
    this.id = record.externalId
    this.env = context.env
    this.log = context.log.child({ tenant: record.externalId })
    this.#context = context
    this.#record = record
  }

  get record(): TenantRecord {
    return this.#record
  }

  get settings(): TenantSettings | undefined {
    return settingsOf(this.#record, this.#context.decrypt)
  }

  get address(): DatabaseAddress | undefined {
    const { settings } = this
    return settings && tenantDatabase(settings, this.env)
  }

  /** The pool of the tenant's database; opened when first asked for. Undefined for a tenant without a database. */
  get executor(): Executor | undefined {
    if (this.#executor === undefined) {
      const { settings, address } = this
      if (settings === undefined || address === undefined) return undefined
      this.#executor = new Executor({
        connection: connectionOf(address, this.env, 'realtime_connect'),
        max: settings.poolSize ?? this.env.DB_POOL_SIZE,
        acquisitionTimeoutMs: this.env.DB_QUEUE_TARGET,
        onTrouble: (error) => this.log.warn({ err: error }, 'a connection to the database of the tenant failed'),
      })
    }
    return this.#executor
  }

  update(record: TenantRecord): void {
    this.#record = record
  }

  async close(): Promise<void> {
    const executor = this.#executor
    this.#executor = undefined
    await executor?.close(0)
  }
}
