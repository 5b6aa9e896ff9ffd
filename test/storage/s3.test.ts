// The S3 protocol with AWS's own client: buckets, objects, lists, parts, presigned URLs, sessions under policies.
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketAclCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  paginateListObjectsV2,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type StorageDatabase, startStorageDatabase } from '../support/storage-database.ts'
import { ANON_KEY, S3_KEY, SERVICE_KEY, startStorage, type TestStorage, tokenOf } from '../support/storage-service.ts'

let home: StorageDatabase
let database: Client
let storage: TestStorage
let s3: S3Client
const clients: S3Client[] = []

beforeAll(async () => {
  home = await startStorageDatabase()
  database = home.admin
  storage = await startStorage(home)
  s3 = connect()
})
afterAll(async () => {
  for (const client of clients) client.destroy()
  await storage?.[Symbol.asyncDispose]()
  await home?.[Symbol.asyncDispose]()
})

function connect(more: S3ClientConfig = {}): S3Client {
  const client = new S3Client({
    endpoint: `${storage.url}/s3`,
    region: 'local',
    forcePathStyle: true,
    credentials: S3_KEY,
    maxAttempts: 1,
    ...more,
  })
  clients.push(client)
  return client
}

let made = 0
async function bucket(settings: object = {}): Promise<string> {
  const name = `bucket-${++made}`
  const answer = await storage.call('POST', '/bucket', {
    body: JSON.stringify({ name, ...settings }),
    headers: { 'content-type': 'application/json' },
  })
  if (answer.status !== 200) throw new Error(await answer.text())
  return name
}
const textOf = async (Bucket: string, Key: string): Promise<string> =>
  (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToString()
/** `404 NoSuchKey`, or `fine`. */
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'fine',
    (error: { name: string; $metadata?: { httpStatusCode?: number } }) => `${error.$metadata?.httpStatusCode} ${error.name}`,
  )
const MB = 1024 * 1024

describe('buckets', () => {
  test('are made, found, told apart and deleted', async () => {
    expect((await s3.send(new CreateBucketCommand({ Bucket: 'made-by-s3' }))).Location).toBe('/made-by-s3')
    expect(await outcome(s3.send(new CreateBucketCommand({ Bucket: 'made-by-s3' })))).toBe('409 BucketAlreadyExists')
    await s3.send(new CreateBucketCommand({ Bucket: 'open-by-s3', ACL: 'public-read' }))
    const { rows } = await database.query(`select id, public from storage.buckets where id like '%-by-s3' order by id`)
    expect(rows).toEqual([
      { id: 'made-by-s3', public: false },
      { id: 'open-by-s3', public: true },
    ])
    expect((await s3.send(new HeadBucketCommand({ Bucket: 'made-by-s3' }))).BucketRegion).toBe('local')
    expect((await s3.send(new GetBucketLocationCommand({ Bucket: 'made-by-s3' }))).LocationConstraint).toBe('local')
    expect((await s3.send(new GetBucketVersioningCommand({ Bucket: 'made-by-s3' }))).Status).toBe('Suspended')
    const listed = await s3.send(new ListBucketsCommand({}))
    expect(listed.Buckets?.map(({ Name }) => Name)).toEqual(expect.arrayContaining(['made-by-s3', 'open-by-s3']))
    expect(listed.Buckets?.[0]?.CreationDate).toBeInstanceOf(Date)
    await s3.send(new PutObjectCommand({ Bucket: 'made-by-s3', Key: 'x', Body: 'x' }))
    expect(await outcome(s3.send(new DeleteBucketCommand({ Bucket: 'made-by-s3' })))).toBe('409 ResourceNotEmpty')
    await s3.send(new DeleteObjectCommand({ Bucket: 'made-by-s3', Key: 'x' }))
    for (const Bucket of ['made-by-s3', 'open-by-s3']) await s3.send(new DeleteBucketCommand({ Bucket }))
    expect(await outcome(s3.send(new HeadBucketCommand({ Bucket: 'made-by-s3' })))).toMatch(/^404/)
    expect(await outcome(s3.send(new DeleteBucketCommand({ Bucket: 'made-by-s3' })))).toBe('404 NoSuchBucket')
  })
})

