// The S3 backend on a MinIO: the same suite as on files.

import { describe, test } from 'vitest'
import { backendContract } from '../storage/backend-contract.ts'
import { s3BackendAt } from '../storage/s3-backend-at.ts'
import { HOW_TO_BUILD_MINIO, startMinio } from '../support/minio.ts'
import { findPeer } from './find-peer.ts'

const program = findPeer('minio')
if (program === undefined) {
  test.skip(`the S3 backend on MinIO (${HOW_TO_BUILD_MINIO})`, () => undefined)
} else {
  describe('MinIO', () => {
    for (const versionSeparator of [false, true]) {
      backendContract(
        `the S3 backend${versionSeparator ? ' with a separator of versions' : ''}`,
        async () => {
          const server = await startMinio(program, 'stub')
          const backend = s3BackendAt(server.endpoint, { credentials: server.credentials, versionSeparator })
          return {
            backend,
            async close() {
              await backend.close()
              await server[Symbol.asyncDispose]()
            },
          }
        },
        { md5Etags: false },
      )
    }
  })
}
