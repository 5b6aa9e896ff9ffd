// imgproxy from outside: URLs, sizes, formats, headers, errors.
import { createHmac } from 'node:crypto'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { animation, colourAt, quarters, seen, startImgproxy, type TestImgproxy } from '../support/imgproxy-service.ts'

let proxy: TestImgproxy
const svg =
  '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50"><script>alert(1)</script><rect width="100" height="50" fill="red"/></svg>'

beforeAll(async () => {
  proxy = await startImgproxy({
    IMGPROXY_USE_ETAG: 'true',
    IMGPROXY_ENABLE_WEBP_DETECTION: 'true',
    IMGPROXY_ENABLE_AVIF_DETECTION: 'true',
    IMGPROXY_MAX_ANIMATION_FRAMES: '60',
    IMGPROXY_PRESETS: 'small=w:20/q:50,loop=pr:loop/w:30',
    IMGPROXY_ALLOW_ORIGIN: 'https://app.example',
    IMGPROXY_WATERMARK_DATA: (
      await sharp({ create: { width: 10, height: 10, channels: 3, background: '#00f' } })
        .png()
        .toBuffer()
    ).toString('base64'),
  })
  const put = (name: string, bytes: Buffer | string) => writeFile(join(proxy.root, name), bytes)
  await mkdir(join(proxy.root, 'd'))
  await put('d/a.png', await quarters().png().toBuffer())
  await put('turned.jpg', await quarters().withMetadata({ orientation: 6 }).jpeg().toBuffer())
  await put(
    'rights.jpg',
    await quarters()
      .withExif({ IFD0: { Copyright: 'Somebody', Artist: 'Else', Software: 'A camera' } })
      .jpeg()
      .toBuffer(),
  )
  await put(
    'noise.jpg',
    await sharp({ create: { width: 300, height: 300, channels: 3, background: '#888', noise: { type: 'gaussian', mean: 128, sigma: 60 } } })
      .jpeg({ quality: 100 })
      .toBuffer(),
  )
  await put(
    'alpha.png',
    await sharp({ create: { width: 60, height: 60, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0 } } })
      .png()
      .toBuffer(),
  )
  await put('moving.gif', await animation(5))
  await put('a.tiff', await quarters().tiff().toBuffer())
  await put('a.svg', svg)
  await put('t.txt', 'not an image')
  await put('cut.png', (await quarters().png().toBuffer()).subarray(0, 300))
  await put('q@x?.png', await quarters().png().toBuffer())
})
afterAll(() => proxy[Symbol.asyncDispose]())

const local = (options: string, file = 'd/a.png', headers?: Record<string, string>): Promise<Response> =>
  proxy.get(`/any/${options ? `${options}/` : ''}plain/local:///${encodeURIComponent(file)}`, headers)

describe('sizes', () => {
  test.each([
    ['', 200, 100],
    ['rs:fit:50:50', 50, 25],
    ['resize:fill:50:50', 50, 50],
    ['rt:fill/w:50/h:50', 50, 50],
    ['rs:force:30:60', 30, 60],
    ['rs:auto:60:30', 60, 30],
    ['rs:auto:30:60', 30, 15],
    ['s:40:20', 40, 20],
    ['w:50', 50, 25],
    ['h:50', 100, 50],
    ['rs:fit:400:400', 200, 100],
    ['rs:fill:400:400', 200, 100],
    ['rs:force:400:400', 100, 100],
    ['rs:fill-down:400:400', 100, 100],
    ['rs:fit:400:400:1', 400, 200],
    ['rs:fill:300:300/el:1', 300, 300],
    ['c:50:40', 50, 40],
    ['c:0.5:0:we/w:50', 50, 50],
    ['rs:fit:50:50/pd:5:10', 70, 35],
    ['rot:90/rs:fit:50:50', 25, 50],
    ['rs:fit:50:50/dpr:2', 100, 50],
    ['mw:300', 300, 150],
    ['z:0.5', 100, 50],
    ['ex:1/s:300:300', 300, 300],
    ['exar:1/s:50:50', 50, 50],
    ['pr:small', 20, 10],
    ['pr:loop', 30, 15],
    ['fl:1:1/bl:2/sh:1/pix:7/t:10', 200, 100],
    ['rs:fill:30:30/g:sm', 30, 30],
  ])('%s of 200 x 100 is %i x %i', async (options, width, height) => {
    expect(await seen(await local(options))).toMatchObject({ format: 'png', width, height })
  })

  test('a picture is turned as its camera held it', async () => {
    expect(await seen(await local('rs:fit:50:50', 'turned.jpg'))).toMatchObject({ width: 25, height: 50 })
    expect(await seen(await local('ar:0/rs:fit:50:50', 'turned.jpg'))).toMatchObject({ width: 50, height: 25 })
  })

  test('gravity decides what a crop keeps', async () => {
    expect((await colourAt(await local('rs:fill:50:100/g:we'), 25, 10))[0]).toBeGreaterThan(128)
    expect((await colourAt(await local('rs:fill:50:100/g:ea'), 25, 10))[0]).toBeLessThan(128)
    expect((await colourAt(await local('rs:fill:50:100/g:fp:1:0.5'), 25, 10))[0]).toBeLessThan(128)
    expect((await colourAt(await local('c:100:100:ea/w:50'), 25, 10))[0]).toBeLessThan(128)
  })

  test('what would grow without end stays within the bound of a source', async () => {
    const { width, height } = await seen(await local('rs:fill:60000:60000:1/f:jpg'))
    expect(width * height).toBeLessThanOrEqual(16_800_000)
    expect(width).toBeGreaterThan(3_000)
  })
})

