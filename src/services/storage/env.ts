// The variables of upstream's image, by upstream's names: where a variable has an older name, both are here, and the newer one wins
// (config.ts). Variables of parts that a single server does not have (queue, many tenants, analytics, vectors) are read and left alone.
import { z } from 'zod'
import { bool, count, json, number, oneOf, port, secret, text, url } from '../../env/types.ts'

/** Bytes; zero or more. */
const bytes = count
const milliseconds = count
const seconds = number.refine((value) => value >= 0, { error: () => 'seconds' })

/** A switch that upstream reads as text: on with `true` alone, and with what people write for it. */
const flag = bool

const server = {
  SERVER_HOST: text.optional(),
  HOST: text.optional(),
  SERVER_PORT: port.optional(),
  PORT: port.optional(),
  SERVER_KEEP_ALIVE_TIMEOUT: seconds.default(61),
  SERVER_HEADERS_TIMEOUT: seconds.default(65),
  SERVER_REGION: text.optional(),
  REGION: text.optional(),
  VERSION: text.default('0.0.0'),
  LOG_LEVEL: text.optional(),
  EXPOSE_DOCS: flag.default(true),
  SERVICE_NAME: text.default('storage_api'),
  PROMETHEUS_METRICS_ENABLED: flag.default(false),
  REQUEST_ALLOW_X_FORWARDED_PATH: flag.default(false),
  REQUEST_X_FORWARDED_HOST_REGEXP: text.optional(),
  REQUEST_TRACE_HEADER: text.optional(),
  REQUEST_ID_HEADER: text.optional(),
  REQUEST_ETAG_HEADERS: text.default('if-none-match'),
  REQUEST_HARD_LIMITS_ENABLED: flag.default(false),
  RESPONSE_S_MAXAGE: count.default(0),
  STORAGE_PUBLIC_URL: url.optional(),
}

const tokens = {
  ANON_KEY: secret.optional(),
  SERVICE_KEY: secret.optional(),
  AUTH_JWT_SECRET: secret.optional(),
  PGRST_JWT_SECRET: secret.optional(),
  AUTH_JWT_ALGORITHM: text.optional(),
  PGRST_JWT_ALGORITHM: text.optional(),
  JWT_JWKS: json.optional(),
  JWT_CACHING_ENABLED: flag.default(false),
  AUTH_ENCRYPTION_KEY: secret.optional(),
  ENCRYPTION_KEY: secret.optional(),
  TENANT_ID: text.optional(),
  PROJECT_REF: text.optional(),
  MULTI_TENANT: flag.default(false),
}

const database = {
  DATABASE_URL: secret,
  DATABASE_POOL_URL: secret.optional(),
  DATABASE_MAX_CONNECTIONS: count.default(20),
  DATABASE_FREE_POOL_AFTER_INACTIVITY: milliseconds.default(60_000),
  DATABASE_CONNECTION_TIMEOUT: milliseconds.default(3_000),
  DATABASE_STATEMENT_TIMEOUT: milliseconds.default(30_000),
  DATABASE_POOL_DRAIN_TIMEOUT: milliseconds.default(30_000),
  DATABASE_SEARCH_PATH: text.optional(),
  DB_SEARCH_PATH: text.optional(),
  DATABASE_SSL_ROOT_CERT: secret.optional(),
  DATABASE_APPLICATION_NAME: text.optional(),
  DATABASE_HEALTHCHECK_UNSCOPED: flag.default(false),
  DB_INSTALL_ROLES: flag.default(false),
  DB_ANON_ROLE: text.default('anon'),
  DB_AUTHENTICATED_ROLE: text.default('authenticated'),
  DB_SERVICE_ROLE: text.default('service_role'),
  DB_SUPER_USER: text.default('postgres'),
  DB_ALLOW_MIGRATION_REFRESH: flag.default(true),
}

const uploads = {
  UPLOAD_FILE_SIZE_LIMIT: bytes.optional(),
  FILE_SIZE_LIMIT: bytes.optional(),
  UPLOAD_FILE_SIZE_LIMIT_STANDARD: bytes.optional(),
  FILE_SIZE_LIMIT_STANDARD_UPLOAD: bytes.optional(),
  UPLOAD_SIGNED_URL_EXPIRATION_TIME: count.optional(),
  SIGNED_UPLOAD_URL_EXPIRATION_TIME: count.optional(),
  TUS_URL_PATH: text.default('/upload/resumable'),
  TUS_PART_SIZE: count.default(50),
  TUS_URL_EXPIRY_MS: milliseconds.default(3_600_000),
  TUS_MAX_CONCURRENT_UPLOADS: count.default(500),
  TUS_USE_FILE_VERSION_SEPARATOR: flag.default(false),
  TUS_ALLOW_S3_TAGS: flag.default(true),
  TUS_LOCK_TYPE: oneOf('postgres', 's3').default('postgres'),
}

