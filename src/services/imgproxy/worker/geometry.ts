// From the size of a picture and what was asked to the sizes and regions of every step. Upstream's arithmetic; pure.
import type { Gravity, ProcessingOptions } from '../url/options.ts'

export interface Size {
  readonly width: number
  readonly height: number
}
export interface Region extends Size {
  readonly left: number
  readonly top: number
}
export interface Padding {
  readonly top: number
  readonly right: number
  readonly bottom: number
  readonly left: number
}

/** The steps of one picture, in the order in which they are taken. */
export interface Plan {
  /** Of the turned source. */
  readonly crop: Region | undefined
  readonly scaled: Size
  /** Of the scaled picture. */
  readonly cut: Region | undefined
  /** Around the cut picture: to the box or its proportion, and the padding. */
  readonly border: Padding | undefined
  readonly result: Size
  /** Device pixels for one pixel of the request. */
  readonly dpr: number
}

export interface Limits {
  readonly maxSide: number
  readonly maxPixels: number
}

/** `source` is turned already; a vector picture may grow. Results that would be too large become smaller in proportion. */
export function planFor(source: Size, options: ProcessingOptions, vector: boolean, limits: Limits): Plan {
  let shrink = 1
  let plan = planAt(source, options, vector, shrink)
  // Sides that cannot become smaller than a pixel change the proportion, so one step may fall short.
  for (let step = 0; step < MOST_STEPS; step++) {
    const { width, height } = plan.result
    const excess = Math.min(limits.maxSide / width, limits.maxSide / height, Math.sqrt(limits.maxPixels / (width * height)))
    if (excess >= 1) break
    shrink *= excess
    plan = planAt(source, options, vector, shrink)
  }
  return plan
}

const MOST_STEPS = 16

function planAt(source: Size, options: ProcessingOptions, vector: boolean, shrink: number): Plan {
  const crop = cropOf(source, options)
  const from = crop ?? source
  const scale = scaleOf(from, options, vector)
  const scaled = {
    width: Math.max(1, sized(from.width * scale.x * shrink, shrink)),
    height: Math.max(1, sized(from.height * scale.y * shrink, shrink)),
  }
  const dpr = options.dpr * shrink
  const side = (asked: number, zoom: number): number => (asked === 0 ? 0 : Math.max(1, sized(asked * dpr * zoom, shrink)))
  const box = { width: side(options.width, options.zoomWidth), height: side(options.height, options.zoomHeight) }
  const cutSize = cutOf(scaled, box, options.resizingType === 'fill-down')
  const whole = cutSize.width >= scaled.width && cutSize.height >= scaled.height
  const cut = whole ? undefined : { ...cutSize, ...position(scaled, cutSize, options.gravity, dpr) }
  const border = borderOf(cutSize, box, options, dpr)
  const result = border
    ? { width: cutSize.width + border.left + border.right, height: cutSize.height + border.top + border.bottom }
    : cutSize
  return { crop, scaled, cut, border, result, dpr }
}

/** What was made smaller to stay within a bound must not be rounded over it. */
const sized = (value: number, shrink: number): number => (shrink < 1 ? Math.floor(value) : Math.round(value))

function cropOf(source: Size, { crop, gravity }: ProcessingOptions): Region | undefined {
  const side = (whole: number, asked: number): number => {
    if (asked === 0) return whole
    return Math.min(whole, asked >= 1 ? Math.trunc(asked) : Math.max(1, Math.round(whole * asked)))
  }
  const size = { width: side(source.width, crop.width), height: side(source.height, crop.height) }
  if (size.width >= source.width && size.height >= source.height) return undefined
  return { ...size, ...position(source, size, crop.gravity ?? gravity, 1) }
}

/** By how much each side changes; without `enlarge` nothing grows, and the proportion that was asked for survives. */
export function scaleOf(source: Size, options: ProcessingOptions, vector: boolean): { x: number; y: number } {
  let { x, y } = shrinkOf(source, options)
  x /= options.dpr * options.zoomWidth
  y /= options.dpr * options.zoomHeight
  if (!options.enlarge && !vector) {
    if (x < 1) {
      y /= x
      x = 1
    }
    if (y < 1) {
      x /= y
      y = 1
    }
  }
  const leastX = options.minWidth > 0 ? source.width / options.minWidth : Number.POSITIVE_INFINITY
  if (leastX < x) {
    y /= x / leastX
    x = leastX
  }
  const leastY = options.minHeight > 0 ? source.height / options.minHeight : Number.POSITIVE_INFINITY
  if (leastY < y) {
    x /= y / leastY
    y = leastY
  }
  return { x: 1 / Math.min(x, source.width), y: 1 / Math.min(y, source.height) }
}