describe('formats', () => {
  test.each([
    ['f:webp', 'image/webp', 'webp'],
    ['f:avif', 'image/avif', 'heif'],
    ['f:gif', 'image/gif', 'gif'],
    ['ext:jpg', 'image/jpeg', 'jpeg'],
    ['f:tiff', 'image/tiff', 'tiff'],
  ])('%s', async (options, type, format) => {
    const response = await local(options)
    expect(response.headers.get('content-type')).toBe(type)
    expect((await seen(response)).format).toBe(format)
  })

  test('BMP and ICO are written and read', async () => {
    for (const format of ['bmp', 'ico']) {
      const made = await local(`w:50/f:${format}`)
      await writeFile(join(proxy.root, `made.${format}`), Buffer.from(await made.arrayBuffer()))
      const again = await local('f:png', `made.${format}`)
      expect((await colourAt(again, 5, 5)).slice(0, 2)).toEqual([255, 255])
    }
  })

  test('AVIF of less than 16 pixels becomes PNG with alpha, and JPEG without', async () => {
    expect((await local('w:10/f:avif', 'alpha.png')).headers.get('content-type')).toBe('image/png')
    expect((await local('w:10/f:avif')).headers.get('content-type')).toBe('image/jpeg')
  })

  test.each([
    ['image/avif,image/webp,*/*', 'd/a.png', '', 'image/avif'],
    ['image/webp,*/*', 'd/a.png', '', 'image/webp'],
    ['image/webp,*/*', 'd/a.png', 'f:png', 'image/png'],
    ['*/*', 'd/a.png', '', 'image/png'],
    ['image/avif,image/webp,*/*', 'moving.gif', '', 'image/webp'],
    ['*/*', 'a.tiff', '', 'image/jpeg'],
    ['image/webp', 'a.svg', '', 'image/svg+xml'],
  ])('who accepts %s gets %s %s as %s', async (accept, file, options, type) => {
    const response = await local(options, file, { accept })
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('vary')).toBe('Accept')
  })

  test('animations keep their frames and their pace, or become their first frame', async () => {
    expect(await seen(await local('rs:fill:20:20', 'moving.gif'))).toEqual({ format: 'gif', width: 20, height: 20, frames: 5 })
    expect(await seen(await local('w:50/rot:90', 'moving.gif'))).toEqual({ format: 'gif', width: 50, height: 100, frames: 5 })
    expect(await seen(await local('w:50/f:png', 'moving.gif'))).toEqual({ format: 'png', width: 50, height: 25, frames: 1 })
    const moved = await local('w:50/f:webp/wm:1', 'moving.gif')
    expect((await sharp(Buffer.from(await moved.arrayBuffer()), { animated: true }).metadata()).delay).toEqual([70, 70, 70, 70, 70])
  })

  test('quality and max_bytes make a JPEG smaller', async () => {
    const size = async (options: string) => (await (await local(options, 'noise.jpg')).arrayBuffer()).byteLength
    expect(await size('q:20')).toBeLessThan(await size('q:90'))
    expect(await size('q:95/mb:12000')).toBeLessThanOrEqual(12_000)
  })

  test('transparent stays transparent, and becomes the background where it cannot', async () => {
    expect((await colourAt(await local('w:20', 'alpha.png'), 5, 5))[3]).toBe(0)
    expect(await colourAt(await local('w:20/bg:0:255:0', 'alpha.png'), 5, 5)).toEqual([0, 255, 0])
    expect((await colourAt(await local('w:20/f:jpg', 'alpha.png'), 5, 5))[1]).toBeGreaterThan(250)
  })

  test('a watermark lies where it was asked for', async () => {
    const response = await local('wm:1:nowe')
    const bytes = Buffer.from(await response.arrayBuffer())
    const at = (x: number, y: number) => colourAt(new Response(bytes), x, y)
    expect((await at(3, 3)).slice(0, 3)).toEqual([0, 0, 255])
    expect((await at(20, 20)).slice(0, 2)).toEqual([255, 255])
  })

  test('of the metadata only copyright and artist are kept', async () => {
    const exif = async (options: string) =>
      (await sharp(Buffer.from(await (await local(options, 'rights.jpg')).arrayBuffer())).metadata()).exif?.toString('latin1') ?? ''
    expect(await exif('w:50')).toMatch(/Somebody/)
    expect(await exif('w:50')).toMatch(/Else/)
    expect(await exif('w:50')).not.toMatch(/camera/)
    expect(await exif('w:50/kcr:0')).toBe('')
    expect(await exif('w:50/sm:0')).toMatch(/camera/)
  })

  test('SVG stays SVG without its scripts, and is drawn when another format is asked for', async () => {
    const response = await local('rs:fit:50:50', 'a.svg')
    const text = await response.text()
    expect(response.headers.get('content-security-policy')).toBe("script-src 'none'")
    expect(text).toMatch(/<rect/)
    expect(text).not.toMatch(/script/)
    expect(await seen(await local('rs:fit:50:50/f:png', 'a.svg'))).toMatchObject({ format: 'png', width: 50, height: 25 })
    expect(await seen(await local('rs:fit:400:400/f:png', 'a.svg'))).toMatchObject({ width: 400, height: 200 })
  })
})

