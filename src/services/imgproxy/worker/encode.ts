// A drawn picture to the bytes of its format: quality, `max_bytes`, what metadata survives.
import sharp, { type Sharp } from 'sharp'
import { FORMATS, type Format } from '../formats.ts'
import type { ProcessingOptions } from '../url/options.ts'
import { writeBmp, writeIco } from './bitmap.ts'
import { rightsOf } from './copyright.ts'
import type { Input } from './input.ts'
import type { WorkerSettings } from './settings.ts'

export interface Motion {
  readonly delay: number[] | undefined
  readonly loop: number | undefined
}

export interface Encoding {
  readonly format: Format
  readonly options: ProcessingOptions
  readonly settings: WorkerSettings
  readonly motion: Motion | undefined
}

const LEAST_QUALITY = 10

/** Lowers the quality in upstream's steps until the result fits `max_bytes`. */
export async function encode(picture: Sharp, input: Input, encoding: Encoding): Promise<Buffer> {
  const { format, options, settings } = encoding
  const dressed = withMetadata(picture, input, options)
  let quality = options.quality || options.formatQuality[format] || settings.quality
  let bytes = await save(dressed, quality, encoding)
  if (options.maxBytes === 0 || !FORMATS[format].quality) return bytes
  while (bytes.length > options.maxBytes && quality > LEAST_QUALITY) {
    const excess = bytes.length / options.maxBytes
    quality = Math.max(LEAST_QUALITY, Math.trunc(quality * (excess > 3 ? 0.25 : excess > 1.5 ? 0.5 : 0.75)))
    bytes = await save(dressed.clone(), quality, encoding)
  }
  return bytes
}

function withMetadata(picture: Sharp, input: Input, options: ProcessingOptions): Sharp {
  let result = picture
  if (!options.stripMetadata) result = result.keepExif().keepXmp()
  else if (options.keepCopyright) {
    const rights = rightsOf(input.exif)
    if (rights.Copyright !== undefined || rights.Artist !== undefined) result = result.withExif({ IFD0: { ...rights } })
  }
  return options.stripColourProfile ? result : result.keepIccProfile()
}

async function save(picture: Sharp, quality: number, { format, settings, motion }: Encoding): Promise<Buffer> {
  const moving = motion ? { ...(motion.delay ? { delay: motion.delay } : {}), loop: motion.loop ?? 0 } : {}
  switch (format) {
    case 'jpeg':
      return picture.jpeg({ quality, progressive: settings.jpegProgressive }).toBuffer()
    case 'webp':
      return picture.webp({ quality, ...moving }).toBuffer()
    case 'avif':
      return picture.avif({ quality, effort: 9 - settings.avifSpeed }).toBuffer()
    case 'gif':
      return picture.gif(moving).toBuffer()
    case 'tiff':
      return picture.tiff({ quality }).toBuffer()
    case 'bmp': {
      const { data, info } = await picture.toColourspace('srgb').ensureAlpha().raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
      return writeBmp({ data, width: info.width, height: info.height })
    }
    case 'ico': {
      const { data, info } = await picture.png().toBuffer({ resolveWithObject: true })
      return writeIco(data, info.width, info.height)
    }
    default:
      return picture
        .png({
          progressive: settings.pngInterlaced,
          ...(settings.pngQuantize ? { palette: true, colours: settings.pngColours } : {}),
        })
        .toBuffer()
  }
}

/** Frames that were drawn one by one, as one picture again. */
export const joined = (frames: readonly Buffer[]): Sharp => sharp([...frames], { join: { animated: true }, limitInputPixels: false })
