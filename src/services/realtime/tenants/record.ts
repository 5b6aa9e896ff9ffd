// A tenant as _realtime.tenants and _realtime.extensions hold it: whom the service serves, with which keys, limits and database.

export interface TenantExtension {
  readonly type: string
  /** As stored: the address and the login of the database are encrypted. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly insertedAt: string
  readonly updatedAt: string
}

export interface TenantRecord {
  readonly id: string
  readonly externalId: string
  readonly name: string | null
  /** Decrypted. */
  readonly jwtSecret: string | undefined
  readonly jwtJwks: unknown
  readonly maxConcurrentUsers: number
  readonly maxEventsPerSecond: number
  readonly maxPresenceEventsPerSecond: number
  readonly maxPayloadSizeInKb: number
  readonly maxBytesPerSecond: number
  readonly maxChannelsPerClient: number
  readonly maxJoinsPerSecond: number
  readonly maxClientPresenceEventsPerWindow: number | null
  readonly clientPresenceWindowMs: number | null
  readonly suspend: boolean
  readonly privateOnly: boolean
  readonly presenceEnabled: boolean
  readonly insertedAt: string
  readonly extensions: readonly TenantExtension[]
}

/** Where a tenant's changes and messages are read from. */
export interface TenantSettings {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  readonly ssl: boolean
  readonly publication: string
  readonly slotName: string
  readonly poolSize: number | undefined
  readonly maxRecordBytes: number
}

export const CDC_TYPE = 'postgres_cdc_rls'
/** Those of an extension's settings that are stored encrypted. */
export const ENCRYPTED_SETTINGS: ReadonlySet<string> = new Set(['db_host', 'db_port', 'db_name', 'db_user', 'db_password'])

export const SETTING_DEFAULTS: Readonly<Record<string, unknown>> = {
  poll_interval_ms: 100,
  poll_max_changes: 100,
  poll_max_record_bytes: 1_048_576,
  publication: 'supabase_realtime',
  slot_name: 'supabase_realtime_replication_slot',
}

/** Undefined where the tenant has no database. */
export function settingsOf(record: TenantRecord, decrypt: (value: string) => string): TenantSettings | undefined {
  const settings = record.extensions.find(({ type }) => type === CDC_TYPE)?.settings
  if (settings === undefined) return undefined
  const plain = (name: string): string => {
    const value = settings[name]
    return typeof value === 'string' ? decrypt(value) : ''
  }
  const given = (name: string): unknown => settings[name] ?? SETTING_DEFAULTS[name]
  return {
    host: plain('db_host'),
    port: Number(plain('db_port')) || 5432,
    database: plain('db_name'),
    user: plain('db_user') || 'supabase_admin',
    password: plain('db_password'),
    ssl: settings['ssl_enforced'] === true,
    publication: String(given('publication')),
    slotName: String(given('slot_name')),
    poolSize: typeof settings['db_pool'] === 'number' ? settings['db_pool'] : undefined,
    maxRecordBytes: Number(given('poll_max_record_bytes')) || 1_048_576,
  }
}