describe('answers', () => {
  test('headers of a picture', async () => {
    const { headers } = await local('w:50', 'd/a.png', { 'x-request-id': 'abc-1' })
    expect(headers.get('content-disposition')).toBe('inline; filename="a.png"')
    expect(headers.get('cache-control')).toBe('max-age=31536000, public')
    expect(Date.parse(headers.get('expires')!)).toBeGreaterThan(Date.now() + 31_000_000_000)
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(headers.get('x-request-id')).toBe('abc-1')
    expect(headers.get('server')).toBe('imgproxy')
    expect((await local('fn:other/att:1/w:50')).headers.get('content-disposition')).toBe('attachment; filename="other.png"')
  })

  test('an ETag spares the work as long as nothing changes', async () => {
    const etag = (await local('w:50')).headers.get('etag')!
    const again = await local('w:50', 'd/a.png', { 'if-none-match': etag })
    expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, etag, ''])
    expect((await local('w:51', 'd/a.png', { 'if-none-match': etag })).status).toBe(200)
    await writeFile(join(proxy.root, 'd/a.png'), await quarters().png({ compressionLevel: 1 }).toBuffer())
    expect((await local('w:50', 'd/a.png', { 'if-none-match': etag })).status).toBe(200)
  })

  test('health, the page at the root, other methods', async () => {
    const health = await proxy.get('/health')
    expect([health.status, await health.text()]).toEqual([200, 'imgproxy is running'])
    expect((await proxy.get('/')).status).toBe(200)
    expect((await fetch(`${proxy.url}/x/y`, { method: 'HEAD' })).status).toBe(200)
    expect((await fetch(`${proxy.url}/x/y`, { method: 'OPTIONS' })).status).toBe(200)
    expect((await fetch(`${proxy.url}/x/y`, { method: 'POST' })).status).toBe(404)
  })

  test.each([
    '/any/nonsense:1/plain/local:///d/a.png',
    '/any/w:abc/plain/local:///d/a.png',
    '/any/rs:fit:-5:5/plain/local:///d/a.png',
    '/any/w:1:2/plain/local:///d/a.png',
    '/any/g:fp:0.5/plain/local:///d/a.png',
    '/any/g:fp:2:0/plain/local:///d/a.png',
    '/any/rot:45/plain/local:///d/a.png',
    '/any/pr:unknown/plain/local:///d/a.png',
    '/any/q:101/plain/local:///d/a.png',
    '/any/f:exe/plain/local:///d/a.png',
    '/any/plain/local:///d/a.png@exe',
    '/any/plain/local:///d/a.png@png@jpg',
    '/any/fit/5/5/plain/local:///d/a.png',
    '/any/plain/%E0%A4%A',
    '/any/w:5/!!!',
    '/any/constructor:1/plain/local:///d/a.png',
    '/any',
    '/any/w:5',
  ])('404 Invalid URL: %s', async (path) => {
    const response = await proxy.get(path)
    expect([response.status, await response.text()]).toEqual([404, 'Invalid URL'])
  })

  test.each([
    ['w:5', 'nope.png', 404, 'Source image is unreachable'],
    ['w:5', 't.txt', 422, 'Invalid source image'],
    ['w:5', 'cut.png', 422, 'Invalid source image'],
    ['w:5', 'd', 404, 'Source image is unreachable'],
    ['f:heic', 'd/a.png', 422, 'Invalid URL'],
    ['f:svg', 'd/a.png', 422, 'Invalid URL'],
    ['exp:1000', 'd/a.png', 404, 'Expired URL'],
  ])('%s of %s: %i %s', async (options, file, status, text) => {
    const response = await local(options, file)
    expect([response.status, await response.text()]).toEqual([status, text])
  })

  test('sources as base64 with slashes and an extension, with reserved characters, with a slash that got lost', async () => {
    const encoded = Buffer.from('local:///d/a.png')
      .toString('base64url')
      .replace(/(.{8})/g, '$1/')
    expect(await seen(await proxy.get(`/any/rs:fit:50:50/${encoded}.webp`))).toMatchObject({ format: 'webp', width: 50 })
    expect(await seen(await local('w:50', 'q@x?.png'))).toMatchObject({ width: 50 })
    expect(await seen(await proxy.get('/any/w:50/plain/local:/d/a.png'))).toMatchObject({ width: 50 })
    expect(await seen(await proxy.get('/any/w:50/plain/local:///d/a.png@jpg?v=1'))).toMatchObject({ format: 'jpeg' })
  })

  test('an absolute path of this machine counts where the root is above it', async () => {
    const path = join(proxy.root, 'd/a.png')
    expect(await seen(await proxy.get(`/any/w:50/plain/local://${path}`))).toMatchObject({ width: 50 })
  })

  test('local sources end at their root, by dots and by links', async () => {
    await writeFile(`${proxy.root}-outside.png`, await quarters().png().toBuffer())
    await symlink(`${proxy.root}-outside.png`, join(proxy.root, 'link.png'))
    await symlink('/', join(proxy.root, 'everything'))
    for (const file of [
      'link.png',
      `../${proxy.root.split('/').at(-1)}-outside.png`,
      'everything/etc/passwd',
      '../../../../etc/passwd',
      `everything${proxy.root}-outside.png`,
    ]) {
      const response = await local('w:5', file)
      expect([file, response.status, await response.text()]).toEqual([file, 404, 'Source image is unreachable'])
    }
    const { rm } = await import('node:fs/promises')
    await rm(`${proxy.root}-outside.png`)
  })
})

