// The settings as the rooms use them: from the environment, overlaid by what the database says.
import { readFileSync } from 'node:fs'
import { ident } from '../../pg/quote.ts'
import type { RestEnv } from './env.ts'

/** Served as `Server: postgrest/...` and in the OpenAPI document: the version whose behaviour this is. */
export const VERSION = '16.2'

export interface RestConfig {
  readonly schemas: readonly string[]
  /** The `search_path` of requests to each of the schemas. */
  readonly searchPaths: ReadonlyMap<string, string>
  readonly anonRole: string | undefined
  readonly extraSearchPath: readonly string[]
  readonly maxRows: number | undefined
  readonly aggregates: boolean
  readonly planEnabled: boolean
  /** The call, quoted: `"api"."check"()`. */
  readonly preRequest: string | undefined
  readonly prepared: boolean
  readonly rootSpec: string | undefined
  readonly txEnd: 'commit' | 'rollback'
  readonly txOverride: boolean
  readonly hoistedSettings: readonly string[]
  readonly jwtSecret: string | undefined
  readonly jwtSecretIsBase64: boolean
  readonly jwtAud: string | undefined
  readonly roleClaimKey: string
  readonly jwtCacheSize: number
  readonly verboseErrors: boolean
  readonly openapiMode: 'follow-privileges' | 'ignore-privileges' | 'disabled'
  readonly openapiSecurity: boolean
  readonly proxyUri: string | undefined
  readonly corsOrigins: readonly string[] | undefined
  readonly traceHeader: string | undefined
  readonly serverTiming: boolean
  readonly legacyNames: boolean
  readonly safeUpdate: boolean
  readonly appSettings: readonly (readonly [name: string, value: string])[]
  readonly serverAddress: string
}

const FORBIDDEN_SCHEMAS = ['pg_catalog', 'information_schema']

