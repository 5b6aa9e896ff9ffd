// Variables of the upstream image, by their upstream names, and the service's own.
import { z } from 'zod'
import { bool, count, integer, list, oneOf, port, secret, text } from '../../env/types.ts'
import { CONNECTION_VARIABLES } from '../../pg/connection-options.ts'
import { isRolePath } from './role-path.ts'

const flag = z.string().transform((value, ctx) => {
  const word = value.trim().toLowerCase()
  if (/^-?\d+$/.test(word)) return Number(word) > 0
  if (word === 'true' || word === 'false') return word === 'true'
  ctx.addIssue({ code: 'custom', message: 'true or false' })
  return z.NEVER
})
const uri = z
  .string()
  .refine((value) => !value.includes(':') || isUri(value), { error: () => 'a string, or a valid URI where it holds a colon' })
/** 0: one that is free. */
const portOrAny = z.union([z.literal('0').transform(() => 0), port])
const socketMode = z
  .string()
  .refine((value) => /^[67][0-7]{2}$/.test(value), { error: () => 'an octal mode between 600 and 777' })
  .transform((value) => Number.parseInt(value, 8))

export const HOISTED_SETTINGS: readonly string[] = [
  'statement_timeout',
  'plan_filter.statement_cost_limit',
  'default_transaction_isolation',
]

const settings = {
  PGRST_DB_URI: secret.default('postgresql://'),
  PGRST_DB_SCHEMAS: list.optional(),
  PGRST_DB_SCHEMA: list.optional(),
  PGRST_DB_ANON_ROLE: text.optional(),
  PGRST_DB_EXTRA_SEARCH_PATH: list.default(['public']),
  PGRST_DB_MAX_ROWS: count.optional(),
  PGRST_MAX_ROWS: count.optional(),
  PGRST_DB_AGGREGATES_ENABLED: flag.default(false),
  PGRST_DB_PLAN_ENABLED: flag.default(false),
  PGRST_DB_POOL: count.default(10),
  PGRST_DB_POOL_ACQUISITION_TIMEOUT: count.default(10),
  PGRST_DB_POOL_MAX_LIFETIME: count.default(1_800),
  PGRST_DB_POOL_MAX_IDLETIME: count.optional(),
  PGRST_DB_POOL_TIMEOUT: count.optional(),
  PGRST_DB_POOL_AUTOMATIC_RECOVERY: flag.default(true),
  PGRST_DB_PRE_REQUEST: text.optional(),
  PGRST_PRE_REQUEST: text.optional(),
  PGRST_DB_PREPARED_STATEMENTS: flag.default(true),
  PGRST_DB_ROOT_SPEC: text.optional(),
  PGRST_ROOT_SPEC: text.optional(),
  PGRST_DB_TX_END: oneOf('commit', 'commit-allow-override', 'rollback', 'rollback-allow-override').default('commit'),
  PGRST_DB_CONFIG: flag.default(true),
  PGRST_DB_PRE_CONFIG: text.optional(),
  PGRST_DB_CHANNEL: text.default('pgrst'),
  PGRST_DB_CHANNEL_ENABLED: flag.default(true),
  PGRST_DB_HOISTED_TX_SETTINGS: list.default([...HOISTED_SETTINGS]),
  PGRST_JWT_SECRET: secret.optional(),
  PGRST_JWT_SECRET_IS_BASE64: flag.optional(),
  PGRST_SECRET_IS_BASE64: flag.optional(),
  PGRST_JWT_AUD: uri.optional(),
  PGRST_JWT_ROLE_CLAIM_KEY: text.optional(),
  PGRST_ROLE_CLAIM_KEY: text.optional(),
  PGRST_JWT_CACHE_MAX_ENTRIES: integer.default(1_000),
  PGRST_LOG_LEVEL: oneOf('crit', 'error', 'warn', 'info', 'debug').default('error'),
  PGRST_LOG_QUERY: flag.default(false),
  PGRST_CLIENT_ERROR_VERBOSITY: oneOf('verbose', 'minimal').default('verbose'),
  PGRST_OPENAPI_MODE: oneOf('follow-privileges', 'ignore-privileges', 'disabled').default('follow-privileges'),
  PGRST_OPENAPI_SECURITY_ACTIVE: flag.default(false),
  PGRST_OPENAPI_SERVER_PROXY_URI: z
    .string()
    .refine(isProxyUri, { error: () => 'an http or https URL such as https://example.com:8443/basePath' })
    .optional(),
  PGRST_SERVER_HOST: text.default('!4'),
  PGRST_SERVER_PORT: portOrAny.default(3_000),
  PGRST_SERVER_REUSEPORT: flag.default(false),
  PGRST_SERVER_UNIX_SOCKET: text.optional(),
  PGRST_SERVER_UNIX_SOCKET_MODE: socketMode.default(0o660),
  PGRST_SERVER_CORS_ALLOWED_ORIGINS: list.optional(),
  PGRST_SERVER_TRACE_HEADER: text.optional(),
  PGRST_SERVER_TIMING_ENABLED: flag.default(false),
  PGRST_URL_USE_LEGACY_TARGET_NAMES: flag.default(true),
  PGRST_ADMIN_SERVER_PORT: portOrAny.optional(),
  PGRST_ADMIN_SERVER_HOST: text.optional(),
  PGRST_ADMIN_SERVER_UNIX_SOCKET: text.optional(),
  PGRST_ADMIN_SERVER_UNIX_SOCKET_MODE: socketMode.default(0o660),
  /** Gives the admin server `/config` as PostgREST 12 had it: the settings in force, secrets hidden. */
  PLINTH_REST_ADMIN_CONFIG: bool.default(false),
  /**
   * Refuses UPDATE and DELETE without a filter (SQLSTATE 21000), as upstream's stack does by the library safeupdate that it loads for
   * the role authenticator. Off by default; the stack turns it on.
   */
  PLINTH_REST_SAFE_UPDATE: bool.default(false),
}

