// The table of options: long and short names to what each changes. Upstream's names, numbers of arguments and bounds.

import { ImgproxyError } from '../errors.ts'
import type { Format } from '../formats.ts'
import { formatNamed } from '../formats.ts'
import { aboveZero, decimal, flag, gravity, hexColour, isDirection, refuse, whole } from './arguments.ts'
import type { ProcessingOptions, ResizingType } from './options.ts'

type Apply = (options: ProcessingOptions, args: readonly string[]) => void
interface Option {
  readonly most: number
  readonly apply: Apply
}

const RESIZING_TYPES: ReadonlySet<string> = new Set(['fit', 'fill', 'fill-down', 'force', 'auto'])
export const isResizingType = (arg: string): arg is ResizingType => RESIZING_TYPES.has(arg)

function format(name: string, arg: string): Format {
  const known = formatNamed(arg)
  if (known === undefined) throw refuse(`invalid ${name}: ${arg}`)
  return known
}

function resizingType(options: ProcessingOptions, arg: string): void {
  if (!isResizingType(arg)) throw refuse(`invalid resizing type: ${arg}`)
  options.resizingType = arg
}

function extend(name: string, [enabled = '', ...rest]: readonly string[]): ProcessingOptions['extend'] {
  return { enabled: flag(enabled), gravity: rest.length > 0 ? gravity(name, rest, 'extend') : { type: 'ce', x: 0, y: 0 } }
}

function size(options: ProcessingOptions, [width, height, enlarge, ...rest]: readonly string[]): void {
  if (width) options.width = whole('width', width)
  if (height) options.height = whole('height', height)
  if (enlarge) options.enlarge = flag(enlarge)
  if (rest[0]) options.extend = extend('extend', rest)
}

function padding(options: ProcessingOptions, [top, right, bottom, left]: readonly string[]): void {
  if (top) {
    const all = whole('padding', top)
    options.padding = { top: all, right: all, bottom: all, left: all }
  }
  if (right) {
    options.padding.right = whole('padding', right)
    options.padding.left = options.padding.right
  }
  if (bottom) options.padding.bottom = whole('padding', bottom)
  if (left) options.padding.left = whole('padding', left)
}

function background(options: ProcessingOptions, args: readonly string[]): void {
  if (args.length === 1 && args[0] === '') {
    options.flatten = false
    return
  }
  if (args.length !== 1 && args.length !== 3) throw refuse('background takes a hexadecimal colour, or red, green and blue')
  options.flatten = true
  if (args.length === 1) options.background = hexColour('background', args[0]!)
  else {
    const [r, g, b] = args.map((arg) => whole('background', arg, 0, 255))
    options.background = { r: r!, g: g!, b: b! }
  }
}

function watermark(options: ProcessingOptions, [opacity = '', position, x, y, scale]: readonly string[]): void {
  const share = decimal('watermark opacity', opacity, 0, 1)
  const where = position || 'ce'
  if (where !== 're' && !isDirection(where)) throw refuse(`invalid watermark position: ${position}`)
  const asked: ProcessingOptions['watermark'] = {
    opacity: share,
    position: where,
    x: x ? decimal('watermark offset', x) : 0,
    y: y ? decimal('watermark offset', y) : 0,
    scale: scale ? decimal('watermark scale', scale, 0) : 0,
  }
  options.watermark = share > 0 ? asked : undefined
}

function filename(options: ProcessingOptions, [name = '', encoded]: readonly string[]): void {
  options.filename = encoded !== undefined && flag(encoded) ? Buffer.from(name, 'base64url').toString() : decoded(name)
}

/** Percent signs that encode nothing stay as they are. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

function expires(options: ProcessingOptions, arg: string): void {
  options.expires = whole('expires', arg, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
  if (options.expires > 0 && options.expires * 1_000 < Date.now()) throw new ImgproxyError('expired_url', 'the URL has expired')
}

function formatQuality(options: ProcessingOptions, args: readonly string[]): void {
  if (args.length % 2 !== 0) throw refuse('format_quality takes pairs of a format and a quality')
  for (let i = 0; i < args.length; i += 2) options.formatQuality[format('format', args[i]!)] = whole('quality', args[i + 1]!, 0, 100)
}

const one = (apply: (options: ProcessingOptions, arg: string) => void): Option => ({
  most: 1,
  apply: (options, [arg]) => apply(options, arg!),
})
const many = (most: number, apply: Apply): Option => ({ most, apply })
/** Upstream sets no number; a URL of several kilobytes holds many. */
const ANY = 1_000

