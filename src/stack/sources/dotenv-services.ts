// From the variables of a self-hosted `.env` to those of every service that runs.
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isEmbeddedHost, type SelfHostedEnv, selfHostedEnv } from '../../env/self-hosted.ts'
import type { Environment } from '../../service/definition.ts'
import { deriveAnalytics } from '../derive/analytics.ts'
import { authUrlOf, deriveAuth, type SmtpSettings } from '../derive/auth.ts'
import { deriveDb } from '../derive/db.ts'
import { deriveFunctions } from '../derive/functions.ts'
import { deriveGateway } from '../derive/gateway.ts'
import { deriveImgproxy } from '../derive/imgproxy.ts'
import { deriveMail } from '../derive/mail.ts'
import { deriveMeta } from '../derive/meta.ts'
import { withOwn } from '../derive/own.ts'
import { derivePooler } from '../derive/pooler.ts'
import { deriveRealtime } from '../derive/realtime.ts'
import { deriveRest } from '../derive/rest.ts'
import type { StackSettings } from '../derive/settings.ts'
import { deriveStorage } from '../derive/storage.ts'
import { deriveStudio } from '../derive/studio.ts'
import { deriveVector } from '../derive/vector.ts'
import { wantsCatcher } from './dotenv-choice.ts'

/** Everything that is known when the services are described. */
export interface SelfHosted {
  readonly env: SelfHostedEnv
  readonly settings: StackSettings
  /** `.env` and the environment over it, as text. */
  readonly source: Environment
  readonly workDir: string
  readonly stateDir: string
  readonly dataDir: string
  readonly running: ReadonlySet<string>
  /** Those of `running` that do not run elsewhere: this stack opens their sockets. */
  readonly here: ReadonlySet<string>
  readonly mailPorts: { readonly smtp: number; readonly page: number }
}

export const httpPortOf = (env: SelfHostedEnv): number => env.KONG_HTTP_PORT ?? env.API_GW_HTTP_PORT ?? 8_000

/** An address that reaches what listens on `host`. */
export const reachable = (host: string): string =>
  host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host

/** The settings that are text; secrets from files too. */
export const textOf = (env: SelfHostedEnv): Environment =>
  Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])))

export function settingsOf(env: SelfHostedEnv): StackSettings {
  const publicUrl = env.SUPABASE_PUBLIC_URL ?? `http://${reachable(env.PLINTH_HOST)}:${httpPortOf(env)}`
  const embedded = isEmbeddedHost(env.POSTGRES_HOST)
  return {
    database: {
      host: embedded ? reachable(env.PLINTH_HOST).replace(/^\[|\]$/g, '') : env.POSTGRES_HOST!,
      port: env.POSTGRES_PORT,
      name: env.POSTGRES_DB,
      password: env.POSTGRES_PASSWORD,
      sslMode: embedded ? undefined : env.PGSSLMODE,
    },
    jwtSecret: env.JWT_SECRET,
    jwtExpiry: env.JWT_EXPIRY,
    jwtKeys: env.JWT_KEYS,
    jwks: env.JWT_JWKS,
    anonKey: env.ANON_KEY,
    serviceRoleKey: env.SERVICE_ROLE_KEY,
    publishableKey: env.SUPABASE_PUBLISHABLE_KEY,
    secretKey: env.SUPABASE_SECRET_KEY,
    anonKeyInside: env.ANON_KEY_ASYMMETRIC ?? env.ANON_KEY,
    serviceRoleKeyInside: env.SERVICE_ROLE_KEY_ASYMMETRIC ?? env.SERVICE_ROLE_KEY,
    publicUrl,
    externalUrl: env.API_EXTERNAL_URL ?? `${publicUrl}/auth/v1`,
  }
}

const STACK_WIDE: ReadonlySet<string> = new Set(Object.keys(selfHostedEnv.shape))

/** The variables of each service, its own ones over the derived ones. */
export function deriveAll(stack: SelfHosted): ReadonlyMap<string, Environment> {
  const derived = derivations(stack)
  return new Map(
    [...stack.running].map((kind) => [kind, settle(kind, withOwn(kind, derived[kind]?.() ?? {}, stack.source, STACK_WIDE), stack)]),
  )
}