const s3Protocol = {
  S3_PROTOCOL_ENABLED: flag.default(true),
  S3_PROTOCOL_PREFIX: text.default(''),
  S3_PROTOCOL_ACCESS_KEY_ID: text.optional(),
  S3_PROTOCOL_ACCESS_KEY_SECRET: secret.optional(),
  S3_PROTOCOL_ENFORCE_REGION: flag.default(false),
  S3_ALLOW_FORWARDED_HEADER: flag.default(false),
  S3_PROTOCOL_NON_CANONICAL_HOST_HEADER: text.optional(),
}

const backend = {
  STORAGE_BACKEND: oneOf('file', 's3'),
  STORAGE_FILE_BACKEND_PATH: text.optional(),
  FILE_STORAGE_BACKEND_PATH: text.optional(),
  STORAGE_FILE_ETAG_ALGORITHM: oneOf('md5', 'mtime').default('md5'),
  STORAGE_S3_BUCKET: text.optional(),
  GLOBAL_S3_BUCKET: text.optional(),
  STORAGE_S3_ENDPOINT: text.optional(),
  GLOBAL_S3_ENDPOINT: text.optional(),
  STORAGE_S3_FORCE_PATH_STYLE: flag.optional(),
  GLOBAL_S3_FORCE_PATH_STYLE: flag.optional(),
  STORAGE_S3_REGION: text.optional(),
  STORAGE_S3_MAX_SOCKETS: count.optional(),
  GLOBAL_S3_MAX_SOCKETS: count.optional(),
  STORAGE_S3_CLIENT_TIMEOUT: milliseconds.default(0),
  STORAGE_S3_UPLOAD_PART_SIZE: bytes.default(16_777_216),
  STORAGE_S3_UPLOAD_QUEUE_SIZE: count.default(2),
  STORAGE_S3_PRIVATE_ASSET_ENDPOINT: text.optional(),
  STORAGE_S3_REQUEST_CHECKSUM_CALCULATION: oneOf('WHEN_SUPPORTED', 'WHEN_REQUIRED').optional(),
  STORAGE_S3_RESPONSE_CHECKSUM_VALIDATION: oneOf('WHEN_SUPPORTED', 'WHEN_REQUIRED').optional(),
  STORAGE_EMPTY_BUCKET_MAX: count.default(200_000),
  AWS_ACCESS_KEY_ID: text.optional(),
  AWS_SECRET_ACCESS_KEY: secret.optional(),
  AWS_SESSION_TOKEN: secret.optional(),
  AWS_REGION: text.optional(),
}

const images = {
  IMAGE_TRANSFORMATION_ENABLED: flag.optional(),
  ENABLE_IMAGE_TRANSFORMATION: flag.optional(),
  IMGPROXY_URL: url.optional(),
  IMGPROXY_REQUEST_TIMEOUT: seconds.default(15),
  IMGPROXY_HTTP_MAX_SOCKETS: count.default(5_000),
  IMGPROXY_HTTP_KEEP_ALIVE_TIMEOUT: seconds.default(61),
  IMAGE_TRANSFORMATION_LIMIT_MIN_SIZE: count.optional(),
  IMG_LIMITS_MIN_SIZE: count.optional(),
  IMAGE_TRANSFORMATION_LIMIT_MAX_SIZE: count.optional(),
  IMG_LIMITS_MAX_SIZE: count.optional(),
  RATE_LIMITER_ENABLED: flag.optional(),
  ENABLE_RATE_LIMITER: flag.optional(),
  RATE_LIMITER_DRIVER: oneOf('memory', 'redis').default('memory'),
  RATE_LIMITER_REDIS_URL: secret.optional(),
  RATE_LIMITER_REDIS_CONNECT_TIMEOUT: seconds.default(2),
  RATE_LIMITER_REDIS_COMMAND_TIMEOUT: seconds.default(2),
  RATE_LIMITER_RENDER_PATH_MAX_REQ_SEC: count.default(5),
  RATE_LIMITER_SKIP_ON_ERROR: flag.default(false),
}

const events = {
  WEBHOOK_URL: url.optional(),
  WEBHOOK_API_KEY: secret.optional(),
  CDN_PURGE_ENDPOINT_URL: url.optional(),
  CDN_PURGE_ENDPOINT_KEY: secret.optional(),
}

export const storageEnv = z.object({
  ...server,
  ...tokens,
  ...database,
  ...uploads,
  ...s3Protocol,
  ...backend,
  ...images,
  ...events,
})

export type StorageEnv = z.output<typeof storageEnv>
