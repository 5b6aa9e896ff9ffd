// What the process of the image library is told when it starts: the part of the environment that it needs, as plain data.
import type { ImgproxyEnv } from '../env.ts'
import type { Format } from '../formats.ts'

/** Where IMGPROXY_MAX_SRC_FILE_SIZE sets no bound. */
const LARGEST_SOURCE = 256 * 1024 * 1024

export interface WorkerSettings {
  readonly workers: number
  readonly downloadTimeoutMs: number
  readonly keepAliveMs: number
  readonly maxPixels: number
  readonly maxFramePixels: number
  readonly maxBytes: number
  readonly maxFrames: number
  readonly maxSvgCheckBytes: number
  readonly maxRedirects: number
  readonly maxResultSide: number
  readonly quality: number
  readonly avifSpeed: number
  readonly jpegProgressive: boolean
  readonly pngInterlaced: boolean
  readonly pngQuantize: boolean
  readonly pngColours: number
  readonly sanitizeSvg: boolean
  readonly preferredFormats: readonly Format[]
  readonly userAgent: string
  readonly ignoreCertificates: boolean
  readonly allowedSources: readonly string[] | undefined
  readonly addresses: { readonly loopback: boolean; readonly linkLocal: boolean; readonly private: boolean }
  readonly localRoot: string | undefined
  readonly s3: S3Settings | undefined
  readonly watermark: AuxiliaryImage | undefined
  readonly watermarkOpacity: number
  readonly fallback: AuxiliaryImage | undefined
}

export interface S3Settings {
  readonly region: string
  readonly endpoint: string | undefined
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string } | undefined
}

/** A picture of the configuration. */
export type AuxiliaryImage = { readonly data: string } | { readonly path: string } | { readonly url: string }

export function workerSettings(env: ImgproxyEnv, workers: number): WorkerSettings {
  return {
    workers,
    downloadTimeoutMs: Math.ceil(env.IMGPROXY_DOWNLOAD_TIMEOUT * 1_000),
    keepAliveMs: Math.ceil(env.IMGPROXY_KEEP_ALIVE_TIMEOUT * 1_000),
    maxPixels: Math.round(env.IMGPROXY_MAX_SRC_RESOLUTION * 1_000_000),
    maxFramePixels: Math.round(env.IMGPROXY_MAX_ANIMATION_FRAME_RESOLUTION * 1_000_000),
    maxBytes: env.IMGPROXY_MAX_SRC_FILE_SIZE || LARGEST_SOURCE,
    maxFrames: env.IMGPROXY_MAX_ANIMATION_FRAMES,
    maxSvgCheckBytes: env.IMGPROXY_MAX_SVG_CHECK_BYTES,
    maxRedirects: env.IMGPROXY_MAX_REDIRECTS,
    maxResultSide: env.IMGPROXY_MAX_RESULT_DIMENSION,
    quality: env.IMGPROXY_QUALITY,
    avifSpeed: env.IMGPROXY_AVIF_SPEED,
    jpegProgressive: env.IMGPROXY_JPEG_PROGRESSIVE,
    pngInterlaced: env.IMGPROXY_PNG_INTERLACED,
    pngQuantize: env.IMGPROXY_PNG_QUANTIZE,
    pngColours: env.IMGPROXY_PNG_QUANTIZATION_COLORS,
    sanitizeSvg: env.IMGPROXY_SANITIZE_SVG,
    preferredFormats: env.IMGPROXY_PREFERRED_FORMATS,
    userAgent: env.IMGPROXY_USER_AGENT,
    ignoreCertificates: env.IMGPROXY_IGNORE_SSL_VERIFICATION,
    allowedSources: env.IMGPROXY_ALLOWED_SOURCES,
    addresses: {
      loopback: env.IMGPROXY_ALLOW_LOOPBACK_SOURCE_ADDRESSES,
      linkLocal: env.IMGPROXY_ALLOW_LINK_LOCAL_SOURCE_ADDRESSES,
      private: env.IMGPROXY_ALLOW_PRIVATE_SOURCE_ADDRESSES,
    },
    localRoot: env.IMGPROXY_LOCAL_FILESYSTEM_ROOT,
    s3: env.IMGPROXY_USE_S3 ? s3Settings(env) : undefined,
    watermark: auxiliary(env.IMGPROXY_WATERMARK_DATA, env.IMGPROXY_WATERMARK_PATH, env.IMGPROXY_WATERMARK_URL),
    watermarkOpacity: env.IMGPROXY_WATERMARK_OPACITY,
    fallback: auxiliary(env.IMGPROXY_FALLBACK_IMAGE_DATA, env.IMGPROXY_FALLBACK_IMAGE_PATH, env.IMGPROXY_FALLBACK_IMAGE_URL),
  }
}

function s3Settings(env: ImgproxyEnv): S3Settings {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = env
  return {
    region: env.IMGPROXY_S3_REGION,
    endpoint: env.IMGPROXY_S3_ENDPOINT,
    credentials: accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } : undefined,
  }
}

function auxiliary(data: string | undefined, path: string | undefined, url: string | undefined): AuxiliaryImage | undefined {
  if (data !== undefined) return { data }
  if (path !== undefined) return { path }
  return url === undefined ? undefined : { url }
}
