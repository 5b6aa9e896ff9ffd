// [db]: Postgres, its settings, the pooler in front of it, migrations, seeds and vault secrets.
import { bool, duration, list, literalIssue, named, oneOf, port, table, text, uint } from './fields.ts'

/** Lines of postgresql.conf that a project may set. Numbers count as text: the server reads both. */
export const DB_SETTINGS = [
  'effective_cache_size',
  'logical_decoding_work_mem',
  'maintenance_work_mem',
  'max_connections',
  'max_locks_per_transaction',
  'max_parallel_maintenance_workers',
  'max_parallel_workers',
  'max_parallel_workers_per_gather',
  'max_replication_slots',
  'max_slot_wal_keep_size',
  'max_standby_archive_delay',
  'max_standby_streaming_delay',
  'max_wal_senders',
  'max_wal_size',
  'max_worker_processes',
  'session_replication_role',
  'shared_buffers',
  'statement_timeout',
  'track_activity_query_size',
  'track_commit_timestamp',
  'wal_keep_size',
  'wal_sender_timeout',
  'work_mem',
] as const

const settings = table(
  Object.fromEntries(DB_SETTINGS.map((name) => [name, text.optional()])) as Record<
    (typeof DB_SETTINGS)[number],
    ReturnType<typeof text.optional>
  >,
)

const majorVersion = uint.superRefine((value, ctx) => {
  if (value === 12) {
    ctx.addIssue(
      literalIssue('Postgres version 12.x is unsupported (db.major_version): start a new project, or upgrade the remote database first.'),
    )
  } else if (value === 0) ctx.addIssue(literalIssue('Missing required field in config: db.major_version'))
  else if (![13, 14, 15, 17].includes(value)) ctx.addIssue(literalIssue(`Failed reading config: Invalid db.major_version: ${value}.`))
})

export const db = table({
  port: port.superRefine((value, ctx) => {
    if (value === 0) ctx.addIssue(literalIssue('Missing required field in config: db.port'))
  }),
  shadow_port: port,
  health_timeout: duration.default('2m'),
  major_version: majorVersion,
  /** Key of the vault's encryption: hex of 32 bytes. */
  root_key: text.default('d4dc5b6d4a1d6a10b2c1e76112c994d65db7cec380572cc1839624d4be3fa275'),
  orioledb_version: text.optional(),
  settings: settings.default({} as never),
  pooler: table({
    enabled: bool,
    port,
    pool_mode: oneOf('transaction', 'session'),
    default_pool_size: uint,
    max_client_conn: uint,
  }),
  migrations: table({ enabled: bool, schema_paths: list }),
  seed: table({ enabled: bool, sql_paths: list }),
  vault: named(text).default({}),
  network_restrictions: table({
    enabled: bool.default(false),
    allowed_cidrs: list.optional(),
    allowed_cidrs_v6: list.optional(),
  }).optional(),
  ssl_enforcement: table({ enabled: bool.default(false) }).optional(),
})
