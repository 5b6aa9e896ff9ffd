// A source's bytes as something that the image library opens, with its facts; checked against the limits before a pixel is decoded.
import sharp, { type Sharp, type SharpOptions } from 'sharp'
import { ImgproxyError } from '../errors.ts'
import type { Format } from '../formats.ts'
import { readBmp, readIco } from './bitmap.ts'
import { detectFormat } from './detect.ts'
import type { Size } from './geometry.ts'
import type { WorkerSettings } from './settings.ts'

export interface Input {
  readonly format: Format
  /** Of one frame, before it is turned. */
  readonly size: Size
  /** Of one frame, turned as its EXIF says. */
  readonly turned: Size
  /** Whether EXIF says that it has to be turned. */
  readonly oriented: boolean
  readonly alpha: boolean
  /** Frames to work on; 1 unless the picture moves and may. */
  readonly frames: number
  readonly delays: readonly number[] | undefined
  readonly loop: number | undefined
  readonly exif: Buffer | undefined
  /** All its frames, or one of them. */
  open(frame?: number): Sharp
}

const DENSITY = 72

/** Throws `Invalid source image` for what is none or goes beyond a limit. */
export async function openInput(bytes: Buffer, settings: WorkerSettings): Promise<Input> {
  const format = detectFormat(bytes, settings.maxSvgCheckBytes)
  if (format === undefined || format === 'heic') throw new ImgproxyError('invalid_image', 'this is no picture of a known format')
  const given = materialOf(bytes, format, settings.maxPixels)
  const base: SharpOptions = { failOn: 'error', ...(given.raw ? { raw: given.raw } : {}) }
  const facts = await sharp(given.data, { ...base, limitInputPixels: false }).metadata()
  const pages = (format === 'gif' || format === 'webp') && settings.maxFrames > 1 ? (facts.pages ?? 1) : 1
  const frames = Math.min(pages, settings.maxFrames)
  const size = { width: facts.width, height: facts.pageHeight ?? facts.height }
  const vector = format === 'svg'
  if (!vector) checkSize(size, frames, settings)
  const quarter = (facts.orientation ?? 1) >= 5
  const density = vector ? densityFor(size, settings.maxPixels) : DENSITY
  const shrunk = density / DENSITY
  const drawn = { width: Math.max(1, Math.round(size.width * shrunk)), height: Math.max(1, Math.round(size.height * shrunk)) }
  return {
    format,
    size: drawn,
    turned: quarter ? { width: drawn.height, height: drawn.width } : drawn,
    oriented: (facts.orientation ?? 1) > 1,
    alpha: facts.hasAlpha ?? false,
    frames,
    delays: facts.delay?.slice(0, frames),
    loop: facts.loop,
    exif: facts.exif,
    open: (frame) =>
      sharp(given.data, {
        ...base,
        // One page more than asked for never is: the bound counts what is loaded, all frames together.
        limitInputPixels: settings.maxFramePixels > 0 ? settings.maxFramePixels * frames : settings.maxPixels,
        ...(vector ? { density } : {}),
        ...(frames > 1 && frame === undefined ? { pages: frames } : {}),
        ...(frames > 1 && frame !== undefined ? { page: frame, pages: 1 } : {}),
      }),
  }
}

function materialOf(bytes: Buffer, format: Format, maxPixels: number): { data: Buffer; raw?: SharpOptions['raw'] } {
  if (format !== 'bmp' && format !== 'ico') return { data: bytes }
  const read = format === 'bmp' ? readBmp(bytes, maxPixels) : readIco(bytes, maxPixels)
  if ('png' in read) return { data: read.png }
  return { data: read.data, raw: { width: read.width, height: read.height, channels: 4 } }
}

/** Upstream's bound: pixels of all frames together, or of each where that is configured. */
function checkSize({ width, height }: Size, frames: number, settings: WorkerSettings): void {
  const pixels = settings.maxFramePixels > 0 && frames > 1 ? width * height : width * height * frames
  const limit = settings.maxFramePixels > 0 && frames > 1 ? settings.maxFramePixels : settings.maxPixels
  if (!(width > 0 && height > 0)) throw new ImgproxyError('invalid_image', 'the picture has no size')
  if (pixels > limit) throw new ImgproxyError('invalid_image', `the picture has ${pixels} pixels, more than ${limit}`)
}

/** A vector picture can be drawn in any size: one that says it is too large is drawn smaller. */
function densityFor({ width, height }: Size, maxPixels: number): number {
  const density = Math.min(DENSITY, Math.floor(DENSITY * Math.sqrt(maxPixels / (width * height))))
  if (!(density >= 1)) throw new ImgproxyError('invalid_image', 'the drawing is too large')
  return density
}
