// The tenants in _realtime: reading them, and writing what the management API and the seed ask for. Secrets are encrypted and decrypted here.
import { randomUUID } from 'node:crypto'
import type { ClientBase, Pool } from 'pg'
import type { Encryption } from './encryption.ts'
import { CDC_TYPE, ENCRYPTED_SETTINGS, SETTING_DEFAULTS, type TenantExtension, type TenantRecord } from './record.ts'

/** Columns that the management API may set, by upstream's names. */
export const WRITABLE = [
  'name',
  'max_concurrent_users',
  'max_events_per_second',
  'max_presence_events_per_second',
  'max_payload_size_in_kb',
  'max_bytes_per_second',
  'max_channels_per_client',
  'max_joins_per_second',
  'max_client_presence_events_per_window',
  'client_presence_window_ms',
  'suspend',
  'private_only',
  'presence_enabled',
  'postgres_cdc_default',
  'notify_private_alpha',
] as const
export type WritableColumn = (typeof WRITABLE)[number]

export interface TenantChange {
  readonly columns: Readonly<Partial<Record<WritableColumn, unknown>>>
  /** Plain; null removes it. */
  readonly jwtSecret?: string | null
  readonly jwtJwks?: unknown
  /** Plain settings; those that are given replace the extensions of their type. */
  readonly extensions?: readonly { readonly type: string; readonly settings: Readonly<Record<string, unknown>> }[]
}

interface Row {
  readonly id: string
  readonly external_id: string
  readonly name: string | null
  readonly jwt_secret: string | null
  readonly jwt_jwks: unknown
  readonly max_concurrent_users: number
  readonly max_events_per_second: number
  readonly max_presence_events_per_second: number | null
  readonly max_payload_size_in_kb: number | null
  readonly max_bytes_per_second: number
  readonly max_channels_per_client: number
  readonly max_joins_per_second: number
  readonly max_client_presence_events_per_window: number | null
  readonly client_presence_window_ms: number | null
  readonly suspend: boolean | null
  readonly private_only: boolean
  readonly presence_enabled: boolean
  readonly inserted: string
  readonly extensions: readonly { type: string; settings: Record<string, unknown>; inserted: string; updated: string }[] | null
}

const SELECT = `select t.id, t.external_id, t.name, t.jwt_secret, t.jwt_jwks, t.max_concurrent_users, t.max_events_per_second,
    t.max_presence_events_per_second, t.max_payload_size_in_kb, t.max_bytes_per_second, t.max_channels_per_client, t.max_joins_per_second,
    t.max_client_presence_events_per_window, t.client_presence_window_ms, t.suspend, t.private_only, t.presence_enabled,
    to_char(t.inserted_at, 'YYYY-MM-DD"T"HH24:MI:SS') as inserted,
    (select json_agg(json_build_object('type', e.type, 'settings', e.settings,
              'inserted', to_char(e.inserted_at, 'YYYY-MM-DD"T"HH24:MI:SS'), 'updated', to_char(e.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS')) order by e.type)
       from _realtime.extensions e where e.tenant_external_id = t.external_id) as extensions
  from _realtime.tenants t`

export class TenantStore {
  readonly #pool: Pool
  readonly #encryption: Encryption

  constructor(pool: Pool, encryption: Encryption) {
    this.#pool = pool
    this.#encryption = encryption
  }