const TABLE: readonly (readonly [names: string, option: Option])[] = [
  [
    'resize rs',
    many(8, (o, [type, ...rest]) => {
      if (type) resizingType(o, type)
      size(o, rest)
    }),
  ],
  ['size s', many(7, size)],
  ['resizing_type rt', one(resizingType)],
  [
    'width w',
    one((o, arg) => {
      o.width = whole('width', arg)
    }),
  ],
  [
    'height h',
    one((o, arg) => {
      o.height = whole('height', arg)
    }),
  ],
  [
    'min-width mw',
    one((o, arg) => {
      o.minWidth = whole('min-width', arg)
    }),
  ],
  [
    'min-height mh',
    one((o, arg) => {
      o.minHeight = whole('min-height', arg)
    }),
  ],
  [
    'zoom z',
    many(2, (o, [x, y]) => {
      o.zoomWidth = aboveZero('zoom', x!)
      o.zoomHeight = y === undefined ? o.zoomWidth : aboveZero('zoom', y)
    }),
  ],
  [
    'dpr',
    one((o, arg) => {
      o.dpr = aboveZero('dpr', arg)
    }),
  ],
  [
    'enlarge el',
    one((o, arg) => {
      o.enlarge = flag(arg)
    }),
  ],
  [
    'extend ex',
    many(4, (o, args) => {
      o.extend = extend('extend', args)
    }),
  ],
  [
    'extend_aspect_ratio extend_ar exar',
    many(4, (o, args) => {
      o.extendAspectRatio = extend('extend_aspect_ratio', args)
    }),
  ],
  [
    'gravity g',
    many(3, (o, args) => {
      o.gravity = gravity('gravity', args, 'crop')
    }),
  ],
  [
    'crop c',
    many(5, (o, [width, height, ...rest]) => {
      o.crop.width = decimal('crop width', width!, 0)
      if (height !== undefined) o.crop.height = decimal('crop height', height, 0)
      if (rest.length > 0) o.crop.gravity = gravity('crop gravity', rest, 'crop')
    }),
  ],
  [
    'trim t',
    many(4, (o, [threshold, colour, horizontal, vertical]) => {
      o.trim = {
        threshold: decimal('trim threshold', threshold!, 0),
        colour: colour ? hexColour('trim colour', colour) : undefined,
        equalHorizontal: flag(horizontal ?? ''),
        equalVertical: flag(vertical ?? ''),
      }
    }),
  ],
  ['padding pd', many(4, padding)],
  [
    'auto_rotate ar',
    one((o, arg) => {
      o.autoRotate = flag(arg)
    }),
  ],
  [
    'rotate rot',
    one((o, arg) => {
      const angle = whole('rotation', arg, -36_000, 36_000)
      if (angle % 90 !== 0) throw refuse(`invalid rotation: ${arg}`)
      o.rotate = ((angle % 360) + 360) % 360
    }),
  ],
  [
    'flip fl',
    many(2, (o, [horizontal, vertical]) => {
      if (horizontal) o.flipHorizontal = flag(horizontal)
      if (vertical) o.flipVertical = flag(vertical)
    }),
  ],
  ['background bg', many(3, background)],
  [
    'blur bl',
    one((o, arg) => {
      o.blur = decimal('blur', arg, 0)
    }),
  ],
  [
    'sharpen sh',
    one((o, arg) => {
      o.sharpen = decimal('sharpen', arg, 0)
    }),
  ],
  [
    'pixelate pix',
    one((o, arg) => {
      o.pixelate = whole('pixelate', arg)
    }),
  ],
  ['watermark wm', many(7, watermark)],
  [
    'quality q',
    one((o, arg) => {
      o.quality = whole('quality', arg, 0, 100)
    }),
  ],
  ['format_quality fq', many(ANY, formatQuality)],
  [
    'max_bytes mb',
    one((o, arg) => {
      o.maxBytes = whole('max_bytes', arg)
    }),
  ],
  [
    'format f ext',
    one((o, arg) => {
      o.format = format('format', arg)
    }),
  ],
  [
    'strip_metadata sm',
    one((o, arg) => {
      o.stripMetadata = flag(arg)
    }),
  ],
  [
    'keep_copyright kcr',
    one((o, arg) => {
      o.keepCopyright = flag(arg)
    }),
  ],
  [
    'strip_color_profile scp',
    one((o, arg) => {
      o.stripColourProfile = flag(arg)
    }),
  ],
  // Thumbnails lie in HEIC alone, which is read whole here or not at all.
  ['enforce_thumbnail eth', one(() => {})],
  ['skip_processing skp', many(ANY, (o, args) => void o.skipProcessing.push(...args.map((arg) => format('format', arg))))],
  [
    'raw',
    one((o, arg) => {
      o.raw = flag(arg)
    }),
  ],
  [
    'cachebuster cb',
    one((o, arg) => {
      o.cacheBuster = arg
    }),
  ],
  ['expires exp', one(expires)],
  ['filename fn', many(2, filename)],
  [
    'return_attachment att',
    one((o, arg) => {
      o.attachment = flag(arg)
    }),
  ],
]
const OPTIONS: ReadonlyMap<string, Option> = new Map(
  TABLE.flatMap(([names, option]) => names.split(' ').map((name) => [name, option] as const)),
)

/** Throws `Invalid URL` for an unknown option, and for arguments that are too many or wrong. */
export function applyOption(options: ProcessingOptions, name: string, args: readonly string[]): void {
  const option = OPTIONS.get(name)
  if (!option) throw refuse(`unknown option ${name}`)
  if (args.length === 0 || args.length > option.most) throw refuse(`invalid arguments of ${name}: ${args.join(':')}`)
  option.apply(options, args)
}