describe('objects', () => {
  test('come back as they were put, with what was said of them', async () => {
    const Bucket = await bucket()
    const put = await s3.send(
      new PutObjectCommand({
        Bucket,
        Key: 'a b/c+d.txt',
        Body: 'hello',
        ContentType: 'text/plain',
        CacheControl: 'max-age=7',
        Metadata: { color: 'Blue' },
      }),
    )
    const told = { ContentLength: 5, ContentType: 'text/plain', CacheControl: 'max-age=7', Metadata: { color: 'Blue' }, ETag: put.ETag }
    expect(await s3.send(new HeadObjectCommand({ Bucket, Key: 'a b/c+d.txt' }))).toMatchObject(told)
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'a b/c+d.txt' }))
    expect(got).toMatchObject(told)
    expect(await got.Body!.transformToString()).toBe('hello')
    expect(put.ETag).toBe(`"${createHash('md5').update('hello').digest('hex')}"`)
  })
  test.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'are checked by %s, in a header and behind a stream',
    async (ChecksumAlgorithm) => {
      const Bucket = await bucket()
      await s3.send(new PutObjectCommand({ Bucket, Key: 'x', Body: 'hello', ChecksumAlgorithm }))
      expect(await textOf(Bucket, 'x')).toBe('hello')
      const data = Buffer.alloc(300_000, 'stream')
      const stream = Readable.from([data.subarray(0, 70_000), data.subarray(70_000)])
      await s3.send(new PutObjectCommand({ Bucket, Key: 'x', Body: stream, ContentLength: data.length, ChecksumAlgorithm }))
      expect(await textOf(Bucket, 'x')).toBe(data.toString())
    },
  )
  test('of no bytes, and folders that are nothing but a name', async () => {
    const Bucket = await bucket()
    await s3.send(new PutObjectCommand({ Bucket, Key: 'empty', Body: '' }))
    expect(await textOf(Bucket, 'empty')).toBe('')
    await s3.send(new PutObjectCommand({ Bucket, Key: 'folder/', Body: '' }))
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket }))
    expect(Contents?.map(({ Key }) => Key)).toEqual(['empty', 'folder/.emptyFolderPlaceholder'])
  })
  test('are read in parts and on conditions', async () => {
    const Bucket = await bucket()
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: 'x', Body: '0123456789' }))
    const get = (more: object) => s3.send(new GetObjectCommand({ Bucket, Key: 'x', ...more }))
    const range = await get({ Range: 'bytes=2-5' })
    expect([await range.Body!.transformToString(), range.ContentRange, range.$metadata.httpStatusCode]).toEqual([
      '2345',
      'bytes 2-5/10',
      206,
    ])
    expect(await (await get({ Range: 'bytes=-3' })).Body!.transformToString()).toBe('789')
    expect(await outcome(get({ Range: 'bytes=10-' }))).toBe('416 InvalidRange')
    expect(await outcome(get({ IfNoneMatch: ETag }))).toMatch(/^304/)
    expect(await outcome(get({ IfNoneMatch: '"other"' }))).toBe('fine')
    expect(await outcome(get({ IfMatch: ETag }))).toBe('fine')
    expect(await outcome(get({ IfMatch: '"other"' }))).toBe('412 PreconditionFailed')
    expect(await outcome(get({ IfModifiedSince: new Date(Date.now() + 10_000) }))).toMatch(/^304/)
    expect(await outcome(get({ IfUnmodifiedSince: new Date(0) }))).toBe('412 PreconditionFailed')
    expect(await outcome(s3.send(new HeadObjectCommand({ Bucket, Key: 'x', IfMatch: '"other"' })))).toMatch(/^412/)
    const told = await get({
      ResponseContentType: 'text/css',
      ResponseContentDisposition: 'attachment; filename="a"',
      ResponseCacheControl: 'no-store',
    })
    expect(told).toMatchObject({ ContentType: 'text/css', ContentDisposition: 'attachment; filename="a"', CacheControl: 'no-store' })
  })
  test('are put where nothing may be, or not at all', async () => {
    const Bucket = await bucket()
    const put = (Body: string) => s3.send(new PutObjectCommand({ Bucket, Key: 'x', Body, IfNoneMatch: '*' }))
    expect(await outcome(put('one'))).toBe('fine')
    expect(await outcome(put('two'))).toBe('412 PreconditionFailed')
    expect(await textOf(Bucket, 'x')).toBe('one')
  })
  test('are copied with their metadata, or with other', async () => {
    const Bucket = await bucket()
    const other = await bucket()
    const { ETag } = await s3.send(
      new PutObjectCommand({ Bucket, Key: 'a b', Body: 'data', ContentType: 'text/csv', Metadata: { k: 'v' } }),
    )
    for (const CopySource of [`${Bucket}/a b`, `/${Bucket}/a%20b`]) {
      const copied = await s3.send(new CopyObjectCommand({ Bucket: other, Key: 'copy', CopySource }))
      expect(copied.CopyObjectResult).toMatchObject({ ETag, LastModified: expect.any(Date) })
      expect(await s3.send(new HeadObjectCommand({ Bucket: other, Key: 'copy' }))).toMatchObject({
        ContentType: 'text/csv',
        Metadata: { k: 'v' },
      })
    }
    await s3.send(
      new CopyObjectCommand({
        Bucket,
        Key: 'a b',
        CopySource: `${Bucket}/a b`,
        MetadataDirective: 'REPLACE',
        ContentType: 'text/plain',
        Metadata: { n: 'w' },
      }),
    )
    expect(await s3.send(new HeadObjectCommand({ Bucket, Key: 'a b' }))).toMatchObject({ ContentType: 'text/plain', Metadata: { n: 'w' } })
    expect(await textOf(Bucket, 'a b')).toBe('data')
    expect(await outcome(s3.send(new CopyObjectCommand({ Bucket, Key: 'c', CopySource: `${Bucket}/nope` })))).toBe('404 NoSuchKey')
    expect(await outcome(s3.send(new CopyObjectCommand({ Bucket, Key: 'c', CopySource: `${Bucket}/a b`, CopySourceIfMatch: '"x"' })))).toBe(
      '412 PreconditionFailed',
    )
    expect(await outcome(s3.send(new HeadObjectCommand({ Bucket, Key: 'c' })))).toMatch(/^404/)
  })
  test('are deleted one by one and together', async () => {
    const Bucket = await bucket()
    for (const Key of ['a', 'b', 'c', 'd&<e>']) await s3.send(new PutObjectCommand({ Bucket, Key: Key.replace(/[<>]/g, ''), Body: 'x' }))
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'a' }))
    expect(await outcome(s3.send(new DeleteObjectCommand({ Bucket, Key: 'a' })))).toBe('fine')
    expect(await outcome(s3.send(new DeleteObjectCommand({ Bucket: 'no-such', Key: 'a' })))).toBe('404 NoSuchBucket')
    const Objects = ['b', 'd&e', 'nope'].map((Key) => ({ Key }))
    const answer = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))
    expect([answer.Deleted?.map(({ Key }) => Key), answer.Errors]).toEqual([['b', 'd&e', 'nope'], undefined])
    const quiet = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'c' }], Quiet: true } }))
    expect(quiet.Deleted).toBeUndefined()
    expect((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0)
  })
  test('have no tags and no lists of rights, and putting them changes nothing', async () => {
    const Bucket = await bucket()
    await s3.send(new PutObjectCommand({ Bucket, Key: 'x', Body: 'kept' }))
    expect((await s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'x' }))).TagSet).toEqual([])
    expect(await outcome(s3.send(new PutObjectTaggingCommand({ Bucket, Key: 'x', Tagging: { TagSet: [{ Key: 'a', Value: 'b' }] } })))).toBe(
      '501 NotImplemented',
    )
    expect(await outcome(s3.send(new PutBucketAclCommand({ Bucket, ACL: 'private' })))).toBe('501 NotImplemented')
    expect(await textOf(Bucket, 'x')).toBe('kept')
  })
  test('of the other API are read here: what no header can carry is counted', async () => {
    const Bucket = await bucket()
    const metadata = Buffer.from(JSON.stringify({ Tag: 'x', n: 5, ü: 'y', 'a b': 'z' })).toString('base64')
    const answer = await storage.call('POST', `/object/${Bucket}/x`, {
      body: 'one',
      headers: { 'content-type': 'text/plain', 'x-metadata': metadata },
    })
    expect(answer.status).toBe(200)
    expect(await s3.send(new GetObjectCommand({ Bucket, Key: 'x' }))).toMatchObject({ Metadata: { tag: 'x' }, MissingMeta: 3 })
  })
  test('are held to the limits of their bucket', async () => {
    const Bucket = await bucket({ file_size_limit: 100, allowed_mime_types: ['text/plain'] })
    const put = (Body: Buffer, ContentType = 'text/plain') =>
      outcome(s3.send(new PutObjectCommand({ Bucket, Key: 'x', Body, ContentType })))
    expect(await put(Buffer.alloc(100))).toBe('fine')
    expect(await put(Buffer.alloc(101))).toBe('413 EntityTooLarge')
    expect(await put(Buffer.alloc(1), 'image/png')).toBe('415 InvalidMimeType')
    expect(await outcome(s3.send(new PutObjectCommand({ Bucket, Key: 'ä', Body: 'x', ContentType: 'text/plain' })))).toBe('400 InvalidKey')
  })
})

