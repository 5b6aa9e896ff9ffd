// The variables of upstream's image that this service reads, by upstream's names, and the service's own.
import { z } from 'zod'
import { bool, count, integer, json, list, oneOf, port, secret, text } from '../../env/types.ts'

const bytes = (expected: number) =>
  secret.refine((value) => Buffer.byteLength(value) === expected, { error: () => `exactly ${expected} bytes` })
const claims = json.pipe(z.record(z.string(), z.unknown(), { error: () => 'a JSON object' }))
const ipVersion = text
  .refine((value) => /^ipv[46]$/i.test(value), { error: () => 'ipv4 or ipv6' })
  .transform((value) => value.toLowerCase())

const database = {
  /** The service's own database, and that of the tenant which SEED_SELF_HOST makes. */
  DB_HOST: text.default('127.0.0.1'),
  DB_PORT: port.default(5432),
  DB_NAME: text.default('postgres'),
  DB_USER: text.default('supabase_admin'),
  DB_PASSWORD: secret.default('postgres'),
  DB_AFTER_CONNECT_QUERY: text.optional(),
  /** Of the secrets in _realtime.tenants and _realtime.extensions: AES-128, sixteen bytes. */
  DB_ENC_KEY: bytes(16).optional(),
  DB_ENC_KEY_GCM: bytes(32).optional(),
  DB_ENC_WRITE_GCM: bool.default(false),
  DB_SSL: bool.default(false),
  DB_SSL_CA_CERT: text.optional(),
  DB_POOL_SIZE: count.default(5),
  /** How long a request may wait for a connection, in milliseconds. */
  DB_QUEUE_TARGET: count.default(5_000),
}

const tokens = {
  /** Signs the tokens of the tenant API; the secret of the tenant that SEED_SELF_HOST makes. */
  API_JWT_SECRET: secret.optional(),
  API_JWT_SECRET_NEXT: secret.optional(),
  API_JWT_JWKS: json.optional(),
  API_TOKEN_BLOCKLIST: list.default([]),
  METRICS_JWT_SECRET: secret,
  METRICS_TOKEN_BLOCKLIST: list.default([]),
  SECRET_KEY_BASE: secret,
  APP_NAME: text,
  /** Claims that every token must have with these values: a JSON object. */
  JWT_CLAIM_VALIDATORS: claims.default({}),
}

const tenants = {
  /** Makes the tenant SELF_HOST_TENANT_NAME anew at every start. */
  SEED_SELF_HOST: bool.default(false),
  SELF_HOST_TENANT_NAME: text.default('realtime-dev'),
  TENANT_MAX_CONCURRENT_USERS: count.default(200),
  TENANT_MAX_EVENTS_PER_SECOND: count.default(100),
  TENANT_MAX_JOINS_PER_SECOND: count.default(100),
  TENANT_MAX_CHANNELS_PER_CLIENT: count.default(100),
  TENANT_MAX_BYTES_PER_SECOND: count.default(100_000),
  CLIENT_PRESENCE_MAX_CALLS: count.default(5),
  CLIENT_PRESENCE_WINDOW_MS: count.default(30_000),
  TENANT_CACHE_EXPIRATION_IN_MS: count.default(30_000),
  SLOT_NAME_SUFFIX: text.optional(),
}

const listener = {
  PORT: port.default(4_000),
  REALTIME_IP_VERSION: ipVersion.optional(),
  /** Milliseconds before a handshake is refused, and before a join is. */
  CONNECT_ERROR_BACKOFF_MS: count.default(2_000),
  CHANNEL_ERROR_BACKOFF_MS: count.default(5_000),
  /** Sockets that have joined no channel are ended by a sweep every so many milliseconds. */
  NO_CHANNEL_TIMEOUT_IN_MS: count.default(600_000),
  /** Bytes that may wait for one socket; it is closed when its client reads slower than that. Upstream counts 50,000,000 of its process. */
  WEBSOCKET_MAX_HEAP_SIZE: count.default(16_777_216),
}

const partitions = {
  RUN_JANITOR: bool.default(false),
  JANITOR_SCHEDULE_TIMER_IN_MS: count.default(14_400_000),
  JANITOR_RUN_AFTER_IN_MS: count.default(600_000),
  JANITOR_SCHEDULE_RANDOMIZE: bool.default(true),
  JANITOR_MAX_CHILDREN: count.default(5),
  JANITOR_CHILDREN_TIMEOUT: count.default(5_000),
  JANITOR_CHUNK_SIZE: count.default(10),
}

