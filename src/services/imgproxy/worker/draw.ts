// The steps of one picture in upstream's order: turn, trim, crop, scale, cut, filters, border, background, watermark. Nothing is encoded here.
import sharp, { type Sharp } from 'sharp'
import type { Format } from '../formats.ts'
import { FORMATS } from '../formats.ts'
import type { Gravity, ProcessingOptions } from '../url/options.ts'
import { type Limits, type Plan, planFor, type Size } from './geometry.ts'
import type { Input } from './input.ts'
import { type Watermark, withWatermark } from './watermark.ts'

export interface Drawing {
  readonly picture: Sharp
  readonly size: Size
}

const CLEAR = { r: 0, g: 0, b: 0, alpha: 0 }

/** `frame` chooses one of an animation; without it a picture that moves is drawn with all its frames at once. */
export async function draw(
  input: Input,
  options: ProcessingOptions,
  format: Format,
  limits: Limits,
  watermark: Watermark | undefined,
  frame?: number,
): Promise<Drawing> {
  const turned = await turn(input, options, frame)
  const focused = { ...options, gravity: await focusOf(turned, options.gravity), crop: await cropFocus(turned, options) }
  const plan = planFor(turned.size, focused, input.format === 'svg', limits)
  const flat = options.flatten || !FORMATS[format].alpha
  let picture = geometry(turned.open(), turned.size, plan)
  if (options.pixelate * plan.dpr >= 2) picture = await pixelated(picture, Math.round(options.pixelate * plan.dpr))
  if (options.blur > 0) picture = picture.blur(within(options.blur * plan.dpr, 0.3, 1_000))
  if (options.sharpen > 0) picture = picture.sharpen({ sigma: within(options.sharpen * plan.dpr, 0.000_001, 10) })
  if (plan.border) {
    // The library would put the border around the picture before it is cut.
    picture = (await materialised(picture)).extend({ ...plan.border, background: flat ? { ...options.background, alpha: 1 } : CLEAR })
  }
  if (flat) picture = picture.flatten({ background: options.background })
  if (watermark && options.watermark)
    picture = await withWatermark(await materialised(picture), plan.result, watermark, options.watermark, plan.dpr)
  return { picture, size: plan.result }
}

/** Whether all frames of an animation can be drawn in one go: the library cannot turn, trim or find a focus in a stack of frames. */
export function drawsAllFrames(input: Input, options: ProcessingOptions): boolean {
  const turns = options.rotate !== 0 || options.flipHorizontal || options.flipVertical || (options.autoRotate && input.oriented)
  const looks = options.trim !== undefined || options.gravity.type === 'sm' || options.crop.gravity?.type === 'sm'
  const extra = options.watermark !== undefined || options.pixelate > 0 || hasBorder(options)
  return !turns && !looks && !extra
}

const hasBorder = ({ extend, extendAspectRatio, padding }: ProcessingOptions): boolean =>
  extend.enabled || extendAspectRatio.enabled || padding.top + padding.right + padding.bottom + padding.left > 0

const within = (value: number, least: number, most: number): number => Math.max(least, Math.min(value, most))

interface Turned {
  readonly size: Size
  open(): Sharp
}

async function turn(input: Input, options: ProcessingOptions, frame: number | undefined): Promise<Turned> {
  const upright = options.autoRotate ? input.turned : input.size
  const size = options.rotate % 180 === 0 ? upright : { width: upright.height, height: upright.width }
  const open = (): Sharp => {
    const picture = options.autoRotate ? input.open(frame).autoOrient() : input.open(frame)
    return options.rotate === 0 ? picture : picture.rotate(options.rotate)
  }
  const flips = options.flipHorizontal || options.flipVertical
  if (!flips && !options.trim) return { size, open }
  const solid = await pixelsOf(open().flop(options.flipHorizontal).flip(options.flipVertical))
  return options.trim ? trimmed(solid, options.trim) : solid
}

/** Cuts the border of one colour off; with equal sides no more than the smaller of both. */
async function trimmed(solid: Turned, trim: NonNullable<ProcessingOptions['trim']>): Promise<Turned> {
  const { width, height } = solid.size
  const background = trim.colour ? { background: { ...trim.colour, alpha: 1 } } : {}
  const found = await solid
    .open()
    .trim({ threshold: trim.threshold, ...background })
    .raw()
    .toBuffer({ resolveWithObject: true })
    // A picture of one colour alone stays as it is.
    .catch(() => undefined)
  if (!found) return solid
  let left = -(found.info.trimOffsetLeft ?? 0)
  let top = -(found.info.trimOffsetTop ?? 0)
  let right = width - left - found.info.width
  let bottom = height - top - found.info.height
  if (trim.equalHorizontal) left = right = Math.min(left, right)
  if (trim.equalVertical) top = bottom = Math.min(top, bottom)
  return pixelsOf(solid.open().extract({ left, top, width: width - left - right, height: height - top - bottom }))
}

function geometry(picture: Sharp, from: Size, { crop, scaled, cut }: Plan): Sharp {
  const before = crop ?? from
  let result = crop ? picture.extract(crop) : picture
  if (scaled.width !== before.width || scaled.height !== before.height) result = result.resize({ ...scaled, fit: 'fill' })
  return cut ? result.extract(cut) : result
}

/** The most interesting point stands in for `sm`. */
async function focusOf(turned: Turned, gravity: Gravity): Promise<Gravity> {
  if (gravity.type !== 'sm') return gravity
  const { width, height } = turned.size
  // The library looks for the point only where it has to cut.
  const box = width >= height ? { width: 32, height: 64 } : { width: 64, height: 32 }
  const { info } = await turned
    .open()
    .resize({ ...box, fit: 'cover', position: sharp.strategy.attention })
    .raw()
    .toBuffer({ resolveWithObject: true })
  const share = (at: number | undefined, whole: number): number => within((at ?? whole / 2) / whole, 0, 1)
  return { type: 'fp', x: share(info.attentionX, width), y: share(info.attentionY, height) }
}

async function cropFocus(turned: Turned, { crop, gravity }: ProcessingOptions): Promise<ProcessingOptions['crop']> {
  if (crop.width === 0 && crop.height === 0) return crop
  return { ...crop, gravity: await focusOf(turned, crop.gravity ?? gravity) }
}

async function pixelated(picture: Sharp, block: number): Promise<Sharp> {
  const solid = await pixelsOf(picture)
  const { width, height } = solid.size
  const blocks = { width: Math.ceil(width / block), height: Math.ceil(height / block) }
  const right = blocks.width * block - width
  const bottom = blocks.height * block - height
  const whole = await pixelsOf(right + bottom > 0 ? solid.open().extend({ right, bottom, extendWith: 'copy' }) : solid.open())
  const small = await pixelsOf(whole.open().resize({ ...blocks, fit: 'fill', kernel: 'linear' }))
  const large = await pixelsOf(
    small.open().resize({ width: blocks.width * block, height: blocks.height * block, fit: 'fill', kernel: 'nearest' }),
  )
  return large.open().extract({ left: 0, top: 0, width, height })
}

/** The steps so far are taken; those to come begin with their pixels. */
export const materialised = async (picture: Sharp): Promise<Sharp> => (await pixelsOf(picture)).open()

async function pixelsOf(picture: Sharp): Promise<Turned> {
  const { data, info } = await picture.toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
  const raw = { width: info.width, height: info.height, channels: info.channels }
  return { size: { width: info.width, height: info.height }, open: () => sharp(data, { raw, limitInputPixels: false }) }
}
