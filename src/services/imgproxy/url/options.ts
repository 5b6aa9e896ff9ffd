// What a URL can ask for: the result of parsing it, before any picture has been seen.
import type { ImgproxyEnv } from '../env.ts'
import type { Format } from '../formats.ts'

export type ResizingType = 'fit' | 'fill' | 'fill-down' | 'force' | 'auto'
export type Direction = 'ce' | 'no' | 'so' | 'ea' | 'we' | 'noea' | 'nowe' | 'soea' | 'sowe'
export type GravityType = Direction | 'sm' | 'fp'

export interface Gravity {
  type: GravityType
  /** Pixels from the edge; of `fp` the share of the picture. */
  x: number
  y: number
}

export interface Colour {
  r: number
  g: number
  b: number
}

export interface ProcessingOptions {
  resizingType: ResizingType
  width: number
  height: number
  minWidth: number
  minHeight: number
  zoomWidth: number
  zoomHeight: number
  dpr: number
  gravity: Gravity
  enlarge: boolean
  extend: { enabled: boolean; gravity: Gravity }
  extendAspectRatio: { enabled: boolean; gravity: Gravity }
  /** A side below 1 is a share of the picture, 0 is all of it. */
  crop: { width: number; height: number; gravity: Gravity | undefined }
  padding: { top: number; right: number; bottom: number; left: number }
  trim: { threshold: number; colour: Colour | undefined; equalHorizontal: boolean; equalVertical: boolean } | undefined
  rotate: number
  flipHorizontal: boolean
  flipVertical: boolean
  format: Format | undefined
  /** 0: by the format. */
  quality: number
  formatQuality: Partial<Record<Format, number>>
  maxBytes: number
  flatten: boolean
  background: Colour
  blur: number
  sharpen: number
  pixelate: number
  watermark: { opacity: number; position: Direction | 're'; x: number; y: number; scale: number } | undefined
  stripMetadata: boolean
  keepCopyright: boolean
  stripColourProfile: boolean
  autoRotate: boolean
  skipProcessing: Format[]
  preferWebp: boolean
  enforceWebp: boolean
  preferAvif: boolean
  enforceAvif: boolean
  raw: boolean
  cacheBuster: string
  /** Seconds since 1970; 0 is never. */
  expires: number
  filename: string
  attachment: boolean
}

export function defaultOptions(env: ImgproxyEnv): ProcessingOptions {
  const centre = (): Gravity => ({ type: 'ce', x: 0, y: 0 })
  return {
    resizingType: 'fit',
    width: 0,
    height: 0,
    minWidth: 0,
    minHeight: 0,
    zoomWidth: 1,
    zoomHeight: 1,
    dpr: 1,
    gravity: centre(),
    enlarge: false,
    extend: { enabled: false, gravity: centre() },
    extendAspectRatio: { enabled: false, gravity: centre() },
    crop: { width: 0, height: 0, gravity: undefined },
    padding: { top: 0, right: 0, bottom: 0, left: 0 },
    trim: undefined,
    rotate: 0,
    flipHorizontal: false,
    flipVertical: false,
    format: undefined,
    quality: 0,
    formatQuality: { ...env.IMGPROXY_FORMAT_QUALITY },
    maxBytes: 0,
    flatten: false,
    background: { r: 255, g: 255, b: 255 },
    blur: 0,
    sharpen: 0,
    pixelate: 0,
    watermark: undefined,
    stripMetadata: env.IMGPROXY_STRIP_METADATA,
    keepCopyright: env.IMGPROXY_KEEP_COPYRIGHT,
    stripColourProfile: env.IMGPROXY_STRIP_COLOR_PROFILE,
    autoRotate: env.IMGPROXY_AUTO_ROTATE,
    skipProcessing: [...env.IMGPROXY_SKIP_PROCESSING_FORMATS],
    preferWebp: false,
    enforceWebp: false,
    preferAvif: false,
    enforceAvif: false,
    raw: false,
    cacheBuster: '',
    expires: 0,
    filename: '',
    attachment: env.IMGPROXY_RETURN_ATTACHMENT,
  }
}
