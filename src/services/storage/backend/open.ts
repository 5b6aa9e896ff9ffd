// Which backend the variables ask for.
import type { StorageConfig } from '../config.ts'
import type { StorageEnv } from '../env.ts'
import type { Backend } from './backend.ts'
import { FileBackend } from './file/file-backend.ts'

export async function openBackend(env: StorageEnv, { backend, tenantId, versionSeparator }: StorageConfig): Promise<Backend> {
  if (backend.kind === 'file') {
    return FileBackend.open({ path: backend.path, bucket: backend.bucket, tenantId, etag: backend.etag, versionSeparator })
  }
  // The SDK is large: whoever keeps files does not load it.
  const { S3Backend } = await import('./s3/s3-backend.ts')
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = env
  return new S3Backend({
    bucket: backend.bucket,
    tenantId,
    region: backend.region ?? env.AWS_REGION,
    endpoint: env.STORAGE_S3_ENDPOINT ?? env.GLOBAL_S3_ENDPOINT,
    forcePathStyle: env.STORAGE_S3_FORCE_PATH_STYLE ?? env.GLOBAL_S3_FORCE_PATH_STYLE ?? false,
    privateAssetEndpoint: env.STORAGE_S3_PRIVATE_ASSET_ENDPOINT,
    credentials: accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) } : undefined,
    maxSockets: env.STORAGE_S3_MAX_SOCKETS ?? env.GLOBAL_S3_MAX_SOCKETS ?? 200,
    timeoutMs: env.STORAGE_S3_CLIENT_TIMEOUT,
    partSize: env.STORAGE_S3_UPLOAD_PART_SIZE,
    queueSize: env.STORAGE_S3_UPLOAD_QUEUE_SIZE,
    requestChecksum: env.STORAGE_S3_REQUEST_CHECKSUM_CALCULATION,
    responseChecksum: env.STORAGE_S3_RESPONSE_CHECKSUM_VALIDATION,
    versionSeparator,
  })
}
