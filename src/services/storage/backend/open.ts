// Which backend the variables ask for.
import type { StorageConfig } from '../config.ts'
import type { Backend } from './backend.ts'
import { FileBackend } from './file/file-backend.ts'

export async function openBackend({ backend, tenantId, versionSeparator }: StorageConfig): Promise<Backend> {
  if (backend.kind === 's3') throw new Error('STORAGE_BACKEND=s3 is not there yet')
  return FileBackend.open({ path: backend.path, bucket: backend.bucket, tenantId, etag: backend.etag, versionSeparator })
}