const PATHS =
  /^(?:(?:STORAGE_FILE|FILE_STORAGE)_BACKEND_PATH|KONG_DECLARATIVE_CONFIG|KONG_SSL_CERT(?:_KEY)?|TRAEFIK_(?:CONFIGFILE|PROVIDERS_(?:COMPOSE|FILE)_(?:FILENAME|DIRECTORY)|CERTIFICATESRESOLVERS_.+_ACME_STORAGE|ACCESSLOG_FILEPATH))$/

/** Paths of the user's are relative to the work dir, and a file that is given as text needs no path. */
function settle(kind: string, env: Environment, { workDir, source }: SelfHosted): Environment {
  if (kind !== 'gateway' && kind !== 'storage') return env
  const result = { ...env }
  for (const [name, value] of Object.entries(env)) if (value && PATHS.test(name)) result[name] = resolve(workDir, value)
  if (kind === 'storage') return result
  if (result['KONG_DECLARATIVE_CONFIG_STRING']) delete result['KONG_DECLARATIVE_CONFIG']
  if (!Object.keys(result).some((name) => /^TRAEFIK_(?:PROVIDERS_|CONFIGFILE$)/.test(name))) return result
  // Traefik's front end instead of Kong's, which is the default; a file of Kong's that the user names beside it is refused by the gateway.
  if (!source['KONG_DECLARATIVE_CONFIG']) delete result['KONG_DECLARATIVE_CONFIG']
  // Labels and files name any variable of `.env` (`Host(`${DOMAIN}`)`).
  return { ...source, ...result }
}

const DEFAULT_KONG_FILE = fileURLToPath(new URL('../../services/gateway/defaults/self-hosted.yml', import.meta.url))

function derivations(stack: SelfHosted): Readonly<Record<string, () => Environment>> {
  const { env, settings, dataDir, source, workDir } = stack
  const restChoices = { schemas: env.PGRST_DB_SCHEMAS, extraSearchPath: env.PGRST_DB_EXTRA_SEARCH_PATH, maxRows: env.PGRST_DB_MAX_ROWS }
  const storageFolder = resolve(
    workDir,
    source['STORAGE_FILE_BACKEND_PATH'] || source['FILE_STORAGE_BACKEND_PATH'] || join(dataDir, 'storage'),
  )
  return {
    db: () => dbOf(stack),
    gateway: () =>
      deriveGateway(settings, {
        declarativeConfig: DEFAULT_KONG_FILE,
        portMaps: `${httpPortOf(env)}:8000,${env.KONG_HTTPS_PORT}:8443`,
        prefix: join(stack.stateDir, 'gateway'),
        dashboardUsername: env.DASHBOARD_USERNAME,
        dashboardPassword: env.DASHBOARD_PASSWORD,
      }),
    auth: () => authOf(stack),
    rest: () => deriveRest(settings, restChoices),
    mail: () => deriveMail(stack.mailPorts.smtp),
    realtime: () => deriveRealtime(settings, { encryptionKey: env.REALTIME_DB_ENC_KEY, secretKeyBase: env.SECRET_KEY_BASE }),
    storage: () =>
      deriveStorage(settings, {
        folder: storageFolder,
        fileSizeLimit: 52_428_800,
        imageTransformation: stack.running.has('imgproxy'),
        s3AccessKeyId: env.S3_PROTOCOL_ACCESS_KEY_ID,
        s3AccessKeySecret: env.S3_PROTOCOL_ACCESS_KEY_SECRET,
        region: env.REGION,
        tenantId: env.STORAGE_TENANT_ID,
        bucket: env.GLOBAL_S3_BUCKET,
      }),
    imgproxy: () => deriveImgproxy(storageFolder, env.IMGPROXY_AUTO_WEBP ?? env.IMGPROXY_ENABLE_WEBP_DETECTION ?? true),
    meta: () => deriveMeta(settings, env.PG_META_CRYPTO_KEY),
    functions: () => deriveFunctions(settings, env.FUNCTIONS_VERIFY_JWT),
    studio: () =>
      deriveStudio(settings, {
        ...restChoices,
        cryptoKey: env.PG_META_CRYPTO_KEY,
        organization: env.STUDIO_DEFAULT_ORGANIZATION,
        project: env.STUDIO_DEFAULT_PROJECT,
        openAiKey: env.OPENAI_API_KEY,
        analyticsToken: env.LOGFLARE_PRIVATE_ACCESS_TOKEN,
        logs: stack.running.has('analytics'),
      }),
    analytics: () => deriveAnalytics(settings, { public: env.LOGFLARE_PUBLIC_ACCESS_TOKEN, private: env.LOGFLARE_PRIVATE_ACCESS_TOKEN }),
    vector: () => deriveVector(env.LOGFLARE_PUBLIC_ACCESS_TOKEN),
    pooler: () =>
      derivePooler(settings, {
        secretKeyBase: env.SECRET_KEY_BASE,
        vaultEncryptionKey: env.VAULT_ENC_KEY,
        tenantId: env.POOLER_TENANT_ID,
        defaultPoolSize: env.POOLER_DEFAULT_POOL_SIZE,
        maxClientConnections: env.POOLER_MAX_CLIENT_CONN,
        dbPoolSize: env.POOLER_DB_POOL_SIZE,
        poolMode: 'transaction',
      }),
  }
}

