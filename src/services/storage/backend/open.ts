// Which backend the variables ask for.
import type { Logger } from '../../../log/log.ts'
import type { StorageConfig } from '../config.ts'
import type { StorageEnv } from '../env.ts'
import type { Backend } from './backend.ts'
import { SimpleFileBackend } from './simple-file.ts'

export async function openBackend(_env: StorageEnv, config: StorageConfig, _log: Logger): Promise<Backend> {
  if (config.backend.kind === 's3') throw new Error('STORAGE_BACKEND=s3 is not there yet')
  return new SimpleFileBackend(config.backend.path, config.backend.bucket, config.tenantId)
}
