// The variables of a self-hosted stack's `.env`: the names of upstream's compose file, with its defaults, and Plinth's few own.
import { z } from 'zod'
import { KeySetError, keySetFrom } from '../jwt/keys.ts'
import { bool, count, list, oneOf, port, secret, text, url } from './types.ts'

const webUrl = z
  .string()
  .refine((value) => /^https?:$/.test(protocolOf(value)), { error: () => 'a URL that begins with http:// or https://' })
  .transform((value) => value.replace(/\/+$/, ''))

function protocolOf(value: string): string {
  return URL.canParse(value) ? new URL(value).protocol : ''
}

/** JSON of keys; an empty list counts as absent, as upstream's compose file defaults to one. */
const keys = (shape: string) =>
  secret
    .transform((value, ctx) => {
      if (/^\s*(\[\s*\]|\{\s*"keys"\s*:\s*\[\s*\]\s*\})\s*$/.test(value)) return undefined
      try {
        JSON.parse(value)
        keySetFrom(value)
        return value
      } catch (error) {
        ctx.addIssue({ code: 'custom', message: error instanceof KeySetError ? `${shape} (${error.message})` : shape })
        return z.NEVER
      }
    })
    .optional()

const bindHost = z
  .string()
  .refine((value) => /^[A-Za-z0-9.:_-]+$/.test(value), { error: () => 'an address to listen on, such as 127.0.0.1 or 0.0.0.0' })

