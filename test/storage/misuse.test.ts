// Storage against those who may not, and those who try it by another way: no route lets past a policy, no way in lets past a bucket's limits.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { signHeaders } from '../support/s3-signer.ts'
import { type StorageDatabase, startStorageDatabase } from '../support/storage-database.ts'
import { ANON_KEY, S3_KEY, startStorage, type TestStorage, tokenOf } from '../support/storage-service.ts'

const USER = tokenOf({ role: 'authenticated', sub: 'a0000000-0000-4000-8000-00000000000a' })
const JSON_TYPE = { 'content-type': 'application/json' }
let home: StorageDatabase
let storage: TestStorage
let images: Server

beforeAll(async () => {
  home = await startStorageDatabase()
  images = createServer((_, res) => {
    // The headers at once, the picture when its time is over.
    res.writeHead(200, { 'content-type': 'image/png', 'content-length': 8 }).write('pict')
    setTimeout(() => res.end('ure.'), 3_500)
  })
  await new Promise<void>((resolve) => images.listen(0, '127.0.0.1', resolve))
  storage = await startStorage(home, {
    ENABLE_IMAGE_TRANSFORMATION: 'true',
    IMGPROXY_URL: `http://127.0.0.1:${(images.address() as AddressInfo).port}`,
    IMGPROXY_REQUEST_TIMEOUT: '3',
  })
  for (const settings of [
    { name: 'closed' },
    { name: 'free' },
    { name: 'open', public: true },
    { name: 'pictures', public: true, allowed_mime_types: ['image/*'] },
  ])
    expect((await storage.call('POST', '/bucket', { body: JSON.stringify(settings), headers: JSON_TYPE })).status).toBe(200)
  for (const path of ['closed/a.txt', 'free/a.txt', 'open/a.txt'])
    expect((await storage.call('POST', `/object/${path}`, { body: 'text', headers: { 'content-type': 'text/plain' } })).status).toBe(200)
})
afterAll(async () => {
  await storage?.[Symbol.asyncDispose]()
  await home?.[Symbol.asyncDispose]()
  images?.closeAllConnections()
  await new Promise((resolve) => images?.close(resolve))
})

const s3 = (method: string, path: string, options: { body?: string; headers?: Record<string, string>; token?: string } = {}) => {
  const { body, headers = {}, token } = options
  const key = token === undefined ? S3_KEY : { accessKeyId: 'stub', secretAccessKey: ANON_KEY, sessionToken: token }
  const signed = signHeaders({ ...key, method, url: `${storage.url}/s3${path}`, headers, ...(body !== undefined && { body }) })
  return fetch(`${storage.url}/s3${path}`, { method, headers: signed.headers, ...(body !== undefined && { body }) })
}
const tusMetadata = (values: Record<string, string>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',')
const namesIn = async (bucket: string): Promise<string[]> =>
  (await home.admin.query('select name from storage.objects where bucket_id = $1 order by name', [bucket])).rows.map(({ name }) => name)