/** Throws when values do not fit together. */
export function configOf(env: RestEnv, inDatabase: ReadonlyMap<string, string> = new Map()): RestConfig {
  const text = (name: string, fallback: string | undefined): string | undefined => inDatabase.get(name) || fallback
  const flag = (name: string, fallback: boolean): boolean => {
    const value = inDatabase.get(name)?.trim().toLowerCase()
    return value === undefined ? fallback : value === 'true' || Number(value) > 0
  }
  const list = (name: string, fallback: readonly string[]): readonly string[] => {
    const value = inDatabase.get(name)
    return value === undefined ? fallback : splitList(value)
  }
  const schemas = list('db_schemas', env.PGRST_DB_SCHEMAS ?? env.PGRST_DB_SCHEMA ?? ['public'])
  const forbidden = schemas.find((schema) => FORBIDDEN_SCHEMAS.includes(schema))
  if (forbidden !== undefined) throw new Error(`Error in config: db-schemas must not hold the schema ${forbidden}`)
  const extraSearchPath = list('db_extra_search_path', env.PGRST_DB_EXTRA_SEARCH_PATH)
  const txEnd = text('db_tx_end', env.PGRST_DB_TX_END)!
  const maxRows = Number(text('db_max_rows', String(env.PGRST_DB_MAX_ROWS ?? env.PGRST_MAX_ROWS ?? '')) || Number.NaN)
  const preRequest = text('db_pre_request', env.PGRST_DB_PRE_REQUEST ?? env.PGRST_PRE_REQUEST)
  const origins = inDatabase.get('server_cors_allowed_origins')
  const secret = text('jwt_secret', fileOrText(env.PGRST_JWT_SECRET))
  const isBase64 = flag('jwt_secret_is_base64', env.PGRST_JWT_SECRET_IS_BASE64)
  if (secret !== undefined && !isBase64 && !/^\s*[[{]/.test(secret) && Buffer.byteLength(secret) < 32) {
    throw new Error('Error in config: the JWT secret must be at least 32 characters long')
  }
  return {
    schemas,
    anonRole: text('db_anon_role', env.PGRST_DB_ANON_ROLE),
    extraSearchPath,
    searchPaths: new Map(schemas.map((schema) => [schema, [schema, ...extraSearchPath].map((name) => ident(name)).join(', ')])),
    maxRows: Number.isFinite(maxRows) ? maxRows : undefined,
    aggregates: flag('db_aggregates_enabled', env.PGRST_DB_AGGREGATES_ENABLED),
    planEnabled: flag('db_plan_enabled', env.PGRST_DB_PLAN_ENABLED),
    preRequest: preRequest === undefined ? undefined : `${quotedName(preRequest)}()`,
    prepared: flag('db_prepared_statements', env.PGRST_DB_PREPARED_STATEMENTS),
    rootSpec: text('db_root_spec', env.PGRST_DB_ROOT_SPEC ?? env.PGRST_ROOT_SPEC),
    txEnd: txEnd.startsWith('rollback') ? 'rollback' : 'commit',
    txOverride: txEnd.endsWith('-allow-override'),
    hoistedSettings: list('db_hoisted_tx_settings', env.PGRST_DB_HOISTED_TX_SETTINGS),
    jwtSecret: secret,
    jwtSecretIsBase64: isBase64,
    jwtAud: text('jwt_aud', env.PGRST_JWT_AUD),
    roleClaimKey: text('jwt_role_claim_key', env.PGRST_JWT_ROLE_CLAIM_KEY ?? env.PGRST_ROLE_CLAIM_KEY) ?? '$.role',
    jwtCacheSize: Math.max(0, env.PGRST_JWT_CACHE_MAX_ENTRIES),
    verboseErrors: text('client_error_verbosity', env.PGRST_CLIENT_ERROR_VERBOSITY) !== 'minimal',
    openapiMode: text('openapi_mode', env.PGRST_OPENAPI_MODE) as RestConfig['openapiMode'],
    openapiSecurity: flag('openapi_security_active', env.PGRST_OPENAPI_SECURITY_ACTIVE),
    proxyUri: text('openapi_server_proxy_uri', env.PGRST_OPENAPI_SERVER_PROXY_URI),
    corsOrigins: origins === undefined ? env.PGRST_SERVER_CORS_ALLOWED_ORIGINS : splitList(origins),
    traceHeader: text('server_trace_header', env.PGRST_SERVER_TRACE_HEADER)?.toLowerCase(),
    serverTiming: flag('server_timing_enabled', env.PGRST_SERVER_TIMING_ENABLED),
    legacyNames: flag('url_use_legacy_target_names', env.PGRST_URL_USE_LEGACY_TARGET_NAMES),
    safeUpdate: env.PLINTH_REST_SAFE_UPDATE,
    appSettings: Object.entries(env).flatMap(([name, value]) =>
      name.startsWith('PGRST_APP_SETTINGS_') && typeof value === 'string'
        ? [[`app.settings.${name.slice('PGRST_APP_SETTINGS_'.length)}`, value] as const]
        : [],
    ),
    serverAddress: `${hostOf(env.PGRST_SERVER_HOST)}:${env.PGRST_SERVER_PORT}`,
  }
}

/** The connection string, or the contents of the file that it names with `@`. */
export const fileOrText = (value: string | undefined): string | undefined =>
  value?.startsWith('@') ? readFileSync(value.slice(1), 'utf8').replace(/\r?\n$/, '') : value

/** `schema.function` or `function`, quoted. */
export function quotedName(name: string): string {
  const at = name.indexOf('.')
  return at < 0 ? ident(name) : `${ident(name.slice(0, at))}.${ident(name.slice(at + 1))}`
}

const splitList = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

/** The words of upstream's server library: any address, or any of one family. */
export function hostOf(host: string): string {
  if (host === '*' || host === '*4' || host === '!4') return '0.0.0.0'
  return host === '*6' || host === '!6' ? '::' : host
}