function dbOf({ env, settings, stateDir, dataDir }: SelfHosted): Environment {
  const embedded = isEmbeddedHost(env.POSTGRES_HOST)
  const db = deriveDb(settings, {
    host: embedded ? undefined : env.POSTGRES_HOST,
    listen: env.PLINTH_HOST === '::' ? '*' : env.PLINTH_HOST,
    stateDir,
    dataDir: dataDir === stateDir ? undefined : join(dataDir, 'db'),
  })
  return embedded || env.POSTGRES_USER === undefined ? db : { ...db, POSTGRES_USER: env.POSTGRES_USER }
}

function authOf({ env, settings, here, mailPorts }: SelfHosted): Environment {
  const verify = `${authUrlOf(settings.externalUrl)}/verify`
  return {
    ...deriveAuth(settings, smtpOf(env, here, mailPorts.smtp)),
    GOTRUE_SITE_URL: env.SITE_URL,
    // The gateway alone reaches auth, and writes this header itself.
    PLINTH_AUTH_ADDRESS_HEADER: 'X-Real-IP',
    GOTRUE_URI_ALLOW_LIST: env.ADDITIONAL_REDIRECT_URLS,
    GOTRUE_DISABLE_SIGNUP: String(env.DISABLE_SIGNUP),
    GOTRUE_EXTERNAL_EMAIL_ENABLED: String(env.ENABLE_EMAIL_SIGNUP),
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: String(env.ENABLE_ANONYMOUS_USERS),
    GOTRUE_MAILER_AUTOCONFIRM: String(env.ENABLE_EMAIL_AUTOCONFIRM),
    GOTRUE_EXTERNAL_PHONE_ENABLED: String(env.ENABLE_PHONE_SIGNUP),
    GOTRUE_SMS_AUTOCONFIRM: String(env.ENABLE_PHONE_AUTOCONFIRM),
    GOTRUE_MAILER_URLPATHS_INVITE: env.MAILER_URLPATHS_INVITE ?? verify,
    GOTRUE_MAILER_URLPATHS_CONFIRMATION: env.MAILER_URLPATHS_CONFIRMATION ?? verify,
    GOTRUE_MAILER_URLPATHS_RECOVERY: env.MAILER_URLPATHS_RECOVERY ?? verify,
    GOTRUE_MAILER_URLPATHS_EMAIL_CHANGE: env.MAILER_URLPATHS_EMAIL_CHANGE ?? verify,
  }
}

/** The server of SMTP_HOST, else the catcher; undefined where there is neither. */
function smtpOf(env: SelfHostedEnv, here: ReadonlySet<string>, catcherPort: number): SmtpSettings | undefined {
  const sender = { adminEmail: env.SMTP_ADMIN_EMAIL, senderName: env.SMTP_SENDER_NAME }
  if (!env.SMTP_HOST || wantsCatcher(env)) {
    return here.has('mail') ? { host: '127.0.0.1', port: catcherPort, ...sender } : undefined
  }
  return {
    host: env.SMTP_HOST,
    port: env.SMTP_PORT ?? 587,
    ...(env.SMTP_USER === undefined ? {} : { user: env.SMTP_USER }),
    ...(env.SMTP_PASS === undefined ? {} : { password: env.SMTP_PASS }),
    ...sender,
  }
}
