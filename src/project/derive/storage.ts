// [storage]: variables of the services `storage` and `imgproxy`.
import { join } from 'node:path'
import { development } from '../../env/development-keys.ts'
import { databaseUrl } from '../connect.ts'
import type { DeriveContext, Variables } from './context.ts'

const objectsFolder = (stateDir: string): string => join(stateDir, 'storage')

export function storage({ project, keys, apiUrl, stateDir }: DeriveContext): Variables {
  const { storage: config } = project.config
  return {
    ANON_KEY: keys.anonKey,
    SERVICE_KEY: keys.serviceRoleKey,
    POSTGREST_URL: 'http://rest:3000',
    AUTH_JWT_SECRET: keys.jwtSecret,
    JWT_JWKS: keys.jwks,
    DATABASE_URL: databaseUrl(project.config, 'supabase_storage_admin'),
    STORAGE_PUBLIC_URL: apiUrl,
    FILE_SIZE_LIMIT: String(config.file_size_limit),
    STORAGE_BACKEND: 'file',
    FILE_STORAGE_BACKEND_PATH: objectsFolder(stateDir),
    TENANT_ID: 'stub',
    STORAGE_S3_REGION: development.s3Region,
    GLOBAL_S3_BUCKET: 'stub',
    ENABLE_IMAGE_TRANSFORMATION: String(config.image_transformation?.enabled ?? false),
    IMGPROXY_URL: 'http://imgproxy:5001',
    TUS_URL_PATH: '/storage/v1/upload/resumable',
    S3_PROTOCOL_ENABLED: String(config.s3_protocol.enabled),
    S3_PROTOCOL_ACCESS_KEY_ID: development.s3AccessKeyId,
    S3_PROTOCOL_ACCESS_KEY_SECRET: development.s3AccessKeySecret,
    S3_PROTOCOL_PREFIX: '/storage/v1',
    UPLOAD_FILE_SIZE_LIMIT: '52428800000',
    UPLOAD_FILE_SIZE_LIMIT_STANDARD: '5242880000',
    SIGNED_UPLOAD_URL_EXPIRATION_TIME: '7200',
    VECTOR_ENABLED: String(config.vector?.enabled ?? false),
  }
}

export function imgproxy({ stateDir }: DeriveContext): Variables {
  return {
    IMGPROXY_BIND: ':5001',
    IMGPROXY_LOCAL_FILESYSTEM_ROOT: objectsFolder(stateDir),
    IMGPROXY_USE_ETAG: 'true',
    IMGPROXY_AUTO_WEBP: 'true',
    IMGPROXY_MAX_SRC_RESOLUTION: '50',
    IMGPROXY_MAX_SRC_FILE_SIZE: '25000000',
    IMGPROXY_MAX_ANIMATION_FRAMES: '60',
    IMGPROXY_PRESETS: 'default=width:3000/height:8192',
    IMGPROXY_FORMAT_QUALITY: 'jpeg=80,avif=62,webp=80',
  }
}
