// An S3 backend for tests, with small parts.
import { S3Backend, type S3BackendOptions } from '../../src/services/storage/backend/s3/s3-backend.ts'

export const s3BackendAt = (endpoint: string, options: Partial<S3BackendOptions> = {}): S3Backend =>
  new S3Backend({
    bucket: 'stub',
    tenantId: 'stub',
    region: 'us-east-1',
    endpoint,
    forcePathStyle: true,
    privateAssetEndpoint: undefined,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    maxSockets: 50,
    timeoutMs: 0,
    partSize: 5_242_880,
    queueSize: 2,
    requestChecksum: undefined,
    responseChecksum: undefined,
    ...options,
  })
