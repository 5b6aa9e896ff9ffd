// Sources over HTTP: what is followed, what is allowed, what is passed on.
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startS3 } from '../fakes/s3-server.ts'
import { s3BackendAt } from '../storage/s3-backend-at.ts'
import { quarters, seen, startImgproxy, type TestImgproxy } from '../support/imgproxy-service.ts'

const picture = await quarters().png().toBuffer()
const asked: { url: string; headers: Record<string, unknown> }[] = []
let server: Server
let origin: string
let proxy: TestImgproxy

const answer: RequestListener = (req, res) => {
  asked.push({ url: req.url!, headers: { ...req.headers } })
  const { pathname, searchParams } = new URL(req.url!, origin)
  const left = Number(searchParams.get('left') ?? 0)
  if (pathname === '/hops') res.writeHead(302, { location: left > 0 ? `/hops?left=${left - 1}` : '/a.png' }).end()
  else if (pathname === '/away') res.writeHead(301, { location: `http://localhost:${(server.address() as AddressInfo).port}/a.png` }).end()
  else if (pathname === '/scheme') res.writeHead(301, { location: 'file:///etc/passwd' }).end()
  else if (pathname === '/broken') {
    res.writeHead(200, { 'content-length': picture.length * 2 })
    res.write(picture, () => res.destroy())
  } else if (pathname === '/error') res.writeHead(500).end()
  else if (pathname === '/missing.png') res.writeHead(404).end()
  else if (pathname === '/long') res.writeHead(200, { 'content-length': 10_000_000 }).end()
  else if (pathname === '/bomb') res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(20_000_000)))
  else if (pathname === '/packed.png') res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(picture))
  else if (pathname === '/kept.png') {
    const about = { etag: '"v1"', 'cache-control': 'max-age=7', 'last-modified': 'Wed, 01 Jan 2025 00:00:00 GMT' }
    if (req.headers['if-none-match'] === '"v1"') res.writeHead(304, about).end()
    else res.writeHead(200, about).end(picture)
  } else res.end(picture)
}

beforeAll(async () => {
  server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  proxy = await startImgproxy({
    IMGPROXY_MAX_SRC_FILE_SIZE: '100000',
    IMGPROXY_MAX_REDIRECTS: '3',
    IMGPROXY_USE_ETAG: 'true',
    IMGPROXY_USE_LAST_MODIFIED: 'true',
    IMGPROXY_CACHE_CONTROL_PASSTHROUGH: 'true',
    IMGPROXY_USER_AGENT: 'test/1',
  })
})
afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const path = (url: string): string => `/x/w:20/plain/${encodeURIComponent(url)}`

test('the source is asked once, by the configured name', async () => {
  asked.length = 0
  expect(await seen(await proxy.get(path(`${origin}/a.png?x=1&y=@`)))).toMatchObject({ width: 20, height: 10 })
  expect(asked).toMatchObject([{ url: '/a.png?x=1&y=@', headers: { 'user-agent': 'test/1' } }])
})

test('redirects are followed as often as configured', async () => {
  expect((await proxy.get(path(`${origin}/hops?left=2`))).status).toBe(200)
  expect((await proxy.get(path(`${origin}/hops?left=3`))).status).toBe(404)
})

test.each([
  ['/missing.png', 404, 'Source image is unreachable'],
  ['/error', 500, 'Source image is unreachable'],
  ['/broken', 500, 'Source image is unreachable'],
  ['/scheme', 404, 'Source image is unreachable'],
  ['/long', 422, 'Invalid source image'],
  ['/bomb', 422, 'Invalid source image'],
  ['/packed.png', 200, undefined],
])('%s: %i %s', async (name, status, text) => {
  asked.length = 0
  const response = await proxy.get(path(`${origin}${name}`))
  // Asked for once: a process that had crashed on it would have asked again.
  expect([response.status, asked.length]).toEqual([status, 1])
  if (text !== undefined) expect(await response.text()).toBe(text)
})