const operation = {
  LOG_LEVEL: oneOf('debug', 'info', 'notice', 'warning', 'warn', 'error', 'critical', 'alert', 'emergency').optional(),
  REGION: text.optional(),
  /** Broadcast and presence are shared with other instances through this Redis. */
  PLINTH_REDIS_URL: secret.optional(),
}

/** Of Erlang, of its cluster, of read replicas and of log services: they are checked as upstream does, and have no effect here. */
const withoutEffect = {
  MAX_CONNECTIONS: count.default(1_000),
  MAX_HEADER_LENGTH: count.default(4_096),
  DB_IP_VERSION: ipVersion.optional(),
  DB_QUEUE_INTERVAL: count.default(5_000),
  DISABLE_HEALTHCHECK_LOGGING: bool.default(false),
  PROM_POLL_RATE: count.default(5_000),
  DB_REPLICA_HOST: text.optional(),
  DB_REPLICA_POOL_SIZE: count.default(5),
  DB_HOST_REPLICA_FRA: text.optional(),
  DB_HOST_REPLICA_IAD: text.optional(),
  DB_HOST_REPLICA_SIN: text.optional(),
  DB_HOST_REPLICA_SJC: text.optional(),
  DB_MASTER_REGION: text.optional(),
  NUM_ACCEPTORS: count.default(100),
  HTTP_DYNAMIC_BUFFER_MIN: count.optional(),
  HTTP_DYNAMIC_BUFFER_MAX: count.optional(),
  PRESENCE_POOL_SIZE: count.default(10),
  PRESENCE_BROADCAST_PERIOD_IN_MS: count.default(1_500),
  PRESENCE_PERMDOWN_PERIOD_IN_MS: count.default(1_200_000),
  BROADCAST_POOL_SIZE: count.default(10),
  USERS_SCOPE_SHARDS: count.default(5),
  POSTGRES_CDC_SCOPE_SHARDS: count.default(5),
  MUSTER_SCOPE_SHARDS: count.default(5),
  MEASURE_TRAFFIC_INTERVAL_IN_MS: count.default(10_000),
  RPC_TIMEOUT: count.default(30_000),
  METRICS_RPC_TIMEOUT_IN_MS: count.default(15_000),
  CLUSTER_STRATEGIES: list.default([]),
  DNS_NODES: text.optional(),
  REGION_MAPPING: text.optional(),
  GEN_RPC_TCP_SERVER_PORT: integer.default(5_369),
  GEN_RPC_TCP_CLIENT_PORT: integer.default(5_369),
  GEN_RPC_SSL_SERVER_PORT: integer.optional(),
  GEN_RPC_SSL_CLIENT_PORT: integer.default(6_369),
  MAX_GEN_RPC_CLIENTS: count.default(5),
  MAX_GEN_RPC_CALL_CLIENTS: count.default(1),
  REBALANCE_CHECK_INTERVAL_IN_MS: count.default(600_000),
  LOGS_ENGINE: text.optional(),
  LOGFLARE_API_KEY: secret.optional(),
  LOGFLARE_SOURCE_ID: text.optional(),
  LOGFLARE_LOGGER_BACKEND_URL: text.optional(),
  METRICS_PUSHER_ENABLED: bool.default(false),
  METRICS_PUSHER_URL: text.optional(),
  METRICS_PUSHER_USER: text.default('realtime'),
  METRICS_PUSHER_AUTH: secret.optional(),
  METRICS_PUSHER_INTERVAL_MS: count.default(30_000),
  METRICS_PUSHER_TIMEOUT_MS: count.default(15_000),
  METRICS_PUSHER_COMPRESS: bool.default(true),
  METRICS_PUSHER_EXTRA_LABELS: text.optional(),
  DASHBOARD_AUTH: text.default('basic_auth'),
  DASHBOARD_USER: text.optional(),
  DASHBOARD_PASSWORD: secret.optional(),
  CF_TEAM_DOMAIN: text.optional(),
}

export const realtimeEnv = z.object({
  ...listener,
  ...database,
  ...tokens,
  ...tenants,
  ...partitions,
  ...operation,
  ...withoutEffect,
})
export type RealtimeEnv = z.output<typeof realtimeEnv>