describe('lists', () => {
  test('are the same in both versions, page by page', async () => {
    const Bucket = await bucket()
    const keys = ['a', 'b/1', 'b/2', 'c', 'd e/1', 'f']
    for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }))
    const pages: (string | undefined)[][] = []
    for await (const page of paginateListObjectsV2({ client: s3, pageSize: 2 }, { Bucket, Delimiter: '/' }))
      pages.push([...(page.Contents ?? []).map(({ Key }) => Key), ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix)])
    expect(pages).toEqual([['a', 'b/'], ['c', 'd e/'], ['f']])
    const one = await s3.send(new ListObjectsCommand({ Bucket, Delimiter: '/', MaxKeys: 2 }))
    expect([one.NextMarker, one.IsTruncated]).toEqual(['b/', true])
    const two = await s3.send(new ListObjectsCommand({ Bucket, Delimiter: '/', Marker: one.NextMarker }))
    expect([two.Contents?.map(({ Key }) => Key), two.CommonPrefixes]).toEqual([['c', 'f'], [{ Prefix: 'd e/' }]])
    const all = await s3.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url', Prefix: 'd e' }))
    expect([all.Contents?.[0]?.Key, all.Prefix]).toEqual(['d%20e%2F1', 'd%20e'])
    expect((await s3.send(new ListObjectsV2Command({ Bucket, StartAfter: 'c' }))).Contents?.map(({ Key }) => Key)).toEqual(['d e/1', 'f'])
    expect(all.Contents?.[0]).toMatchObject({
      Size: 5,
      StorageClass: 'STANDARD',
      ETag: expect.stringMatching(/^"/),
      LastModified: expect.any(Date),
    })
    expect(await outcome(s3.send(new ListObjectsV2Command({ Bucket: 'no-such' })))).toBe('404 NoSuchBucket')
    expect(await outcome(s3.send(new ListObjectsV2Command({ Bucket, ContinuationToken: 'what' })))).toBe('400 InvalidParameter')
  })
})

