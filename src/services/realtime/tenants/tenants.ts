// The tenants that this instance serves: found by host or by id, kept for a while, and told when their record changes.
import type { Logger } from '../../../log/log.ts'
import type { TenantRecord } from './record.ts'
import type { TenantStore } from './store.ts'
import type { Tenant } from './tenant.ts'

export interface TenantsOptions {
  readonly store: TenantStore
  readonly log: Logger
  /** How long a record is believed. */
  readonly expirationMs: number
  open(record: TenantRecord): Tenant
}

interface Entry {
  readonly tenant: Tenant
  checkedAt: number
  checking: Promise<void> | undefined
}

export class Tenants {
  readonly #options: TenantsOptions
  readonly #entries = new Map<string, Entry>()
  readonly #opening = new Map<string, Promise<Tenant | undefined>>()
  #only: { readonly id: string | undefined; readonly at: number } | undefined

  constructor(options: TenantsOptions) {
    this.#options = options
  }

  /** Those that have been asked for. */
  get open(): readonly Tenant[] {
    return [...this.#entries.values()].map(({ tenant }) => tenant)
  }

  /**
   * The tenant whose id is the first label of the host. Where there is one tenant alone it answers under every name: behind a proxy,
   * by an address, in a container of another name.
   */
  async byHost(host: string | undefined): Promise<Tenant | undefined> {
    const label = /^[^.:]*/.exec(host ?? '')?.[0] ?? ''
    const named = label === '' ? undefined : this.#entries.get(label)
    if (named !== undefined) return this.byId(label)
    const only = await this.#onlyId()
    if (only !== undefined) return this.byId(only)
    return label === '' ? undefined : this.byId(label)
  }

  async byId(id: string): Promise<Tenant | undefined> {
    const entry = this.#entries.get(id)
    if (entry === undefined) {
      let opening = this.#opening.get(id)
      if (opening === undefined) {
        opening = this.#open(id).finally(() => this.#opening.delete(id))
        this.#opening.set(id, opening)
      }
      return opening
    }
    // An old record still serves while it is looked up again: a database that is away for a moment refuses nobody.
    if (Date.now() - entry.checkedAt > this.#options.expirationMs) {
      entry.checking ??= this.#check(entry)
        .catch((error: unknown) => this.#options.log.warn({ err: error }, 'the record of a tenant could not be read again'))
        .finally(() => {
          entry.checking = undefined
        })
    }
    return entry.tenant
  }

  /** What the management API has written takes effect at once. */
  updated(record: TenantRecord): void {
    this.#only = undefined
    const entry = this.#entries.get(record.externalId)
    if (entry === undefined) return
    entry.checkedAt = Date.now()
    entry.tenant.update(record)
  }

  async removed(id: string): Promise<void> {
    this.#only = undefined
    const entry = this.#entries.get(id)
    this.#entries.delete(id)
    if (entry === undefined) return
    entry.tenant.removed = true
    await entry.tenant.close()
  }

  async close(): Promise<void> {
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    await Promise.all(entries.map(({ tenant }) => tenant.close()))
  }

  async #open(id: string): Promise<Tenant | undefined> {
    const record = await this.#options.store.find(id)
    if (record === undefined) return undefined
    const tenant = this.#options.open(record)
    this.#entries.set(id, { tenant, checkedAt: Date.now(), checking: undefined })
    return tenant
  }

  async #check(entry: Entry): Promise<void> {
    const id = entry.tenant.id
    const record = await this.#options.store.find(id)
    entry.checkedAt = Date.now()
    if (record === undefined) await this.removed(id)
    else entry.tenant.update(record)
  }

  async #onlyId(): Promise<string | undefined> {
    if (this.#only !== undefined && Date.now() - this.#only.at < this.#options.expirationMs) return this.#only.id
    const ids = await this.#options.store.someIds(2)
    this.#only = { id: ids.length === 1 ? ids[0] : undefined, at: Date.now() }
    return this.#only.id
  }
}
