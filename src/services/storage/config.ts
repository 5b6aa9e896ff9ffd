// The variables as the service uses them: the newer of two names wins, units are those of the code, what depends on another is settled.
import { EnvError } from '../../env/read.ts'
import type { StorageEnv } from './env.ts'

export interface StorageConfig {
  readonly tenantId: string
  readonly region: string
  readonly version: string
  /** Of this server, where clients find it; wins over forwarded headers. */
  readonly publicUrl: URL | undefined
  readonly allowForwardedPath: boolean
  /** Header, in lower case, that carries the id of a request. */
  readonly traceHeader: string | undefined
  readonly sharedMaxAge: number
  readonly hardLimits: boolean
  readonly roles: { readonly anon: string; readonly authenticated: string; readonly service: string }
  readonly uploads: {
    /** Bytes of any upload. */
    readonly limit: number
    /** Bytes of an upload that cannot be resumed; undefined where only `limit` holds. */
    readonly standardLimit: number | undefined
    readonly signedUrlSeconds: number
  }
  readonly emptyBucketMax: number
  readonly encryptionKey: string
  readonly images: {
    readonly enabled: boolean
    readonly url: string | undefined
    readonly timeoutMs: number
    readonly minSize: number
    readonly maxSize: number
  }
  readonly backend:
    | { readonly kind: 'file'; readonly path: string; readonly bucket: string; readonly etag: 'md5' | 'mtime' }
    | { readonly kind: 's3'; readonly bucket: string; readonly region: string | undefined }
  /** `-$v-` before the version of a key instead of a slash. */
  readonly versionSeparator: boolean
}

export function configOf(env: StorageEnv): StorageConfig {
  const missing = (name: string) => new EnvError([{ name, expected: 'required, but not set' }])
  if ((env.AUTH_JWT_SECRET ?? env.PGRST_JWT_SECRET) === undefined) throw missing('AUTH_JWT_SECRET')
  if (env.MULTI_TENANT) throw new EnvError([{ name: 'MULTI_TENANT', expected: 'expected false: Plinth serves one project' }])
  const limit = env.UPLOAD_FILE_SIZE_LIMIT ?? env.FILE_SIZE_LIMIT
  if (limit === undefined) throw missing('UPLOAD_FILE_SIZE_LIMIT')
  const bucket = env.STORAGE_S3_BUCKET ?? env.GLOBAL_S3_BUCKET
  if (bucket === undefined) throw missing('STORAGE_S3_BUCKET')
  const path = env.STORAGE_FILE_BACKEND_PATH ?? env.FILE_STORAGE_BACKEND_PATH
  if (env.STORAGE_BACKEND === 'file' && path === undefined) throw missing('STORAGE_FILE_BACKEND_PATH')
  const images = env.IMAGE_TRANSFORMATION_ENABLED ?? env.ENABLE_IMAGE_TRANSFORMATION ?? false
  const region = env.SERVER_REGION ?? env.REGION ?? 'not-specified'
  return {
    tenantId: env.PROJECT_REF ?? env.TENANT_ID ?? 'storage-single-tenant',
    region,
    version: env.VERSION,
    publicUrl: env.STORAGE_PUBLIC_URL === undefined ? undefined : new URL(env.STORAGE_PUBLIC_URL),
    allowForwardedPath: env.REQUEST_ALLOW_X_FORWARDED_PATH,
    traceHeader: (env.REQUEST_TRACE_HEADER ?? env.REQUEST_ID_HEADER)?.toLowerCase(),
    sharedMaxAge: env.RESPONSE_S_MAXAGE,
    hardLimits: env.REQUEST_HARD_LIMITS_ENABLED,
    roles: { anon: env.DB_ANON_ROLE, authenticated: env.DB_AUTHENTICATED_ROLE, service: env.DB_SERVICE_ROLE },
    uploads: {
      limit,
      standardLimit: (env.UPLOAD_FILE_SIZE_LIMIT_STANDARD ?? env.FILE_SIZE_LIMIT_STANDARD_UPLOAD) || undefined,
      signedUrlSeconds: env.UPLOAD_SIGNED_URL_EXPIRATION_TIME ?? env.SIGNED_UPLOAD_URL_EXPIRATION_TIME ?? 60,
    },
    emptyBucketMax: env.STORAGE_EMPTY_BUCKET_MAX,
    encryptionKey: env.AUTH_ENCRYPTION_KEY ?? env.ENCRYPTION_KEY ?? '',
    images: {
      enabled: images,
      url: env.IMGPROXY_URL,
      timeoutMs: env.IMGPROXY_REQUEST_TIMEOUT * 1_000,
      minSize: env.IMAGE_TRANSFORMATION_LIMIT_MIN_SIZE ?? env.IMG_LIMITS_MIN_SIZE ?? 1,
      maxSize: env.IMAGE_TRANSFORMATION_LIMIT_MAX_SIZE ?? env.IMG_LIMITS_MAX_SIZE ?? 2_000,
    },
    backend:
      env.STORAGE_BACKEND === 'file'
        ? { kind: 'file', path: path!, bucket, etag: env.STORAGE_FILE_ETAG_ALGORITHM }
        : { kind: 's3', bucket, region: env.STORAGE_S3_REGION ?? env.REGION },
    versionSeparator: env.TUS_USE_FILE_VERSION_SEPARATOR,
  }
}