export const selfHostedEnv = z.object({
  // Plinth's own
  /** Which services run: `minimal` is the database, gateway, REST, auth and the mail catcher; `full` adds analytics, vector and the pooler to `standard`. */
  PLINTH_PROFILE: oneOf('minimal', 'standard', 'full').default('standard'),
  /** Names of services, comma separated; beats the profile. */
  PLINTH_SERVICES: list.optional(),
  /** Names of services that get a process of their own, or `all`. */
  PLINTH_PROCESSES: list.optional(),
  /** Where data lies instead of `.plinth` in the work dir. */
  PLINTH_DATA_DIR: text.optional(),
  /** Address that the gateway and the database listen on. */
  PLINTH_HOST: bindHost.default('127.0.0.1'),

  // database
  /** Unset or `db`: the server that Plinth brings along. Anything else: a server elsewhere. */
  POSTGRES_HOST: text.optional(),
  POSTGRES_PORT: port.default(5_432),
  POSTGRES_DB: text.default('postgres'),
  POSTGRES_PASSWORD: secret,
  /** Elsewhere only: the login that prepares the database. */
  POSTGRES_USER: text.optional(),
  /** Elsewhere only: how much TLS is asked of the server. */
  PGSSLMODE: text.optional(),

  // keys
  /** Signs ANON_KEY and SERVICE_ROLE_KEY, and user tokens where there is no JWT_KEYS. */
  JWT_SECRET: secret.refine((value) => value.length >= 32, { error: () => 'at least 32 characters' }),
  /** Seconds that a user token holds. */
  JWT_EXPIRY: count.default(3_600),
  /** Private keys that sign user tokens (ES256); without them these are HS256. A `.env` that Plinth makes has them. */
  JWT_KEYS: keys('a JSON array of private JWKs'),
  /** What the services verify tokens with; made from JWT_KEYS and JWT_SECRET. */
  JWT_JWKS: keys('a JWKS'),
  ANON_KEY: secret,
  SERVICE_ROLE_KEY: secret,
  /** Opaque key that stands for ANON_KEY. */
  SUPABASE_PUBLISHABLE_KEY: secret,
  /** Opaque key that stands for SERVICE_ROLE_KEY. */
  SUPABASE_SECRET_KEY: secret,
  ANON_KEY_ASYMMETRIC: secret.optional(),
  SERVICE_ROLE_KEY_ASYMMETRIC: secret.optional(),
  SECRET_KEY_BASE: secret.refine((value) => value.length >= 64, { error: () => 'at least 64 characters' }),
  VAULT_ENC_KEY: secret.refine((value) => value.length === 32, { error: () => 'exactly 32 characters' }),
  PG_META_CRYPTO_KEY: secret,
  REALTIME_DB_ENC_KEY: secret.refine((value) => value.length === 16, { error: () => 'exactly 16 characters' }),
  LOGFLARE_PUBLIC_ACCESS_TOKEN: secret,
  LOGFLARE_PRIVATE_ACCESS_TOKEN: secret,
  S3_PROTOCOL_ACCESS_KEY_ID: secret,
  S3_PROTOCOL_ACCESS_KEY_SECRET: secret,
  /** Name and password that the dashboard asks for. */
  DASHBOARD_USERNAME: text.default('supabase'),
  DASHBOARD_PASSWORD: secret,

  // addresses
  /** Port of the API; 8000 unless API_GW_HTTP_PORT is set. */
  KONG_HTTP_PORT: port.optional(),
  KONG_HTTPS_PORT: port.default(8_443),
  /** Newer name of KONG_HTTP_PORT. */
  API_GW_HTTP_PORT: port.optional(),
  /** Where clients find the gateway; every link, redirect and issuer begins with it. Unset: the port of this machine. */
  SUPABASE_PUBLIC_URL: webUrl.optional(),
  /** Public URL of auth; unset: SUPABASE_PUBLIC_URL with `/auth/v1`. */
  API_EXTERNAL_URL: webUrl.optional(),
  /** Where mails and sign-ins lead back to: your application. */
  SITE_URL: url.default('http://localhost:3000'),
  /** Further URLs that a sign-in may lead back to, comma separated. */
  ADDITIONAL_REDIRECT_URLS: text.default(''),

  // rest
  PGRST_DB_SCHEMAS: text.default('public,storage,graphql_public'),
  PGRST_DB_MAX_ROWS: count.default(1_000),
  PGRST_DB_EXTRA_SEARCH_PATH: text.default('public'),

  // auth
  DISABLE_SIGNUP: bool.default(false),
  ENABLE_EMAIL_SIGNUP: bool.default(true),
  ENABLE_EMAIL_AUTOCONFIRM: bool.default(false),
  ENABLE_ANONYMOUS_USERS: bool.default(false),
  ENABLE_PHONE_SIGNUP: bool.default(true),
  ENABLE_PHONE_AUTOCONFIRM: bool.default(true),
  /** Path or URL of the link in a mail; unset: `/verify` of auth. */
  MAILER_URLPATHS_INVITE: text.optional(),
  MAILER_URLPATHS_CONFIRMATION: text.optional(),
  MAILER_URLPATHS_RECOVERY: text.optional(),
  MAILER_URLPATHS_EMAIL_CHANGE: text.optional(),
  /** Unset or `supabase-mail`: mails are caught and shown, not sent. */
  SMTP_HOST: text.optional(),
  /** 587 where SMTP_HOST is set. */
  SMTP_PORT: port.optional(),
  SMTP_USER: text.optional(),
  SMTP_PASS: secret.optional(),
  SMTP_ADMIN_EMAIL: text.default('admin@example.com'),
  SMTP_SENDER_NAME: text.default('fake_sender'),

  // the others
  STORAGE_TENANT_ID: text.default('stub'),
  REGION: text.default('stub'),
  GLOBAL_S3_BUCKET: text.default('stub'),
  IMGPROXY_ENABLE_WEBP_DETECTION: bool.optional(),
  /** Newer name of IMGPROXY_ENABLE_WEBP_DETECTION. */
  IMGPROXY_AUTO_WEBP: bool.optional(),
  FUNCTIONS_VERIFY_JWT: bool.default(false),
  STUDIO_DEFAULT_ORGANIZATION: text.default('Default Organization'),
  STUDIO_DEFAULT_PROJECT: text.default('Default Project'),
  OPENAI_API_KEY: secret.optional(),
  POOLER_PROXY_PORT_TRANSACTION: port.default(6_543),
  POOLER_DEFAULT_POOL_SIZE: count.default(20),
  POOLER_MAX_CLIENT_CONN: count.default(100),
  POOLER_TENANT_ID: text.default('your-tenant-id'),
  POOLER_DB_POOL_SIZE: count.default(5),
})
export type SelfHostedEnv = z.output<typeof selfHostedEnv>

/** Whether POSTGRES_HOST means the server that Plinth brings along: unset, the compose file's name for it, or a socket folder. */
export const isEmbeddedHost = (host: string | undefined): boolean => !host || host === 'db' || host.startsWith('/')

/** Whether only this machine can reach what listens there. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
