// Small files that would become large pictures, and other ways to make an image library work for nothing: refused before anything is decoded.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { animation, quarters, seen, startImgproxy, type TestImgproxy } from '../support/imgproxy-service.ts'

let proxy: TestImgproxy
beforeAll(async () => {
  proxy = await startImgproxy({ IMGPROXY_MAX_ANIMATION_FRAMES: '60', IMGPROXY_MAX_SRC_FILE_SIZE: '200000' })
})
afterAll(() => proxy[Symbol.asyncDispose]())

async function ask(name: string, bytes: Buffer | string, options: string): Promise<Response> {
  await writeFile(join(proxy.root, name), bytes)
  return proxy.get(`/x/${options}/plain/local:///${name}`)
}

function png(width: number, height: number): Buffer {
  const crcs = Array.from({ length: 256 }, (_, n) => {
    let c = n
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
    return c >>> 0
  })
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data])
    let crc = 0xffffffff
    for (const byte of body) crc = crcs[(crc ^ byte) & 255]! ^ (crc >>> 8)
    const out = Buffer.alloc(body.length + 8)
    out.writeUInt32BE(data.length, 0)
    body.copy(out, 4)
    out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 4)
    return out
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head[8] = 8
  const data = deflateSync(Buffer.alloc(Math.min(width * height, 10_000_000)))
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))])
}

function tiff(width: number, height: number): Buffer {
  const entries: readonly (readonly [number, number, number])[] = [
    [0x100, 4, width],
    [0x101, 4, height],
    [0x102, 3, 8],
    [0x103, 3, 1],
    [0x106, 3, 1],
    [0x111, 4, 8],
    [0x115, 3, 1],
    [0x116, 4, height],
    [0x117, 4, 1],
  ]
  const out = Buffer.alloc(8 + 2 + entries.length * 12 + 4)
  out.write('II', 0)
  out.writeUInt16LE(42, 2)
  out.writeUInt32LE(8, 4)
  out.writeUInt16LE(entries.length, 8)
  for (const [i, [tag, type, value]] of entries.entries()) {
    out.writeUInt16LE(tag, 10 + i * 12)
    out.writeUInt16LE(type, 12 + i * 12)
    out.writeUInt32LE(1, 14 + i * 12)
    out.writeUInt32LE(value, 18 + i * 12)
  }
  return out
}

function webp(width: number, height: number): Buffer {
  const out = Buffer.alloc(30 + 26)
  out.write('RIFF', 0)
  out.writeUInt32LE(out.length - 8, 4)
  out.write('WEBPVP8X', 8)
  out.writeUInt32LE(10, 16)
  out.writeUIntLE(width - 1, 24, 3)
  out.writeUIntLE(height - 1, 27, 3)
  out.write('VP8L', 30)
  out.writeUInt32LE(18, 34)
  out[38] = 0x2f
  return out
}

function gif(width: number, height: number): Buffer {
  const head = Buffer.from('47494638396100000000000000', 'hex')
  head.writeUInt16LE(width, 6)
  head.writeUInt16LE(height, 8)
  const frame = Buffer.from('2c0000000000000000008002024c01003b', 'hex')
  frame.writeUInt16LE(width, 5)
  frame.writeUInt16LE(height, 7)
  return Buffer.concat([head, frame])
}

function bmp(width: number, height: number): Buffer {
  const out = Buffer.alloc(100)
  out.write('BM', 0)
  out.writeUInt32LE(54, 10)
  out.writeUInt32LE(40, 14)
  out.writeInt32LE(width, 18)
  out.writeInt32LE(height, 22)
  out.writeUInt16LE(32, 28)
  return out
}

const laughs = `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "ha">${'bcdefghij'
  .split('')
  .map((name, i) => `<!ENTITY ${name} "${`&${'abcdefghi'[i]};`.repeat(10)}">`)
  .join('')}]><svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><text>&j;</text></svg>`

