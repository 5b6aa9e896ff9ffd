// BMP and ICO, which the image library does not know: uncompressed pictures in, and what upstream writes out.
import { ImgproxyError } from '../errors.ts'

/** RGBA, eight bits each. */
export interface Pixels {
  readonly data: Buffer
  readonly width: number
  readonly height: number
}

const broken = (what: string): ImgproxyError => new ImgproxyError('invalid_image', what)

/** Throws `Invalid source image` for what is too large, cut off, or packed in a way that nobody uses any more. */
export function readBmp(bytes: Buffer, maxPixels: number): Pixels {
  return guarded(() => readDib(bytes, 14, bytes.readUInt32LE(10), maxPixels, false))
}

/** The largest picture of an icon: PNG as it is, or pixels. */
export function readIco(bytes: Buffer, maxPixels: number): { png: Buffer } | Pixels {
  return guarded(() => {
    let best: { size: number; from: number; length: number } | undefined
    for (let i = 0; i < Math.min(bytes.readUInt16LE(4), 256); i++) {
      const entry = 6 + i * 16
      const size = (bytes[entry]! || 256) * (bytes[entry + 1]! || 256)
      if (!best || size > best.size) best = { size, length: bytes.readUInt32LE(entry + 8), from: bytes.readUInt32LE(entry + 12) }
    }
    if (!best || best.from + best.length > bytes.length) throw broken('the icon holds no picture')
    const picture = bytes.subarray(best.from, best.from + best.length)
    return picture.toString('latin1', 1, 4) === 'PNG' ? { png: picture } : readDib(picture, 0, 0, maxPixels, true)
  })
}

function guarded<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof RangeError) throw broken('the picture is cut off')
    throw error
  }
}

/** `header`: where the information header begins; `pixels`: where the rows begin, 0 behind the palette. */
function readDib(bytes: Buffer, header: number, pixels: number, maxPixels: number, icon: boolean): Pixels {
  const headerSize = bytes.readUInt32LE(header)
  if (headerSize < 40) throw broken('the header of the bitmap is too old')
  const width = bytes.readInt32LE(header + 4)
  const tall = bytes.readInt32LE(header + 8)
  const height = icon ? Math.abs(tall) / 2 : Math.abs(tall)
  if (width < 1 || height < 1 || !Number.isInteger(height) || width * height > maxPixels) throw broken('the size of the bitmap')
  const bits = bytes.readUInt16LE(header + 14)
  const packing = bytes.readUInt32LE(header + 16)
  if (packing !== 0 && !(packing === 3 && bits === 32)) throw broken('the bitmap is compressed')
  if (![1, 4, 8, 24, 32].includes(bits)) throw broken('the bitmap has a depth of its own')
  const colours = bits <= 8 ? bytes.readUInt32LE(header + 32) || 2 ** bits : 0
  const palette = header + headerSize
  const start = pixels || palette + colours * 4 + (packing === 3 && headerSize === 40 ? 12 : 0)
  const stride = Math.ceil((width * bits) / 32) * 4
  if (start + stride * height > bytes.length) throw broken('the bitmap is cut off')
  const data = Buffer.alloc(width * height * 4, 255)
  const alpha = bits === 32 && (icon || packing === 3)
  for (let y = 0; y < height; y++) {
    const row = start + (tall > 0 ? height - 1 - y : y) * stride
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 4
      const from =
        bits > 8
          ? row + (x * bits) / 8
          : palette +
            Math.min(colours - 1, (bytes[row + Math.floor((x * bits) / 8)]! >> (8 - bits - ((x * bits) % 8))) & (2 ** bits - 1)) * 4
      data[at] = bytes[from + 2]!
      data[at + 1] = bytes[from + 1]!
      data[at + 2] = bytes[from]!
      if (alpha) data[at + 3] = bytes[from + 3]!
    }
  }
  if (icon && bits < 32) applyMask(bytes, start + stride * height, { data, width, height })
  return { data, width, height }
}

/** Behind the colours of an icon lies one bit for each pixel: 1 is not there. */
function applyMask(bytes: Buffer, start: number, { data, width, height }: Pixels): void {
  const stride = Math.ceil(width / 32) * 4
  if (start + stride * height > bytes.length) return
  for (let y = 0; y < height; y++) {
    const row = start + (height - 1 - y) * stride
    for (let x = 0; x < width; x++) if ((bytes[row + (x >> 3)]! >> (7 - (x & 7))) & 1) data[(y * width + x) * 4 + 3] = 0
  }
}

const BMP_HEADERS = 14 + 108
const MASKS = [0x00ff0000, 0x0000ff00, 0x000000ff, 0xff000000] as const

/** 32 bits with their masks, from the top down. */
export function writeBmp({ data, width, height }: Pixels): Buffer {
  const out = Buffer.alloc(BMP_HEADERS + data.length)
  out.write('BM', 0, 'latin1')
  out.writeUInt32LE(out.length, 2)
  out.writeUInt32LE(BMP_HEADERS, 10)
  out.writeUInt32LE(108, 14)
  out.writeInt32LE(width, 18)
  out.writeInt32LE(-height, 22)
  out.writeUInt16LE(1, 26)
  out.writeUInt16LE(32, 28)
  out.writeUInt32LE(3, 30)
  out.writeUInt32LE(data.length, 34)
  for (const [i, mask] of MASKS.entries()) out.writeUInt32LE(mask, 54 + i * 4)
  out.write('BGRs', 70, 'latin1')
  for (let i = 0; i < data.length; i += 4) {
    out[BMP_HEADERS + i] = data[i + 2]!
    out[BMP_HEADERS + i + 1] = data[i + 1]!
    out[BMP_HEADERS + i + 2] = data[i]!
    out[BMP_HEADERS + i + 3] = data[i + 3]!
  }
  return out
}

/** An icon of one picture, which is a PNG of at most 256 pixels a side. */
export function writeIco(png: Buffer, width: number, height: number): Buffer {
  const head = Buffer.alloc(22)
  head.writeUInt16LE(1, 2)
  head.writeUInt16LE(1, 4)
  head[6] = width & 255
  head[7] = height & 255
  head.writeUInt16LE(1, 10)
  head.writeUInt16LE(32, 12)
  head.writeUInt32LE(png.length, 14)
  head.writeUInt32LE(head.length, 18)
  return Buffer.concat([head, png])
}
