// The picture that the option `watermark` lays over others.
import sharp, { type Sharp } from 'sharp'
import type { ProcessingOptions } from '../url/options.ts'
import { position, type Size } from './geometry.ts'

export interface Watermark {
  readonly bytes: Buffer
  /** Of the configuration. */
  readonly opacity: number
}

type Asked = NonNullable<ProcessingOptions['watermark']>

/** `picture` is pixels already. */
export async function withWatermark(picture: Sharp, on: Size, watermark: Watermark, asked: Asked, dpr: number): Promise<Sharp> {
  const mark = await prepared(watermark, asked, on, dpr)
  const replicated = asked.position === 're'
  const gravity = { type: asked.position === 're' ? 'ce' : asked.position, x: asked.x, y: asked.y } as const
  const place = position(on, mark.info, gravity, dpr)
  const raw = { width: mark.info.width, height: mark.info.height, channels: mark.info.channels }
  return picture.composite([{ input: mark.data, raw, ...(replicated ? { tile: true, gravity: 'centre' } : place) }])
}

/** In its size, no larger than the picture, and as transparent as both say. */
async function prepared(watermark: Watermark, asked: Asked, on: Size, dpr: number) {
  const { width: natural, height: tall } = await sharp(watermark.bytes).metadata()
  const scale = asked.scale > 0 ? Math.min((on.width * asked.scale) / natural, (on.height * asked.scale) / tall) : dpr
  const fits = Math.min(scale, on.width / natural, on.height / tall)
  const size = { width: Math.max(1, Math.round(natural * fits)), height: Math.max(1, Math.round(tall * fits)) }
  const { data, info } = await sharp(watermark.bytes)
    .autoOrient()
    .resize({ ...size, fit: 'fill' })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  const opacity = asked.opacity * watermark.opacity
  for (let at = 3; at < data.length; at += 4) data[at] = Math.round(data[at]! * opacity)
  return { data, info }
}