function shrinkOf(source: Size, options: ProcessingOptions): { x: number; y: number } {
  const target = { width: options.width || source.width, height: options.height || source.height }
  const x = source.width / target.width
  const y = source.height / target.height
  const type = options.resizingType === 'auto' ? autoType(source, target) : options.resizingType
  if (type === 'force' || (x === 1 && y === 1)) return { x, y }
  if (options.width === 0) return { x: y, y }
  if (options.height === 0) return { x, y: x }
  const both = type === 'fit' ? Math.max(x, y) : Math.min(x, y)
  return { x: both, y: both }
}

/** Fills where picture and box lie or stand alike. */
const autoType = (source: Size, target: Size): 'fill' | 'fit' =>
  source.width - source.height >= 0 === target.width - target.height >= 0 ? 'fill' : 'fit'

function cutOf(scaled: Size, box: Size, keepProportion: boolean): Size {
  let { width, height } = box
  if (keepProportion) {
    if (width > scaled.width) {
      height = height && Math.max(1, Math.round((height * scaled.width) / width))
      width = scaled.width
    }
    if (height > scaled.height) {
      width = width && Math.max(1, Math.round((width * scaled.height) / height))
      height = scaled.height
    }
  }
  return { width: Math.min(width || scaled.width, scaled.width), height: Math.min(height || scaled.height, scaled.height) }
}

function borderOf(picture: Size, box: Size, options: ProcessingOptions, dpr: number): Padding | undefined {
  const canvas = canvasOf(picture, box, options)
  const gravity = options.extend.enabled ? options.extend.gravity : options.extendAspectRatio.gravity
  const { left, top } = position(canvas, picture, gravity, dpr)
  const pad = (value: number): number => sized(value * dpr, Math.min(1, dpr))
  const border = {
    top: top + pad(options.padding.top),
    left: left + pad(options.padding.left),
    bottom: canvas.height - picture.height - top + pad(options.padding.bottom),
    right: canvas.width - picture.width - left + pad(options.padding.right),
  }
  return border.top + border.left + border.bottom + border.right === 0 ? undefined : border
}

function canvasOf(picture: Size, box: Size, options: ProcessingOptions): Size {
  if (options.extend.enabled) return { width: Math.max(picture.width, box.width), height: Math.max(picture.height, box.height) }
  if (!options.extendAspectRatio.enabled || box.width === 0 || box.height === 0) return picture
  const proportion = box.width / box.height
  return picture.width / picture.height < proportion
    ? { width: Math.max(picture.width, Math.round(picture.height * proportion)), height: picture.height }
    : { width: picture.width, height: Math.max(picture.height, Math.round(picture.width / proportion)) }
}

/** Where `inner` lies within `outer`. Offsets below 1 are shares, others pixels of the request. */
export function position(outer: Size, inner: Size, { type, x, y }: Gravity, dpr: number): { left: number; top: number } {
  const room = { x: outer.width - inner.width, y: outer.height - inner.height }
  const within = (value: number, most: number): number => Math.max(0, Math.min(value, most))
  if (type === 'fp') {
    const left = toEven(outer.width * x) - Math.trunc(inner.width / 2)
    const top = toEven(outer.height * y) - Math.trunc(inner.height / 2)
    return { left: within(left, room.x), top: within(top, room.y) }
  }
  const offsetX = Math.abs(x) >= 1 ? toEven(x * dpr) : toEven(outer.width * x)
  const offsetY = Math.abs(y) >= 1 ? toEven(y * dpr) : toEven(outer.height * y)
  let left = toEven((room.x + 1) / 2) + offsetX
  let top = toEven((room.y + 1) / 2) + offsetY
  if (type.startsWith('no')) top = offsetY
  if (type.startsWith('so')) top = room.y - offsetY
  if (type.endsWith('ea')) left = room.x - offsetX
  if (type.endsWith('we')) left = offsetX
  return { left: within(left, room.x), top: within(top, room.y) }
}

/** Halves go to the even neighbour. */
function toEven(value: number): number {
  const low = Math.floor(value)
  const rest = value - low
  if (rest < 0.5) return low
  if (rest > 0.5) return low + 1
  return low % 2 === 0 ? low : low + 1
}