  async all(): Promise<TenantRecord[]> {
    const { rows } = await this.#pool.query<Row>(`${SELECT} order by t.inserted_at, t.external_id`)
    return rows.map((row) => this.#record(row))
  }

  async find(externalId: string): Promise<TenantRecord | undefined> {
    const { rows } = await this.#pool.query<Row>(`${SELECT} where t.external_id = $1`, [externalId])
    return rows[0] && this.#record(rows[0])
  }

  async someIds(limit: number): Promise<string[]> {
    const { rows } = await this.#pool.query<{ id: string }>('select external_id as id from _realtime.tenants limit $1', [limit])
    return rows.map(({ id }) => id)
  }

  /** Makes the tenant or changes it. */
  async save(externalId: string, change: TenantChange): Promise<{ record: TenantRecord; created: boolean }> {
    const created = await this.#transaction((client) => this.#save(client, externalId, change))
    return { record: (await this.find(externalId))!, created }
  }

  /** Deletes the tenant and makes it anew, with whatever the change says. */
  async replace(externalId: string, change: TenantChange): Promise<TenantRecord> {
    await this.#transaction(async (client) => {
      // Two instances that start at once take turns.
      await client.query('lock table _realtime.tenants in share row exclusive mode')
      await client.query('delete from _realtime.tenants where external_id = $1', [externalId])
      await this.#save(client, externalId, change)
    })
    return (await this.find(externalId))!
  }

  async delete(externalId: string): Promise<void> {
    await this.#pool.query('delete from _realtime.tenants where external_id = $1', [externalId])
  }

  async #save(client: ClientBase, externalId: string, change: TenantChange): Promise<boolean> {
    const columns = new Map<string, unknown>(Object.entries(change.columns))
    if (change.jwtSecret !== undefined) columns.set('jwt_secret', change.jwtSecret && this.#encryption.encrypt(change.jwtSecret))
    if (change.jwtJwks !== undefined) columns.set('jwt_jwks', change.jwtJwks && JSON.stringify(change.jwtJwks))
    const names = [...columns.keys()]
    const updated = await client.query(
      `update _realtime.tenants set updated_at = now() at time zone 'utc'${names.map((name, i) => `, ${name} = $${i + 2}`).join('')} where external_id = $1`,
      [externalId, ...columns.values()],
    )
    const created = updated.rowCount === 0
    if (created) {
      await client.query(
        `insert into _realtime.tenants (id, external_id, inserted_at, updated_at${names.map((name) => `, ${name}`).join('')})
           values ($1, $2, now() at time zone 'utc', now() at time zone 'utc'${names.map((_, i) => `, $${i + 3}`).join('')})`,
        [randomUUID(), externalId, ...columns.values()],
      )
    }
    for (const { type, settings } of change.extensions ?? []) {
      const stored = JSON.stringify(this.#stored(settings))
      await client.query(
        `insert into _realtime.extensions (id, type, settings, tenant_external_id, inserted_at, updated_at)
           values ($1, $2, $3, $4, now() at time zone 'utc', now() at time zone 'utc')
           on conflict (tenant_external_id, type) do update set settings = excluded.settings, updated_at = excluded.updated_at`,
        [randomUUID(), type === 'postgres' ? CDC_TYPE : type, stored, externalId],
      )
    }
    return created
  }

  #stored(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries({ ...SETTING_DEFAULTS, ...settings }).map(([name, value]) => [
        name,
        ENCRYPTED_SETTINGS.has(name) ? this.#encryption.encrypt(String(value)) : value,
      ]),
    )
  }

  #record(row: Row): TenantRecord {
    return {
      id: row.id,
      externalId: row.external_id,
      name: row.name,
      jwtSecret: row.jwt_secret === null ? undefined : this.#encryption.decrypt(row.jwt_secret),
      jwtJwks: row.jwt_jwks ?? undefined,
      maxConcurrentUsers: row.max_concurrent_users,
      maxEventsPerSecond: row.max_events_per_second,
      maxPresenceEventsPerSecond: row.max_presence_events_per_second ?? 1_000,
      maxPayloadSizeInKb: row.max_payload_size_in_kb ?? 3_000,
      maxBytesPerSecond: row.max_bytes_per_second,
      maxChannelsPerClient: row.max_channels_per_client,
      maxJoinsPerSecond: row.max_joins_per_second,
      maxClientPresenceEventsPerWindow: row.max_client_presence_events_per_window,
      clientPresenceWindowMs: row.client_presence_window_ms,
      suspend: row.suspend ?? false,
      privateOnly: row.private_only,
      presenceEnabled: row.presence_enabled,
      insertedAt: row.inserted,
      extensions: (row.extensions ?? []).map(
        ({ type, settings, inserted, updated }): TenantExtension => ({ type, settings, insertedAt: inserted, updatedAt: updated }),
      ),
    }
  }

  async #transaction<T>(work: (client: ClientBase) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect()
    try {
      await client.query('begin')
      const result = await work(client)
      await client.query('commit')
      client.release()
      return result
    } catch (error) {
      // A connection that cannot even roll back is not put back.
      await client.query('rollback').then(
        () => client.release(),
        (broken: Error) => client.release(broken),
      )
      throw error
    }
  }
}
