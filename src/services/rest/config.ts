// The settings as the rooms use them: from the environment, overlaid by what the database says.
import { readFileSync } from 'node:fs'
import { EnvError, type EnvProblem } from '../../env/read.ts'
import { type KeySet, keySetFrom } from '../../jwt/keys.ts'
import { ident } from '../../pg/quote.ts'
import { FORBIDDEN_SCHEMAS, HOISTED_SETTINGS, type RestEnv, restEnv } from './env.ts'
import { isRolePath } from './role-path.ts'

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
  readonly preRequestName: string | undefined
  readonly preConfig: string | undefined
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
  readonly logLevel: LogLevel
  readonly logQuery: boolean
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

export type LogLevel = 'crit' | 'error' | 'warn' | 'info' | 'debug'

/** Throws EnvError when values do not fit together, or what the database says is none. */
export function configOf(
  env: RestEnv,
  inDatabase: ReadonlyMap<string, string> = new Map(),
  secret: string | undefined = secretOf(env),
): RestConfig {
  const problems: EnvProblem[] = []
  // What the database says hides the environment, also where it says nothing that can be read: then the default holds.
  const text = (name: string, given: string | undefined): string | undefined => (inDatabase.get(name) ?? given) || undefined
  const flag = (name: string, given: boolean, fallback = false): boolean => {
    const said = inDatabase.get(name)
    return said === undefined ? given : (flagOf(said) ?? fallback)
  }
  const whole = (name: string, given: number | undefined): number | undefined => {
    const said = inDatabase.get(name)?.trim()
    return said === undefined ? given : /^-?\d{1,15}$/.test(said) ? Number(said) : undefined
  }
  const list = (name: string, given: readonly string[], fallback: readonly string[] = []): readonly string[] => {
    const said = inDatabase.get(name)
    return said === undefined ? given : said === '' ? fallback : splitList(said)
  }
  const schemas = list('db_schemas', env.PGRST_DB_SCHEMAS ?? env.PGRST_DB_SCHEMA ?? PUBLIC, PUBLIC)
  const extraSearchPath = list('db_extra_search_path', env.PGRST_DB_EXTRA_SEARCH_PATH)
  const isBase64 = flag('jwt_secret_is_base64', env.PGRST_JWT_SECRET_IS_BASE64 ?? env.PGRST_SECRET_IS_BASE64 ?? false)
  const jwtSecret = text('jwt_secret', secret)
  const txEnd = text('db_tx_end', env.PGRST_DB_TX_END) ?? 'commit'
  const preRequest = text('db_pre_request', env.PGRST_DB_PRE_REQUEST ?? env.PGRST_PRE_REQUEST)
  const origins = list('server_cors_allowed_origins', env.PGRST_SERVER_CORS_ALLOWED_ORIGINS ?? [])
  const config: RestConfig = {
    schemas,
    anonRole: text('db_anon_role', env.PGRST_DB_ANON_ROLE),
    extraSearchPath,
    searchPaths: new Map(schemas.map((schema) => [schema, [schema, ...extraSearchPath].map((name) => ident(name)).join(', ')])),
    maxRows: whole('db_max_rows', env.PGRST_DB_MAX_ROWS ?? env.PGRST_MAX_ROWS),
    aggregates: flag('db_aggregates_enabled', env.PGRST_DB_AGGREGATES_ENABLED),
    planEnabled: flag('db_plan_enabled', env.PGRST_DB_PLAN_ENABLED),
    preRequestName: preRequest,
    preRequest: preRequest === undefined ? undefined : `${quotedName(preRequest)}()`,
    preConfig: text('db_pre_config', env.PGRST_DB_PRE_CONFIG),
    prepared: flag('db_prepared_statements', env.PGRST_DB_PREPARED_STATEMENTS, true),
    rootSpec: text('db_root_spec', env.PGRST_DB_ROOT_SPEC ?? env.PGRST_ROOT_SPEC),
    txEnd: txEnd.startsWith('rollback') ? 'rollback' : 'commit',
    txOverride: txEnd.endsWith('-allow-override'),
    hoistedSettings: list('db_hoisted_tx_settings', env.PGRST_DB_HOISTED_TX_SETTINGS, HOISTED_SETTINGS),
    jwtSecret,
    jwtSecretIsBase64: isBase64,
    jwtAud: text('jwt_aud', env.PGRST_JWT_AUD),
    roleClaimKey: text('jwt_role_claim_key', env.PGRST_JWT_ROLE_CLAIM_KEY ?? env.PGRST_ROLE_CLAIM_KEY) ?? '$.role',
    jwtCacheSize: Math.max(0, whole('jwt_cache_max_entries', env.PGRST_JWT_CACHE_MAX_ENTRIES) ?? 1_000),
    verboseErrors: text('client_error_verbosity', env.PGRST_CLIENT_ERROR_VERBOSITY) !== 'minimal',
    logLevel: env.PGRST_LOG_LEVEL,
    logQuery: env.PGRST_LOG_QUERY,
    openapiMode: (text('openapi_mode', env.PGRST_OPENAPI_MODE) ?? 'follow-privileges') as RestConfig['openapiMode'],
    openapiSecurity: flag('openapi_security_active', env.PGRST_OPENAPI_SECURITY_ACTIVE),
    proxyUri: text('openapi_server_proxy_uri', env.PGRST_OPENAPI_SERVER_PROXY_URI),
    corsOrigins: origins.length === 0 ? undefined : origins,
    traceHeader: text('server_trace_header', env.PGRST_SERVER_TRACE_HEADER),
    serverTiming: flag('server_timing_enabled', env.PGRST_SERVER_TIMING_ENABLED),
    legacyNames: flag('url_use_legacy_target_names', env.PGRST_URL_USE_LEGACY_TARGET_NAMES, true),
    safeUpdate: env.PLINTH_REST_SAFE_UPDATE,
    appSettings: Object.entries(env)
      .flatMap(([name, value]) =>
        name.startsWith(APP_SETTING) && typeof value === 'string'
          ? [[`app.settings.${name.slice(APP_SETTING.length)}`, value] as const]
          : [],
      )
      .sort(([a], [b]) => (a < b ? -1 : 1)),
    serverAddress: `${shownHost(env.PGRST_SERVER_HOST)}:${env.PGRST_SERVER_PORT}`,
  }
  // The environment's own values are checked by its schema; what the database says is checked by the same schema here.
  const { shape } = restEnv
  for (const [name, value] of inDatabase) {
    if (value === '') continue
    const variable = `PGRST_${name.toUpperCase()}`
    const type = Object.hasOwn(shape, variable) && !LENIENT.has(name) ? shape[variable as keyof typeof shape] : undefined
    const issue = type?.safeParse(value).error?.issues[0]
    if (issue !== undefined) problems.push({ name: `pgrst.${name}`, expected: `expected ${issue.message}`, origin: 'the database' })
  }
  const forbidden = config.schemas.find((schema) => FORBIDDEN_SCHEMAS.includes(schema))
  if (forbidden !== undefined) problems.push({ name: 'pgrst.db_schemas', expected: `db-schemas does not allow schema: '${forbidden}'` })
  if (!isRolePath(config.roleClaimKey))
    problems.push({ name: 'pgrst.jwt_role_claim_key', expected: `failed to parse role-claim-key value (${config.roleClaimKey})` })
  try {
    if (jwtSecret !== undefined) verificationKeys(jwtSecret, isBase64)
  } catch (error) {
    problems.push({ name: inDatabase.has('jwt_secret') ? 'pgrst.jwt_secret' : 'PGRST_JWT_SECRET', expected: (error as Error).message })
  }
  if (problems.length > 0) throw new EnvError(problems)
  return config
}