describe('uploads in parts', () => {
  const begin = async (Bucket: string, Key: string, more: object = {}): Promise<string> =>
    (await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }))).UploadId!
  const part = async (Bucket: string, Key: string, UploadId: string, PartNumber: number, Body: Buffer | string) => ({
    PartNumber,
    ETag: (await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }))).ETag,
  })

  test('are put together, with the metadata of their beginning', async () => {
    const Bucket = await bucket()
    const UploadId = await begin(Bucket, 'big', { ContentType: 'image/png', Metadata: { k: 'v' } })
    const Parts = [await part(Bucket, 'big', UploadId, 1, Buffer.alloc(5 * MB, 1)), await part(Bucket, 'big', UploadId, 3, 'end')]
    const listed = await s3.send(new ListPartsCommand({ Bucket, Key: 'big', UploadId }))
    expect(listed.Parts?.map(({ PartNumber }) => PartNumber)).toEqual([1, 3])
    const done = await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key: 'big', UploadId, MultipartUpload: { Parts } }))
    expect(done.Location).toBe(`${Bucket}/big`)
    expect(await s3.send(new HeadObjectCommand({ Bucket, Key: 'big' }))).toMatchObject({
      ContentLength: 5 * MB + 3,
      ContentType: 'image/png',
      Metadata: { k: 'v' },
      ETag: done.ETag,
    })
    expect((await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads).toBeUndefined()
    expect((await database.query('select from storage.s3_multipart_uploads_parts')).rows).toEqual([])
  })
  test('by the helper of the SDK, streamed', async () => {
    const Bucket = await bucket()
    const data = Buffer.alloc(11 * MB, 'abcdefg')
    await new Upload({ client: s3, params: { Bucket, Key: 'streamed', Body: data }, partSize: 5 * MB, queueSize: 3 }).done()
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'streamed' }))
    expect(Buffer.from(await got.Body!.transformToByteArray()).equals(data)).toBe(true)
  })
  test('take parts from other objects', async () => {
    const Bucket = await bucket()
    await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: '0123456789' }))
    const UploadId = await begin(Bucket, 'x')
    const copy = async (PartNumber: number, more: object = {}) => {
      const answer = await s3.send(
        new UploadPartCopyCommand({ Bucket, Key: 'x', UploadId, PartNumber, CopySource: `${Bucket}/source`, ...more }),
      )
      return { PartNumber, ETag: answer.CopyPartResult?.ETag }
    }
    const Parts = [await copy(1), await copy(2, { CopySourceRange: 'bytes=2-4' })]
    for (const CopySourceRange of ['bytes=0-10', 'bytes=4-2', 'bytes=5-'])
      expect(await outcome(copy(3, { CopySourceRange }))).toBe('400 InvalidRange')
    expect(await outcome(copy(3, { CopySource: `${Bucket}/nope` }))).toBe('404 NoSuchKey')
    await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key: 'x', UploadId, MultipartUpload: { Parts } }))
    expect(await textOf(Bucket, 'x')).toBe('0123456789234')
  })
  test('are listed by key, under common prefixes, in pages', async () => {
    const Bucket = await bucket()
    for (const Key of ['a', 'b/1', 'b/2', 'c', 'c']) await begin(Bucket, Key)
    const first = await s3.send(new ListMultipartUploadsCommand({ Bucket, Delimiter: '/', MaxUploads: 3 }))
    expect([first.Uploads?.map(({ Key }) => Key), first.CommonPrefixes, first.IsTruncated]).toEqual([['a', 'c'], [{ Prefix: 'b/' }], true])
    const second = await s3.send(
      new ListMultipartUploadsCommand({ Bucket, Delimiter: '/', KeyMarker: first.NextKeyMarker, UploadIdMarker: first.NextUploadIdMarker }),
    )
    expect([second.Uploads?.map(({ Key }) => Key), second.CommonPrefixes, second.IsTruncated]).toEqual([['c'], undefined, false])
    expect(second.Uploads?.[0]?.UploadId).not.toBe(first.Uploads?.[1]?.UploadId)
  })
})

