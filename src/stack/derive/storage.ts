// The variables of storage, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'
import { databaseUrl, given, type StackSettings } from './settings.ts'

export interface StorageChoices {
  /** Folder of the objects' bytes. */
  readonly folder: string
  readonly fileSizeLimit: number
  readonly imageTransformation: boolean
  readonly s3AccessKeyId: string
  readonly s3AccessKeySecret: string
  readonly region: string
  readonly tenantId: string
  readonly bucket: string
}

export const deriveStorage = (stack: StackSettings, choices: StorageChoices): Environment =>
  given({
    ANON_KEY: stack.anonKey,
    SERVICE_KEY: stack.serviceRoleKey,
    POSTGREST_URL: 'http://rest:3000',
    AUTH_JWT_SECRET: stack.jwtSecret,
    JWT_JWKS: stack.jwks,
    DATABASE_URL: databaseUrl(stack.database, 'supabase_storage_admin'),
    STORAGE_PUBLIC_URL: stack.publicUrl,
    REQUEST_ALLOW_X_FORWARDED_PATH: 'true',
    FILE_SIZE_LIMIT: String(choices.fileSizeLimit),
    STORAGE_BACKEND: 'file',
    FILE_STORAGE_BACKEND_PATH: choices.folder,
    TENANT_ID: choices.tenantId,
    REGION: choices.region,
    GLOBAL_S3_BUCKET: choices.bucket,
    ENABLE_IMAGE_TRANSFORMATION: String(choices.imageTransformation),
    IMGPROXY_URL: 'http://imgproxy:5001',
    S3_PROTOCOL_ACCESS_KEY_ID: choices.s3AccessKeyId,
    S3_PROTOCOL_ACCESS_KEY_SECRET: choices.s3AccessKeySecret,
  })