const connectionVariables = Object.fromEntries(CONNECTION_VARIABLES.map((name) => [name, text.optional()]))

export const FORBIDDEN_SCHEMAS: readonly string[] = ['pg_catalog', 'information_schema']

/** What the vocabulary of types does not say; checked also when another variable is wrong, so that all are told at once. */
const rules: readonly {
  readonly names: readonly string[]
  readonly holds: (value: unknown, all: Readonly<Record<string, unknown>>) => boolean
  readonly words: string
}[] = [
  {
    names: ['PGRST_DB_SCHEMAS', 'PGRST_DB_SCHEMA'],
    holds: (value) => !Array.isArray(value) || !value.some((name) => FORBIDDEN_SCHEMAS.includes(name)),
    words: `no ${FORBIDDEN_SCHEMAS.join(' and no ')} (db-schemas does not allow these schemas)`,
  },
  {
    names: ['PGRST_JWT_ROLE_CLAIM_KEY', 'PGRST_ROLE_CLAIM_KEY'],
    holds: (value) => typeof value !== 'string' || isRolePath(value),
    words: 'a JSON path such as $.app.role (failed to parse role-claim-key value)',
  },
  {
    names: ['PGRST_ADMIN_SERVER_PORT'],
    holds: (value, all) => !value || value !== all['PGRST_SERVER_PORT'],
    words: 'another port than PGRST_SERVER_PORT (admin-server-port cannot be the same as server-port)',
  },
]

const variables = z.object({ ...settings, ...connectionVariables }).catchall(z.string())

export const restEnv = rules
  .flatMap(({ names, holds, words }) => names.map((name) => ({ name, holds, words })))
  .reduce(
    (schema, { name, holds, words }) =>
      schema.refine((all: Readonly<Record<string, unknown>>) => holds(all[name], all), {
        path: [name],
        error: () => words,
        when: () => true,
      }),
    variables,
  )
  .meta({ keepEmpty: ['PGRST_DB_EXTRA_SEARCH_PATH'] })

export type RestEnv = z.output<z.ZodObject<typeof settings>> & { readonly [name: string]: unknown }

/** RFC 3986, as far as it can be told without knowing the scheme. */
function isUri(value: string): boolean {
  return /^[a-z][a-z0-9+.-]*:(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[0-9a-f]{2})*$/i.test(value) && URL.canParse(value)
}

/** Absolute, without user and query. */
function isProxyUri(value: string): boolean {
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) return false
  const { username, password, search, port } = new URL(value)
  return username === '' && password === '' && search === '' && port !== '0'
}