test.each([
  'gopher://x/y',
  'http://127.0.0.1:1/',
  'http://no-such-host.invalid/a.png',
  'file:///etc/passwd',
  'data:,x',
  's3://b/k',
  'http://',
])('%s cannot be reached', async (source) => {
  const response = await proxy.get(path(source))
  expect([response.status, await response.text()]).toEqual([404, 'Source image is unreachable'])
})

test("the source's own ETag, Last-Modified and Cache-Control go along", async () => {
  asked.length = 0
  const first = await proxy.get(path(`${origin}/kept.png`))
  expect(first.headers.get('cache-control')).toBe('max-age=7')
  expect(first.headers.get('last-modified')).toBe('Wed, 01 Jan 2025 00:00:00 GMT')
  const etag = first.headers.get('etag')!
  const again = await proxy.get(path(`${origin}/kept.png`), { 'if-none-match': etag })
  expect([again.status, again.headers.get('etag')]).toEqual([304, etag])
  expect(asked[1]!.headers['if-none-match']).toBe('"v1"')
  const unnamed = (await proxy.get(path(`${origin}/a.png`))).headers.get('etag')!
  expect((await proxy.get(path(`${origin}/a.png`), { 'if-none-match': unnamed })).status).toBe(304)
})

test('only allowed sources are asked, wherever they redirect to', async () => {
  await using strict = await startImgproxy({ IMGPROXY_ALLOWED_SOURCES: `${origin}/,local://` })
  asked.length = 0
  const allowed = new URL(origin)
  for (const source of [
    `http://localhost:${allowed.port}/a.png`,
    `http://${allowed.host}@localhost:${allowed.port}/a.png`,
    'http://evil.example/',
  ]) {
    const response = await strict.get(path(source))
    expect([source, response.status, await response.text()]).toEqual([source, 404, 'Invalid source'])
  }
  expect(asked).toEqual([])
  expect((await strict.get(path(`${origin}/a.png`))).status).toBe(200)
  expect((await strict.get(path(`${origin}/away`))).status).toBe(404)
  expect(asked.map(({ url }) => url)).toEqual(['/a.png', '/away'])
})

test('addresses of this machine are refused where they are not allowed, spelled out and by name', async () => {
  await using strict = await startImgproxy({ IMGPROXY_ALLOW_LOOPBACK_SOURCE_ADDRESSES: 'false' })
  asked.length = 0
  const { port } = new URL(origin)
  for (const host of ['127.0.0.1', 'localhost', '127.1', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', '2130706433'])
    expect([host, (await strict.get(path(`http://${host}:${port}/a.png`))).status]).toEqual([host, 404])
  expect(asked).toEqual([])
  // Where clouds tell a machine its secrets: refused without being asked for.
  expect((await strict.get(path('http://169.254.169.254/latest/meta-data'))).status).toBe(404)
})

test('an object of an S3 server is a source, and its ETag spares reading it again', async () => {
  await using s3 = await startS3('stub')
  const backend = s3BackendAt(s3.endpoint)
  const of = { bucket: 'pictures', name: 'a.png', version: 'v1' }
  await backend.put(of, Readable.from([picture]), { contentType: 'image/png', cacheControl: 'max-age=9', maxSize: 1_000_000 })
  await backend.close()
  await using proxy = await startImgproxy({
    IMGPROXY_USE_S3: 'true',
    IMGPROXY_S3_ENDPOINT: s3.endpoint,
    IMGPROXY_USE_ETAG: 'true',
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
  })
  const first = await proxy.get(path('s3://stub/stub/pictures/a.png/v1'))
  const etag = first.headers.get('etag')!
  expect(await seen(first)).toMatchObject({ width: 20, height: 10 })
  expect((await proxy.get(path('s3://stub/stub/pictures/a.png/v1'), { 'if-none-match': etag })).status).toBe(304)
  expect((await proxy.get(path('s3://stub/stub/pictures/none.png/v1'))).status).toBe(404)
})