describe('who may ask', () => {
  test('a signature of any key is demanded, and stands for one URL', async () => {
    await using signed = await startImgproxy({ IMGPROXY_KEY: 'aa,bb', IMGPROXY_SALT: 'cc,dd', IMGPROXY_SIGNATURE_SIZE: '16' })
    await writeFile(join(signed.root, 'a.png'), await quarters().png().toBuffer())
    const sign = (key: string, salt: string, path: string) =>
      createHmac('sha256', Buffer.from(key, 'hex'))
        .update(Buffer.from(salt, 'hex'))
        .update(path)
        .digest()
        .subarray(0, 16)
        .toString('base64url')
    const path = '/w:5/plain/local:///a.png'
    for (const [key, salt] of [
      ['aa', 'cc'],
      ['bb', 'dd'],
    ] as const)
      expect((await signed.get(`/${sign(key, salt, path)}${path}`)).status).toBe(200)
    for (const signature of [
      'insecure',
      sign('aa', 'dd', path),
      sign('aa', 'cc', '/w:6/plain/local:///a.png'),
      sign('aa', 'cc', path).slice(1),
    ]) {
      const response = await signed.get(`/${signature}${path}`)
      expect([response.status, await response.text()]).toEqual([403, 'Forbidden'])
    }
  })

  test('a secret is demanded where there is one', async () => {
    await using secret = await startImgproxy({ IMGPROXY_SECRET: 'hush' })
    await writeFile(join(secret.root, 'a.png'), await quarters().png().toBuffer())
    expect((await secret.get('/x/w:5/plain/local:///a.png')).status).toBe(403)
    expect((await secret.get('/x/w:5/plain/local:///a.png', { authorization: 'Bearer hush' })).status).toBe(200)
    expect((await secret.get('/health')).status).toBe(200)
  })

  test('a picture stands in for a source that cannot be read', async () => {
    const bytes = await quarters(40, 20).png().toBuffer()
    await using lenient = await startImgproxy({
      IMGPROXY_FALLBACK_IMAGE_DATA: bytes.toString('base64'),
      IMGPROXY_FALLBACK_IMAGE_HTTP_CODE: '0',
      IMGPROXY_FALLBACK_IMAGE_TTL: '7',
    })
    const response = await lenient.get('/x/w:20/plain/local:///missing.png')
    expect([response.status, response.headers.get('cache-control')]).toEqual([404, 'max-age=7, public'])
    expect((await sharp(Buffer.from(await response.arrayBuffer())).metadata()).width).toBe(20)
  })
})
