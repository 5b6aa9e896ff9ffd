// One picture from its bytes to the bytes of the result.
import type { Sharp } from 'sharp'
import { ImgproxyError } from '../errors.ts'
import { FORMATS, type Format } from '../formats.ts'
import type { ProcessingOptions } from '../url/options.ts'
import { detectFormat } from './detect.ts'
import { draw, drawsAllFrames } from './draw.ts'
import { encode, joined } from './encode.ts'
import type { Limits } from './geometry.ts'
import { type Input, openInput } from './input.ts'
import { resultFormat } from './result-format.ts'
import type { WorkerSettings } from './settings.ts'
import { sanitizeSvg } from './svg.ts'
import type { Watermark } from './watermark.ts'

export interface Rendered {
  readonly bytes: Buffer
  readonly format: Format
}

/** `seconds`: how long the library may work on it. Throws ImgproxyError; whatever the library says is `Invalid source image`. */
export async function render(
  bytes: Buffer,
  options: ProcessingOptions,
  settings: WorkerSettings,
  watermark: Watermark | undefined,
  seconds: number,
): Promise<Rendered> {
  try {
    return await renderOrThrow(bytes, options, settings, watermark, seconds)
  } catch (error) {
    if (error instanceof ImgproxyError) throw error
    const message = error instanceof Error ? error.message : String(error)
    if (/timeout/i.test(message)) throw new ImgproxyError('timeout', 'the picture took too long', { cause: error })
    throw new ImgproxyError('invalid_image', message, { cause: error })
  }
}

async function renderOrThrow(
  bytes: Buffer,
  options: ProcessingOptions,
  settings: WorkerSettings,
  watermark: Watermark | undefined,
  seconds: number,
): Promise<Rendered> {
  const source = detectFormat(bytes, settings.maxSvgCheckBytes)
  if (options.raw) {
    if (source === undefined) throw new ImgproxyError('invalid_image', 'this is no picture of a known format')
    return { bytes, format: source }
  }
  if (source === 'svg' && (options.format === undefined || options.format === 'svg'))
    return { bytes: settings.sanitizeSvg ? sanitizeSvg(bytes) : bytes, format: 'svg' }
  const input = await openInput(bytes, settings)
  if (options.skipProcessing.includes(input.format) && (options.format ?? input.format) === input.format)
    return { bytes, format: input.format }

  const wanted = resultFormat({ format: input.format, animated: input.frames > 1, alpha: input.alpha }, options, settings.preferredFormats)
  const limits = limitsOf(wanted, settings)
  const moving = input.frames > 1 && FORMATS[wanted].animation
  const motion = moving ? { delay: input.delays ? [...input.delays] : undefined, loop: input.loop } : undefined
  let format = wanted
  let picture: Sharp
  if (moving && !drawsAllFrames(input, options)) picture = joined(await eachFrame(input, options, wanted, limits, watermark, seconds))
  else {
    const drawing = await draw(input, options, wanted, limits, watermark, moving || input.frames === 1 ? undefined : 0)
    picture = drawing.picture
    if (wanted === 'avif' && Math.min(drawing.size.width, drawing.size.height) < SMALLEST_AVIF) {
      format = input.alpha && !options.flatten ? 'png' : 'jpeg'
      if (format === 'jpeg') picture = picture.flatten({ background: options.background })
    }
  }
  return { bytes: await encode(picture.timeout({ seconds }), input, { format, options, settings, motion }), format }
}

const SMALLEST_AVIF = 16

async function eachFrame(
  input: Input,
  options: ProcessingOptions,
  format: Format,
  limits: Limits,
  watermark: Watermark | undefined,
  seconds: number,
): Promise<Buffer[]> {
  const frames: Buffer[] = []
  for (let frame = 0; frame < input.frames; frame++) {
    const { picture } = await draw(input, { ...options, trim: undefined }, format, limits, watermark, frame)
    frames.push(await picture.timeout({ seconds }).png({ compressionLevel: 1 }).toBuffer())
  }
  return frames
}

/** A result is never larger than a source may be. */
const limitsOf = (format: Format, settings: WorkerSettings): Limits => ({
  maxSide: Math.min(FORMATS[format].maxSide, settings.maxResultSide || Number.POSITIVE_INFINITY),
  maxPixels: settings.maxPixels,
})
