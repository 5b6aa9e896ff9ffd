// The S3 backend: the suite of all backends, and what it asks of a server when something goes wrong half way. test/peers runs the same
// suite on a MinIO.
import { randomUUID } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ObjectVersion, StoredUpload } from '../../src/services/storage/backend/backend.ts'
import type { S3Backend } from '../../src/services/storage/backend/s3/s3-backend.ts'
import { type FakeS3, startS3 } from '../fakes/s3-server.ts'
import { backendContract } from './backend-contract.ts'
import { s3BackendAt } from './s3-backend-at.ts'

for (const versionSeparator of [false, true]) {
  backendContract(
    `the S3 backend${versionSeparator ? ' with a separator of versions' : ''}`,
    async () => {
      const server = await startS3('stub')
      const backend = s3BackendAt(server.endpoint, { versionSeparator })
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

const MIB = 1_048_576
const head = { contentType: 'text/plain', cacheControl: 'no-cache', maxSize: 100 * MIB }
const fresh = (name: string): ObjectVersion => ({ bucket: 'pictures', name, version: randomUUID() })
let server: FakeS3
let backend: S3Backend
beforeAll(async () => {
  server = await startS3('stub')
  backend = s3BackendAt(server.endpoint)
})
afterAll(async () => {
  await backend.close()
  await server[Symbol.asyncDispose]()
})
beforeEach(() => {
  server.intercept = undefined
})

test('keys are those of upstream', async () => {
  const of = fresh("folder/it's a cat.txt")
  await backend.put(of, Readable.from([Buffer.from('meow')]), head)
  expect(server.keys()).toEqual([`stub/pictures/folder/it's a cat.txt/${of.version}`])
  await backend.remove([of])
  expect(server.keys()).toEqual([])
})

test('an address is presigned for ten minutes, and for the endpoint that imgproxy reaches', async () => {
  const of = fresh('cat.png')
  await backend.put(of, Readable.from([Buffer.from('meow')]), head)
  const url = new URL(await backend.addressFor(of))
  expect(url.searchParams.get('X-Amz-Expires')).toBe('600')
  expect(await (await fetch(url)).text()).toBe('meow')
  const inside = s3BackendAt(server.endpoint, { privateAssetEndpoint: 'http://minio.internal:9000' })
  expect(await inside.addressFor(of)).toMatch(/^http:\/\/minio\.internal:9000\/stub\/stub\/pictures\/cat\.png\/[0-9a-f-]{36}\?/)
  await inside.close()
  await backend.remove([of])
})

test('a large body goes in parts, and a part that is refused leaves neither parts nor an object', async () => {
  const seen: string[] = []
  server.intercept = (operation) => void seen.push(operation)
  const of = fresh('large')
  const facts = await backend.put(of, Readable.from([Buffer.alloc(12 * MIB)]), head)
  expect(facts).toMatchObject({ size: 12 * MIB, etag: expect.stringMatching(/-3"$/) })
  expect(seen.filter((operation) => operation === 'PUT partNumber&uploadId')).toHaveLength(3)
  await backend.remove([of])
  server.intercept = (operation) => {
    if (operation === 'PUT partNumber&uploadId') throw new Error('no')
  }
  await expect(backend.put(fresh('refused'), Readable.from([Buffer.alloc(12 * MIB)]), head)).rejects.toMatchObject({
    code: 'S3Error',
    status: 500,
  })
  expect(server.keys()).toEqual([])
  expect(server.uploads()).toEqual([])
})

test('a small object needs one request to be written, and one to be told of', async () => {
  const seen: string[] = []
  server.intercept = (operation) => void seen.push(operation)
  const of = fresh('small')
  await backend.put(of, Readable.from([Buffer.from('meow')]), { ...head, size: 4 })
  expect(seen).toEqual(['PUT', 'HEAD'])
  await backend.remove([of])
})

test('a signal that comes while the server is asked ends a part', async () => {
  const of = fresh('slow part')
  const uploadId = await backend.multipart.create(of, head)
  const controller = new AbortController()
  server.intercept = (operation) => {
    if (operation === 'PUT partNumber&uploadId') controller.abort()
  }
  const source = new PassThrough()
  // More than the SDK gathers before it sends anything.
  source.write(Buffer.alloc(40_000))
  const limits = { maxSize: 80_000, size: 80_000 }
  await expect(backend.multipart.part(of, uploadId, 1, source, limits, controller.signal)).rejects.toMatchObject({ code: 'Aborted' })
  await backend.multipart.abort(of, uploadId)
  expect(server.uploads()).toEqual([])
})

test('uploads in parts that were never ended are found and removed', async () => {
  const of = fresh('never ended')
  const uploadId = await backend.multipart.create(of, head)
  const before = async (date: Date) => {
    const found: StoredUpload[] = []
    for await (const upload of backend.leftovers.uploads(date)) found.push(upload)
    return found
  }
  expect(await before(new Date(Date.now() - 60_000))).toEqual([])
  const [upload] = await before(new Date(Date.now() + 60_000))
  expect(upload).toEqual({ uploadId, key: `stub/pictures/never ended/${of.version}`, lastModified: expect.any(Date) })
  await backend.leftovers.removeUpload(upload!)
  expect(server.uploads()).toEqual([])
})

test('what the server refuses is told by name alone', async () => {
  server.intercept = () => {
    throw new Error('a secret of the server')
  }
  const refusal = await backend.head(fresh('x')).catch((error: unknown) => error)
  expect(refusal).toMatchObject({ code: 'S3Error', status: 500 })
  expect(JSON.stringify(refusal)).not.toContain('secret')
})

test('a name that leaves no room for the rest of its key is refused', () => {
  backend.accept('x'.repeat(870))
  expect(() => backend.accept('x'.repeat(900))).toThrow(expect.objectContaining({ code: 'InvalidKey' }))
})
