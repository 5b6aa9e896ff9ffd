// From config.toml to the variables of every service but auth, which has a file of its own. What both forms of a stack agree on comes
// from the shared derivations; here is what a local project adds to it.
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { development } from '../../env/development-keys.ts'
import type { Environment } from '../../service/definition.ts'
import { deriveAnalytics } from '../../stack/derive/analytics.ts'
import { deriveDb } from '../../stack/derive/db.ts'
import { deriveFunctions } from '../../stack/derive/functions.ts'
import { deriveGateway } from '../../stack/derive/gateway.ts'
import { deriveImgproxy } from '../../stack/derive/imgproxy.ts'
import { deriveMail } from '../../stack/derive/mail.ts'
import { deriveMeta } from '../../stack/derive/meta.ts'
import { derivePooler } from '../../stack/derive/pooler.ts'
import { deriveRealtime } from '../../stack/derive/realtime.ts'
import { deriveRest } from '../../stack/derive/rest.ts'
import { deriveStorage } from '../../stack/derive/storage.ts'
import { deriveStudio } from '../../stack/derive/studio.ts'
import { deriveVector } from '../../stack/derive/vector.ts'
import { isReference } from '../config/substitute.ts'
import type { DeriveContext } from './context.ts'

/** A reference to a variable that is not set is no value. */
const known = (value: string | undefined): string | undefined => (value === undefined || isReference(value) ? undefined : value)

export function db({ project, settings, stateDir }: DeriveContext): Environment {
  const { db: config } = project.config
  const lines = Object.fromEntries(Object.entries(config.settings).filter(([, value]) => value !== undefined))
  return {
    ...deriveDb(settings, { host: undefined, listen: '127.0.0.1', stateDir }),
    PLINTH_DB_SETTINGS: JSON.stringify(lines),
    PLINTH_DB_ROOT_KEY: known(config.root_key) ?? development.databaseRootKey,
  }
}

export function pooler({ project, settings }: DeriveContext): Environment {
  const { port, pool_mode, default_pool_size, max_client_conn } = project.config.db.pooler
  return {
    ...derivePooler(settings, {
      secretKeyBase: development.secretKeyBase,
      vaultEncryptionKey: development.vaultEncryptionKey,
      tenantId: development.poolerTenant,
      defaultPoolSize: default_pool_size,
      maxClientConnections: max_client_conn,
      dbPoolSize: 5,
      poolMode: pool_mode,
    }),
    [pool_mode === 'session' ? 'PROXY_PORT_SESSION' : 'PROXY_PORT_TRANSACTION']: String(port),
  }
}

const restChoices = ({ project }: DeriveContext) => ({
  schemas: project.config.api.schemas.join(','),
  extraSearchPath: project.config.api.extra_search_path.join(','),
  maxRows: project.config.api.max_rows,
})

export const rest = (context: DeriveContext): Environment => deriveRest(context.settings, restChoices(context))

/** No keys are asked for here; opaque keys are exchanged for tokens. */
const LOCAL_ROUTES = fileURLToPath(new URL('../../services/gateway/defaults/local.yml', import.meta.url))

export function gateway({ project, settings }: DeriveContext): Environment {
  const { port, tls } = project.config.api
  const path = (given: string): string => (isAbsolute(given) ? given : join(project.supabaseDir, given))
  return {
    ...deriveGateway(settings, { declarativeConfig: LOCAL_ROUTES, portMaps: `${port}:${tls.enabled ? 8443 : 8000}` }),
    ...(tls.enabled && tls.cert_path && tls.key_path ? { KONG_SSL_CERT: path(tls.cert_path), KONG_SSL_CERT_KEY: path(tls.key_path) } : {}),
  }
}

export const mail = ({ smtpPort }: DeriveContext): Environment => deriveMail(smtpPort ?? 0)

export const realtime = ({ project, settings }: DeriveContext): Environment => ({
  ...deriveRealtime(settings, { encryptionKey: development.realtimeEncryptionKey, secretKeyBase: development.secretKeyBase }),
  MAX_HEADER_LENGTH: String(project.config.realtime.max_header_length),
})

const objectsFolder = (stateDir: string): string => join(stateDir, 'storage')

export function storage({ project, settings, stateDir }: DeriveContext): Environment {
  const { storage: config } = project.config
  return {
    ...deriveStorage(settings, {
      folder: objectsFolder(stateDir),
      fileSizeLimit: config.file_size_limit,
      imageTransformation: config.image_transformation?.enabled ?? false,
      s3AccessKeyId: development.s3AccessKeyId,
      s3AccessKeySecret: development.s3AccessKeySecret,
      region: development.s3Region,
      tenantId: 'stub',
      bucket: 'stub',
    }),
    STORAGE_S3_REGION: development.s3Region,
    TUS_URL_PATH: '/storage/v1/upload/resumable',
    S3_PROTOCOL_ENABLED: String(config.s3_protocol.enabled),
    S3_PROTOCOL_PREFIX: '/storage/v1',
    UPLOAD_FILE_SIZE_LIMIT: '52428800000',
    UPLOAD_FILE_SIZE_LIMIT_STANDARD: '5242880000',
    SIGNED_UPLOAD_URL_EXPIRATION_TIME: '7200',
  }
}

export const imgproxy = ({ stateDir }: DeriveContext): Environment => ({
  ...deriveImgproxy(objectsFolder(stateDir), true),
  IMGPROXY_MAX_SRC_RESOLUTION: '50',
  IMGPROXY_MAX_SRC_FILE_SIZE: '25000000',
  IMGPROXY_MAX_ANIMATION_FRAMES: '60',
  IMGPROXY_PRESETS: 'default=width:3000/height:8192',
  IMGPROXY_FORMAT_QUALITY: 'jpeg=80,avif=62,webp=80',
})

/** Studio and meta share it; it never leaves this machine. */
const CRYPTO_KEY = development.vaultEncryptionKey

export const meta = ({ settings }: DeriveContext): Environment => deriveMeta(settings, CRYPTO_KEY)

export function studio(context: DeriveContext): Environment {
  const { project, settings } = context
  const { api_url, openai_api_key } = project.config.studio
  const elsewhere = URL.canParse(api_url) && !['127.0.0.1', 'localhost'].includes(new URL(api_url).hostname)
  return {
    ...deriveStudio(elsewhere ? { ...settings, publicUrl: api_url } : settings, {
      cryptoKey: CRYPTO_KEY,
      ...restChoices(context),
      organization: 'Default Organization',
      project: 'Default Project',
      openAiKey: known(openai_api_key),
      analyticsToken: development.analyticsToken,
      logs: project.config.analytics.enabled,
    }),
    SNIPPETS_MANAGEMENT_FOLDER: join(project.supabaseDir, 'snippets'),
    EDGE_FUNCTIONS_MANAGEMENT_FOLDER: join(project.supabaseDir, 'functions'),
  }
}

/** Each function says itself whether it asks for a token. */
export const functions = ({ settings }: DeriveContext): Environment => deriveFunctions(settings, true)

export const analytics = ({ settings }: DeriveContext): Environment =>
  deriveAnalytics(settings, { public: development.analyticsToken, private: development.analyticsToken })

export const vector = (): Environment => deriveVector(development.analyticsToken)