const PUBLIC: readonly string[] = ['public']
const APP_SETTING = 'PGRST_APP_SETTINGS_'
/** Numbers and booleans that are none count as unset in the database, as upstream has it. */
const LENIENT: ReadonlySet<string> = new Set([
  'db_aggregates_enabled',
  'db_max_rows',
  'db_plan_enabled',
  'db_prepared_statements',
  'jwt_secret_is_base64',
  'jwt_cache_max_entries',
  'openapi_security_active',
  'server_timing_enabled',
  'url_use_legacy_target_names',
])

function flagOf(value: string | undefined): boolean | undefined {
  const word = value?.trim().toLowerCase()
  if (word === 'true' || word === 'false') return word === 'true'
  return word !== undefined && /^-?\d+$/.test(word) ? Number(word) > 0 : undefined
}

/** Text, base64 of a text, a JWK or a set of JWKs, plain or in base64. Throws with words that hold nothing of the secret. */
export function verificationKeys(secret: string, isBase64: boolean): KeySet {
  if (!isBase64) {
    const keys = keySetFrom(secret)
    const isText = keys.keys.length === 1 && keys.keys[0]!.type === 'oct' && !isJson(secret)
    if (isText && Buffer.byteLength(secret) < SHORTEST_SECRET) throw new Error('The JWT secret must be at least 32 characters long.')
    return keys
  }
  // Upstream's base64 also has the URL's letters, and dots for padding.
  const plain = secret.trim().replaceAll('-', '+').replaceAll('_', '/').replaceAll('.', '=')
  const bytes = Buffer.from(plain, 'base64')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(plain) || plain.length % 4 === 1) throw new Error('The JWT secret is not base64.')
  const decoded = bytes.toString('utf8')
  if (isJson(decoded)) return keySetFrom(decoded)
  if (bytes.length < SHORTEST_SECRET) throw new Error('The JWT secret must be at least 32 characters long.')
  return keySetFrom(plain, { base64: true })
}

const SHORTEST_SECRET = 32

function isJson(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null
  } catch {
    return false // any other text is a shared secret
  }
}

/** The JWT secret, or the contents of the file that it names with `@`. Throws EnvError. */
export const secretOf = (env: RestEnv): string | undefined =>
  env.PGRST_JWT_SECRET === undefined ? undefined : fileOrText('PGRST_JWT_SECRET', env.PGRST_JWT_SECRET)

/** The connection string, or the contents of the file that it names with `@`. Throws EnvError. */
export const databaseUriOf = (env: RestEnv): string => fileOrText('PGRST_DB_URI', env.PGRST_DB_URI).trim()

function fileOrText(name: string, value: string): string {
  if (!value.startsWith('@')) return value
  try {
    // By its number standard input can be read also where it is a socket.
    return readFileSync(value === '@/dev/stdin' ? 0 : value.slice(1), 'utf8').replace(/\n$/, '')
  } catch (error) {
    throw new EnvError([{ name, expected: `a readable file behind the @ (${(error as NodeJS.ErrnoException).code})` }])
  }
}

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

/** Upstream's words for "any address", as an OpenAPI document can name it. */
const shownHost = (host: string): string => (ANY_ADDRESS.has(host) ? '0.0.0.0' : host)

const ANY_ADDRESS: ReadonlySet<string> = new Set(['*', '*4', '!4', '*6', '!6'])
export const isAnyAddress = (host: string): boolean => ANY_ADDRESS.has(host)