/** Ten to the thirtieth rectangles. */
const nested = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10" height="10"><g id="g0"><rect width="1" height="1"/></g>${Array.from(
  { length: 30 },
  (_, i) => `<g id="g${i + 1}">${`<use xlink:href="#g${i}"/>`.repeat(10)}</g>`,
).join('')}<use xlink:href="#g30"/></svg>`

test.each([
  ['PNG of 50000 x 50000', 'a.png', png(50_000, 50_000), 'w:10'],
  ['PNG of 2^31 - 1', 'b.png', png(2 ** 31 - 1, 2 ** 31 - 1), 'w:10'],
  ['PNG that is passed on as it is', 'c.png', png(50_000, 50_000), 'skp:png'],
  ['TIFF of 60000 x 60000', 'a.tiff', tiff(60_000, 60_000), 'w:10'],
  ['WebP of 16384 x 16384', 'a.webp', webp(16_384, 16_384), 'w:10'],
  ['GIF of 65535 x 65535', 'a.gif', gif(65_535, 65_535), 'w:10'],
  ['BMP of 100000 x 100000', 'a.bmp', bmp(100_000, 100_000), 'w:10'],
  ['BMP of a negative width', 'b.bmp', bmp(-5, 5), 'w:10'],
  ['SVG whose entities grow', 'laughs.svg', laughs, 'w:10'],
  ['SVG whose entities grow, drawn', 'laughs.svg', laughs, 'f:png'],
  ['SVG without an end', 'open.svg', '<svg xmlns="http://www.w3.org/2000/svg"><g>', 'w:10'],
  ['SVG of a document type without an end', 'dtd.svg', '<!DOCTYPE svg [<svg xmlns="http://www.w3.org/2000/svg"/>', 'w:10'],
])('%s', async (_, name, bytes, options) => {
  const response = await ask(name, bytes, options)
  expect([response.status, await response.text()]).toEqual([422, 'Invalid source image'])
})

test('frames count together: an animation of small frames is one, of large ones too much', async () => {
  expect((await ask('small.gif', await animation(8, 200, 200), 'w:10')).status).toBe(200)
  expect((await ask('large.gif', await animation(8, 1_600, 1_600), 'w:10')).status).toBe(422)
})

test('no more frames are kept than configured', async () => {
  await using short = await startImgproxy({ IMGPROXY_MAX_ANIMATION_FRAMES: '3' })
  await writeFile(join(short.root, 'a.gif'), await animation(8))
  expect(await seen(await short.get('/x/w:50/plain/local:///a.gif'))).toMatchObject({ format: 'gif', frames: 3 })
})

test('a file beyond the bound is not read', async () => {
  const response = await ask('long.png', Buffer.concat([await quarters().png().toBuffer(), Buffer.alloc(200_000)]), 'w:10')
  expect(response.status).toBe(422)
})

test('a drawing that says it is vast is drawn smaller', async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="20000" height="10000"><rect width="9" height="9"/></svg>'
  expect(await seen(await ask('vast.svg', svg, 'w:100/f:png'))).toMatchObject({ width: 100, height: 50 })
})

test('a drawing that takes too long ends in a timeout, and the next picture comes', async () => {
  await using quick = await startImgproxy({ IMGPROXY_WRITE_TIMEOUT: '2' })
  await writeFile(join(quick.root, 'slow.svg'), nested)
  await writeFile(join(quick.root, 'a.png'), await quarters().png().toBuffer())
  const small = async () => (await quick.get('/x/w:9/plain/local:///a.png')).status
  await expect.poll(small, { timeout: 20_000 }).toBe(200)
  const before = quick.service.pool.pid
  const slow = await quick.get('/x/f:png/plain/local:///slow.svg')
  expect([slow.status, await slow.text()]).toEqual([503, 'Timeout'])
  await expect.poll(() => quick.service.pool.pid, { timeout: 20_000 }).not.toBe(before)
  await expect.poll(small, { timeout: 20_000 }).toBe(200)
})