describe('who has no policy on their side gets nothing and changes nothing', () => {
  type Attempt = [method: string, path: string, body?: object | string | undefined, headers?: Record<string, string>]
  const attempts: Attempt[] = [
    ['POST', '/bucket', { name: 'new' }],
    ['GET', '/bucket/closed'],
    ['PUT', '/bucket/closed', { public: true }],
    ['DELETE', '/bucket/closed'],
    ['POST', '/bucket/closed/empty', {}],
    ['DELETE', '/cdn'],
    ['DELETE', '/cdn/closed'],
    ['DELETE', '/cdn/closed/a.txt'],
    ['POST', '/object/closed/new.txt', 'x', { 'content-type': 'text/plain' }],
    ['POST', '/object/closed/a.txt', 'x', { 'content-type': 'text/plain', 'x-upsert': 'true' }],
    ['PUT', '/object/closed/a.txt', 'x', { 'content-type': 'text/plain' }],
    ['PUT', '/object/open/a.txt', 'x', { 'content-type': 'text/plain' }],
    ['GET', '/object/closed/a.txt'],
    ['HEAD', '/object/closed/a.txt'],
    ['GET', '/object/public/closed/a.txt'],
    ['GET', '/object/authenticated/closed/a.txt'],
    ['HEAD', '/object/authenticated/closed/a.txt'],
    ['GET', '/object/info/closed/a.txt'],
    ['GET', '/object/info/public/closed/a.txt'],
    ['GET', '/object/info/authenticated/closed/a.txt'],
    ['GET', '/render/image/public/closed/a.txt'],
    ['GET', '/render/image/authenticated/closed/a.txt'],
    ['DELETE', '/object/closed/a.txt'],
    ['DELETE', '/object/open/a.txt'],
    ['POST', '/object/move', { bucketId: 'closed', sourceKey: 'a.txt', destinationKey: 'b.txt' }],
    ['POST', '/object/move', { bucketId: 'closed', sourceKey: 'a.txt', destinationBucket: 'open', destinationKey: 'b.txt' }],
    ['POST', '/object/copy', { bucketId: 'closed', sourceKey: 'a.txt', destinationKey: 'b.txt' }],
    ['POST', '/object/copy', { bucketId: 'closed', sourceKey: 'a.txt', destinationBucket: 'open', destinationKey: 'b.txt' }],
    ['POST', '/object/sign/closed/a.txt', { expiresIn: 60 }],
    ['POST', '/object/upload/sign/closed/b.txt', {}],
    ['POST', '/object/upload/sign/closed/a.txt', {}, { 'x-upsert': 'true' }],
    [
      'POST',
      '/upload/resumable',
      undefined,
      { 'tus-resumable': '1.0.0', 'upload-length': '1', 'upload-metadata': tusMetadata({ bucketName: 'closed', objectName: 't' }) },
    ],
  ]
  const before = { closed: ['a.txt'], open: ['a.txt'] }
  test.each(attempts)('%s %s', async (method, path, body, headers = {}) => {
    for (const token of [ANON_KEY, USER]) {
      const given = typeof body === 'object' ? { body: JSON.stringify(body), headers: { ...JSON_TYPE, ...headers } } : { headers }
      const answer = await storage.call(method, path, { token, ...given, ...(typeof body === 'string' && { body }) })
      expect(answer.status, await answer.text()).toBeGreaterThanOrEqual(400)
    }
    expect({ closed: await namesIn('closed'), open: await namesIn('open') }).toEqual(before)
  })

  test('lists and batches show nothing of it', async () => {
    const post = async (path: string, body: object, method = 'POST') =>
      (await storage.call(method, path, { token: USER, body: JSON.stringify(body), headers: JSON_TYPE })).json()
    expect(await post('/object/list/closed', { prefix: '' })).toEqual([])
    expect(await post('/object/list-v2/closed', { prefix: '' })).toMatchObject({ folders: [], objects: [] })
    expect(await post('/object/sign/closed', { expiresIn: 60, paths: ['a.txt'] })).toMatchObject([{ signedURL: null }])
    expect(await post('/object/closed', { prefixes: ['a.txt'] }, 'DELETE')).toEqual([])
    expect(await (await storage.call('GET', '/bucket', { token: USER })).json()).toEqual([])
    expect(await namesIn('closed')).toEqual(['a.txt'])
  })

  const s3Attempts: [string, string, string?, Record<string, string>?][] = [
    ['PUT', '/new'],
    ['HEAD', '/closed'],
    ['DELETE', '/closed'],
    ['GET', '/closed?location'],
    ['GET', '/closed/a.txt'],
    ['GET', '/open/a.txt'],
    ['HEAD', '/closed/a.txt'],
    ['GET', '/closed/a.txt?tagging'],
    ['PUT', '/closed/a.txt', 'x'],
    ['PUT', '/open/b.txt', '', { 'x-amz-copy-source': '/closed/a.txt' }],
    ['DELETE', '/closed/a.txt'],
    ['POST', '/closed/b.txt?uploads'],
  ]
  test.each(s3Attempts)('as a user, S3 %s %s', async (method, path, body, headers = {}) => {
    const answer = await s3(method, path, { token: USER, headers, ...(body !== undefined && { body }) })
    expect(answer.status, await answer.text()).toBeGreaterThanOrEqual(400)
    expect({ closed: await namesIn('closed'), open: await namesIn('open') }).toEqual(before)
  })
})

describe('a name that stands for an empty folder is no way past the types of a bucket', () => {
  const NAME = 'x.emptyFolderPlaceholder'
  const html = { 'content-type': 'text/html' }
  const copied = async (how: string, name: string) => {
    expect((await storage.call('PUT', '/object/free/page.html', { body: '<b>', headers: html })).status).toBe(200)
    return storage.call('POST', `/object/${how}`, {
      body: JSON.stringify({ bucketId: 'free', sourceKey: 'page.html', destinationBucket: 'pictures', destinationKey: name }),
      headers: JSON_TYPE,
    })
  }
  test.each<[string, () => Promise<Response>]>([
    ['an upload', () => storage.call('POST', `/object/pictures/${NAME}`, { body: '<b>', headers: html })],
    ['a copy', () => copied('copy', NAME)],
    ['a move', () => copied('move', NAME)],
    [
      'a resumable upload',
      () =>
        storage.call('POST', '/upload/resumable', {
          body: '<b>',
          headers: {
            'tus-resumable': '1.0.0',
            'upload-length': '3',
            'content-type': 'application/offset+octet-stream',
            'upload-metadata': tusMetadata({ bucketName: 'pictures', objectName: NAME, contentType: 'text/html' }),
          },
        }),
    ],
    ['S3', () => s3('PUT', `/pictures/${NAME}`, { body: '<b>', headers: html })],
    [
      'S3 in parts',
      async () => {
        const begun = await s3('POST', `/pictures/${NAME}?uploads`, { headers: html })
        const id = /<UploadId>(.*)<\/UploadId>/.exec(await begun.text())?.[1]
        return s3('PUT', `/pictures/${NAME}?partNumber=1&uploadId=${id}`, { body: '<b>' })
      },
    ],
  ])('%s', async (_, attempt) => {
    const answer = await attempt()
    expect(answer.status, await answer.text()).toBeGreaterThanOrEqual(400)
    expect(await namesIn('pictures')).toEqual([])
  })
})

