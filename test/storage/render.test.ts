// Pictures through storage: an imgproxy elsewhere, objects on disk and in S3, rights, signed transformations, an imgproxy that fails.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FakeS3, startS3 } from '../fakes/s3-server.ts'
import { quarters, seen, startImgproxy, type TestImgproxy } from '../support/imgproxy-service.ts'
import { type StorageDatabase, startStorageDatabase } from '../support/storage-database.ts'
import { ANON_KEY, startStorage, type TestStorage, tokenOf } from '../support/storage-service.ts'

let database: StorageDatabase
let s3: FakeS3
beforeAll(async () => {
  database = await startStorageDatabase()
  s3 = await startS3('stub')
})
afterAll(async () => {
  await s3[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const images = (url: string) => ({ ENABLE_IMAGE_TRANSFORMATION: 'true', IMGPROXY_URL: url })

async function fill(storage: TestStorage, bucket: string): Promise<void> {
  const json = { 'content-type': 'application/json' }
  await storage.call('POST', '/bucket', { body: JSON.stringify({ name: bucket, public: true }), headers: json })
  await storage.call('POST', '/bucket', { body: JSON.stringify({ name: `${bucket}-shut` }), headers: json })
  const picture = (await quarters().png().toBuffer()) as unknown as BodyInit
  for (const path of [`${bucket}/d/a@b.png`, `${bucket}-shut/a.png`])
    expect(
      (
        await storage.call('POST', `/object/${path}`, {
          body: picture,
          headers: { 'content-type': 'image/png', 'cache-control': 'max-age=77' },
        })
      ).status,
    ).toBe(200)
}

describe.each(['file', 's3'])('with objects in the backend %s', (kind) => {
  let imgproxy: TestImgproxy
  let storage: TestStorage
  beforeAll(async () => {
    imgproxy = await startImgproxy({ IMGPROXY_LOCAL_FILESYSTEM_ROOT: '/', IMGPROXY_AUTO_WEBP: 'true' })
    const backend = {
      STORAGE_BACKEND: 's3',
      STORAGE_S3_ENDPOINT: s3.endpoint,
      STORAGE_S3_FORCE_PATH_STYLE: 'true',
      STORAGE_S3_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
    }
    storage = await startStorage(database, { ...images(imgproxy.url), ...(kind === 's3' ? backend : {}) })
    await fill(storage, kind)
  })
  afterAll(async () => {
    await storage[Symbol.asyncDispose]()
    await imgproxy[Symbol.asyncDispose]()
  })

  test('the picture is imgproxy’s, what is said of it the object’s', async () => {
    const response = await storage.call('GET', `/render/image/public/${kind}/d/a@b.png?width=50&height=40&resize=contain&download=x.png`, {
      headers: { accept: '*/*' },
    })
    expect(response.headers.get('x-transformations')).toBe('height:40,width:50,resizing_type:fit')
    expect(response.headers.get('cache-control')).toBe('max-age=77')
    expect(response.headers.get('etag')).toMatch(/^"[0-9a-f]{32}/)
    expect(response.headers.get('content-disposition')).toBe("attachment; filename=x.png; filename*=UTF-8''x.png")
    expect(await seen(response)).toMatchObject({ format: 'png', width: 50, height: 25 })
  })

  test('the browser decides the format, unless the origin’s is asked for', async () => {
    const format = async (query: string) =>
      (
        await storage.call('GET', `/render/image/public/${kind}/d/a@b.png?width=50${query}`, { headers: { accept: 'image/webp,*/*' } })
      ).headers.get('content-type')
    expect(await format('')).toBe('image/webp')
    expect(await format('&format=origin')).toBe('image/png')
    expect(await format('&format=avif')).toBe('image/avif')
  })

  test('rights are those of a download', async () => {
    const status = async (path: string, token?: string) => {
      const response = await storage.call('GET', `/render/image/${path}?width=5`, token === undefined ? {} : { token })
      return response.ok ? 200 : ((await response.json()) as { code: string }).code
    }
    const user = tokenOf({ role: 'authenticated', sub: 'a0000000-0000-4000-8000-00000000000a' })
    expect(await status(`public/${kind}-shut/a.png`)).toBe('NoSuchBucket')
    expect(await status(`authenticated/${kind}-shut/a.png`, user)).toBe('NoSuchKey')
    expect(await status(`authenticated/${kind}-shut/a.png`, 'garbage')).toBe('AccessDenied')
    expect(await status(`authenticated/${kind}-shut/a.png`)).toBe(200)
    expect(await status(`public/${kind}/none.png`, ANON_KEY)).toBe('NoSuchKey')
  })

  test('a signed URL fixes the transformation', async () => {
    const signed = await storage.call('POST', `/object/sign/${kind}-shut/a.png`, {
      body: JSON.stringify({ expiresIn: 60, transform: { width: 60, resize: 'contain', quality: 50 } }),
      headers: { 'content-type': 'application/json' },
    })
    const { signedURL } = (await signed.json()) as { signedURL: string }
    expect(signedURL).toMatch(new RegExp(`^/render/image/sign/${kind}-shut/a.png\\?token=`))
    const response = await fetch(`${storage.url}${signedURL}&width=5`)
    expect(response.headers.get('expires')).not.toBeNull()
    expect(response.headers.get('cache-control')).toBeNull()
    expect(await seen(response)).toMatchObject({ width: 60, height: 30 })
    expect((await fetch(`${storage.url}${signedURL.replace('a.png', 'b.png')}`)).status).toBe(400)
    const bad = await storage.call('POST', `/object/sign/${kind}-shut/a.png`, {
      body: JSON.stringify({ expiresIn: 60, transform: { quality: 5 } }),
      headers: { 'content-type': 'application/json' },
    })
    expect(await bad.json()).toMatchObject({ code: 'InvalidRequest', message: 'body/transform/quality must be >= 20' })
  })
})

describe('an imgproxy that does not do its work', () => {
  let server: Server
  let asked: string[] = []
  let answers: ((res: import('node:http').ServerResponse) => void)[] = []
  let storage: TestStorage
  beforeAll(async () => {
    server = createServer((req, res) => {
      asked.push(req.url!)
      ;(answers.shift() ?? ((last) => last.writeHead(500).end('Internal error')))(res)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    storage = await startStorage(database, images(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
    await fill(storage, 'broken')
  })
  afterAll(async () => {
    await storage[Symbol.asyncDispose]()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const get = () => storage.call('GET', '/render/image/public/broken/d/a@b.png?width=5')
  const says = (status: number, text: string) => (res: import('node:http').ServerResponse) => void res.writeHead(status).end(text)

  test.each([
    [422, 'Invalid source image', 400, '400', 'InvalidRequest', 'The source image is invalid or unsupported for rendering', 1],
    [404, 'Source image is unreachable', 400, '400', 'InvalidRequest', 'Unable to download source image', 1],
    [404, 'Invalid URL', 400, '400', 'InvalidRequest', 'Invalid image request', 1],
    [503, 'Timeout', 400, '408', 'InvalidRequest', 'Image request timed out', 6],
    [429, 'Too many requests', 400, '429', 'InvalidRequest', 'Too many requests', 6],
    [500, 'whatever happened', 500, '500', 'InternalError', 'Internal error', 6],
  ])('%i %s', async (status, text, http, statusCode, code, message, tries) => {
    asked = []
    answers = Array.from({ length: 6 }, () => says(status, text))
    const response = await get()
    expect([response.status, await response.json()]).toEqual([http, { statusCode, code, error: code, message }])
    expect(asked).toHaveLength(tries)
  })

  test('what fails once is asked again, and reserved characters of a name are not read as imgproxy’s', async () => {
    asked = []
    answers = [
      (res) => res.destroy(),
      says(500, 'Internal error'),
      (res) => void res.writeHead(200, { 'content-type': 'image/png' }).end('picture'),
    ]
    const response = await get()
    expect([response.status, await response.text()]).toEqual([200, 'picture'])
    expect(asked).toHaveLength(3)
    expect(asked[0]).toMatch(/^\/public\/width:5\/resizing_type:fill\/plain\/local:\/\/\/.*\/d\/a%40b\.png\//)
  })
})

test('without image transformation there are no such routes, and a transform is ignored', async () => {
  await using plain = await startStorage(database, { IMGPROXY_URL: 'http://127.0.0.1:1' })
  await fill(plain, 'plain')
  expect((await plain.call('GET', '/render/image/public/plain/d/a@b.png')).status).toBe(404)
  const signed = await plain.call('POST', '/object/sign/plain/d/a@b.png', {
    body: JSON.stringify({ expiresIn: 60, transform: { width: 60 } }),
    headers: { 'content-type': 'application/json' },
  })
  expect(((await signed.json()) as { signedURL: string }).signedURL).toMatch(/^\/object\/sign\//)
})