describe('presigned URLs', () => {
  test('upload and download without a key', async () => {
    const Bucket = await bucket()
    const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: 'a b/c', ContentType: 'text/plain' }), { expiresIn: 60 })
    expect((await fetch(put, { method: 'PUT', body: 'presigned', headers: { 'content-type': 'text/plain' } })).status).toBe(200)
    const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'a b/c', ResponseContentType: 'text/x-test' }), {
      expiresIn: 60,
    })
    const answer = await fetch(get, { headers: { authorization: 'Bearer of-somebody-on-the-way' } })
    expect([answer.status, await answer.text(), answer.headers.get('content-type')]).toEqual([200, 'presigned', 'text/x-test'])
  })
})

describe('sessions', () => {
  const session = (claims: object, secretAccessKey = ANON_KEY) =>
    connect({ credentials: { accessKeyId: 'stub', secretAccessKey, sessionToken: tokenOf({ role: 'authenticated', ...claims }) } })

  test('act as their user, and policies decide', async () => {
    const Bucket = await bucket()
    await s3.send(new PutObjectCommand({ Bucket, Key: 'theirs', Body: 'x' }))
    const user = session({ sub: 'd0000000-0000-4000-8000-00000000000d' })
    const put = (Key: string) => outcome(user.send(new PutObjectCommand({ Bucket, Key, Body: 'mine' })))
    expect(await put('a')).toBe('403 AccessDenied')
    expect(await outcome(user.send(new GetObjectCommand({ Bucket, Key: 'theirs' })))).toBe('404 NoSuchKey')
    expect((await user.send(new ListBucketsCommand({}))).Buckets).toEqual([])
    const own = `bucket_id = '${Bucket}' and owner_id = current_setting('request.jwt.claim.sub', true)`
    await database.query(`create policy own on storage.objects for all to authenticated using (${own}) with check (${own})`)
    try {
      expect(await put('a')).toBe('fine')
      expect(await put('theirs')).toBe('403 AccessDenied')
      expect((await user.send(new ListObjectsV2Command({ Bucket }))).Contents?.map(({ Key }) => Key)).toEqual(['a'])
      expect(await outcome(user.send(new CopyObjectCommand({ Bucket, Key: 'b', CopySource: `${Bucket}/theirs` })))).toBe('404 NoSuchKey')
      const gone = await user.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'a' }, { Key: 'theirs' }] } }))
      expect([gone.Deleted, gone.Errors]).toEqual([[{ Key: 'a' }], [expect.objectContaining({ Key: 'theirs', Code: 'AccessDenied' })]])
      expect(await outcome(user.send(new DeleteObjectCommand({ Bucket, Key: 'theirs' })))).toBe('403 AccessDenied')
    } finally {
      await database.query('drop policy own on storage.objects')
    }
    expect(await textOf(Bucket, 'theirs')).toBe('x')
  })
  test('neither begin nor join an upload that they may not make', async () => {
    const Bucket = await bucket()
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'x' }))
    const user = session({ sub: 'x' })
    const upload = { Bucket, Key: 'x', UploadId }
    expect(await outcome(user.send(new CreateMultipartUploadCommand({ Bucket, Key: 'y' })))).toBe('403 AccessDenied')
    expect(await outcome(user.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: 'x' })))).toBe('403 AccessDenied')
    expect(
      await outcome(
        user.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: [{ PartNumber: 1, ETag: 'x' }] } })),
      ),
    ).toBe('403 AccessDenied')
    expect((await user.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads).toBeUndefined()
    expect((await user.send(new ListPartsCommand(upload))).Parts).toBeUndefined()
  })
  test('may sign with the tenant, as newer clients do, and with nothing else', async () => {
    const Bucket = await bucket()
    const list = (client: S3Client) => outcome(client.send(new ListObjectsV2Command({ Bucket })))
    expect(await list(session({}, 'stub'))).toBe('fine')
    expect(await list(session({}, SERVICE_KEY))).toBe('403 SignatureDoesNotMatch')
    expect(await list(session({ exp: 1_000 }))).toBe('403 AccessDenied')
    expect(await list(connect({ credentials: { accessKeyId: 'stub', secretAccessKey: ANON_KEY, sessionToken: 'garbage' } }))).toBe(
      '403 AccessDenied',
    )
    expect(await list(connect({ credentials: { accessKeyId: 'stub', secretAccessKey: ANON_KEY } }))).toBe('403 AccessDenied')
  })
})