test('a bucket of no bytes takes none, and empty objects', async () => {
  await home.admin.query(`insert into storage.buckets (id, name, file_size_limit) values ('nothing', 'nothing', 0)`)
  const create = (length: Record<string, string>, body?: string) =>
    storage.call('POST', '/upload/resumable', {
      headers: {
        'tus-resumable': '1.0.0',
        'upload-metadata': tusMetadata({ bucketName: 'nothing', objectName: 'x' }),
        ...length,
        ...(body !== undefined && { 'content-type': 'application/offset+octet-stream' }),
      },
      ...(body !== undefined && { body }),
    })
  expect((await create({ 'upload-length': '3' }, 'abc')).status).toBe(413)
  expect((await create({ 'upload-length': '3' })).status).toBe(413)
  expect((await create({ 'upload-defer-length': '1' })).status).toBe(413)
  expect((await storage.call('POST', '/object/nothing/x', { body: 'abc', headers: { 'content-type': 'text/plain' } })).status).toBe(400)
  expect((await s3('PUT', '/nothing/x', { body: 'abc' })).status).toBe(413)
  expect(await namesIn('nothing')).toEqual([])
  expect((await create({ 'upload-length': '0' })).status).toBe(201)
  expect(await namesIn('nothing')).toEqual(['x'])
})

describe('a page does not run with the rights of this origin', () => {
  test.each(['text/html', 'Text/HTML', 'TEXT/html; charset=utf-8'])('%s', async (type) => {
    await storage.call('PUT', '/object/open/page', { body: '<b>', headers: { 'content-type': type } })
    const got = await storage.call('GET', '/object/public/open/page')
    expect([await got.text(), got.headers.get('content-type')]).toEqual(['<b>', 'text/plain'])
    const head = await storage.call('HEAD', '/object/public/open/page')
    expect(head.headers.get('content-type')).toBe('text/plain')
    const s3Got = await s3('GET', '/open/page')
    expect([await s3Got.text(), s3Got.headers.get('content-type'), s3Got.headers.get('content-security-policy')]).toEqual([
      '<b>',
      type,
      'sandbox',
    ])
    const asked = await s3('GET', `/free/a.txt?response-content-type=${encodeURIComponent(type)}`)
    expect([await asked.text(), asked.headers.get('content-security-policy')]).toEqual(['text', 'sandbox'])
    await storage.call('DELETE', '/object/open/page')
  })
})

test('HEAD and info tell how a picture would be changed, and refuse what it cannot be', async () => {
  for (const [method, path] of [
    ['HEAD', '/object/public/open/a.txt'],
    ['GET', '/object/info/public/open/a.txt'],
  ] as const) {
    const told = await storage.call(method, `${path}?width=50&resize=contain`)
    expect([told.status, told.headers.get('x-transformations')]).toEqual([200, 'width:50,resizing_type:fit'])
    expect((await storage.call(method, path)).headers.get('x-transformations')).toBeNull()
    expect((await storage.call(method, `${path}?quality=7`)).status).toBe(400)
  }
})

test('a picture that has begun to come is not cut off by the time for its beginning', async () => {
  const got = await storage.call('GET', '/render/image/public/open/a.txt?width=5')
  expect([got.status, await got.text()]).toEqual([200, 'picture.'])
})

test('a bucket is emptied by the clock of the database, whatever this machine believes', async () => {
  await home.admin.query(`insert into storage.buckets (id, name) values ('full', 'full')`)
  expect((await storage.call('POST', '/object/full/a', { body: 'x' })).status).toBe(200)
  await home.admin.query(
    `insert into storage.objects (bucket_id, name, version, created_at) values ('full', 'later', '1', now() + interval '1 day')`,
  )
  const { now } = Date
  const slow = vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000)
  try {
    expect((await storage.call('POST', '/bucket/full/empty', { body: '{}', headers: JSON_TYPE })).status).toBe(200)
  } finally {
    slow.mockRestore()
  }
  expect(await namesIn('full')).toEqual(['later'])
})

test('whoever sends far too much gets to read why', async () => {
  await home.admin.query(`update storage.buckets set file_size_limit = 10 where id = 'free'`)
  const large = Buffer.alloc(20_000_000)
  for (let i = 0; i < 10; i++) {
    const answer = await storage.call('POST', '/object/free/large', { body: large, headers: { 'content-type': 'text/plain' } })
    expect(await answer.json()).toMatchObject({ code: 'EntityTooLarge' })
  }
  expect(await namesIn('free')).not.toContain('large')
})
