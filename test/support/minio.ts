// A MinIO for one test file, where it was built: an S3 server that is not ours.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'

export interface Minio extends AsyncDisposable {
  readonly endpoint: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

export const HOW_TO_BUILD_MINIO = 'GOBIN=DIR go install github.com/minio/minio@latest, then PLINTH_PEERS=DIR'

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })

/** With one bucket, called as given. */
export async function startMinio(program: string, bucket: string): Promise<Minio> {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-minio-'))
  const port = await freePort()
  const credentials = { accessKeyId: 'plinth', secretAccessKey: createHash('sha1').update(folder).digest('hex') }
  const child = spawn(program, ['server', folder, '--address', `127.0.0.1:${port}`, '--quiet'], {
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      MINIO_ROOT_USER: credentials.accessKeyId,
      MINIO_ROOT_PASSWORD: credentials.secretAccessKey,
      MINIO_BROWSER: 'off',
    },
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const endpoint = `http://127.0.0.1:${port}`
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials, maxAttempts: 20 })
  try {
    // The client tries again until the server listens.
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
  } finally {
    client.destroy()
  }
  return {
    endpoint,
    credentials,
    async [Symbol.asyncDispose]() {
      child.kill()
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}
