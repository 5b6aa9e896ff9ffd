// Variables of the upstream image (imgproxy 3), by their upstream names; where a newer name exists, either is read.
import { z } from 'zod'
import { bool, count, list, number, oneOf, secret, text, url } from '../../env/types.ts'
import { FORMATS, type Format, formatNamed } from './formats.ts'

export interface BindAddress {
  readonly host: string
  readonly port: number
  /** With IMGPROXY_NETWORK=unix the text is the path of a socket. */
  readonly path: string
}

const bindAddress = z.string().transform((value, ctx): BindAddress => {
  const bound = value.trim()
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(bound)
  const port = Number(match?.[3])
  if (match && port <= 65_535) return { host: match[1] ?? (match[2] || '::'), port, path: bound }
  if (bound.startsWith('/')) return { host: '::', port: 0, path: bound }
  ctx.addIssue({ code: 'custom', message: 'an address and a port such as :8080 or 127.0.0.1:8080' })
  return z.NEVER
})

const seconds = number.refine((value) => value > 0 && value <= 86_400, { error: () => 'a number of seconds' })
const megapixels = number.refine((value) => value > 0 && value <= 10_000, { error: () => 'a number of megapixels' })
const positive = count.refine((value) => value > 0, { error: () => 'a whole number above zero' })
const percent = count.refine((value) => value >= 1 && value <= 100, { error: () => 'a whole number from 1 to 100' })

const hexKeys = z.string().transform((value, ctx): readonly Buffer[] => {
  const keys = value.split(',').map((one) => one.trim())
  if (keys.every((one) => /^([0-9a-f]{2})+$/i.test(one))) return keys.map((one) => Buffer.from(one, 'hex'))
  ctx.addIssue({ code: 'custom', message: 'hexadecimal bytes, several separated by commas' })
  return z.NEVER
})

const formats = z.string().transform((value, ctx): readonly Format[] => {
  const named = value
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map(formatNamed)
  if (named.every((one) => one !== undefined)) return named
  ctx.addIssue({ code: 'custom', message: `a comma separated list of ${Object.keys(FORMATS).join(', ')}` })
  return z.NEVER
})

const qualities = z.string().transform((value, ctx): Readonly<Partial<Record<Format, number>>> => {
  const result: Partial<Record<Format, number>> = {}
  for (const pair of value.split(',').filter((one) => one.trim() !== '')) {
    const match = /^\s*([a-z]+)=(\d{1,3})\s*$/.exec(pair)
    const format = match ? formatNamed(match[1]!) : undefined
    const quality = Number(match?.[2])
    if (format === undefined || quality < 1 || quality > 100) {
      ctx.addIssue({ code: 'custom', message: 'formats and their qualities such as jpeg=80,avif=62' })
      return z.NEVER
    }
    result[format] = quality
  }
  return result
})

/** Names to their options as a URL writes them. */
const presets = z.string().transform((value, ctx): ReadonlyMap<string, string> => {
  const result = new Map<string, string>()
  for (const one of value.split(',').filter((part) => part.trim() !== '')) {
    const at = one.indexOf('=')
    if (at < 1) {
      ctx.addIssue({ code: 'custom', message: 'presets such as default=width:3000/height:8192' })
      return z.NEVER
    }
    result.set(one.slice(0, at).trim(), one.slice(at + 1).trim())
  }
  return result
})

const webPath = z.string().transform((value) => `/${value}`.replace(/\/{2,}/g, '/').replace(/\/+$/, ''))
const DEFAULT_FORMATS: readonly Format[] = ['jpeg', 'png', 'gif', 'webp', 'avif', 'ico']

export const imgproxyEnv = z.object({
  /** Where `plinth serve imgproxy` listens. */
  IMGPROXY_BIND: bindAddress.default({ host: '::', port: 8080, path: ':8080' }),
  /** `unix`: IMGPROXY_BIND is the path of a socket. */
  IMGPROXY_NETWORK: oneOf('tcp', 'tcp4', 'tcp6', 'unix').default('tcp'),
  /** Several processes may listen on the port at once. */
  IMGPROXY_SO_REUSEPORT: bool.default(false),
  /** Upstream's bound on reading a request; here the server's own bound on headers stands. */
  IMGPROXY_READ_TIMEOUT: seconds.default(10),
  /** Seconds that a request may take in all. */
  IMGPROXY_WRITE_TIMEOUT: seconds.default(10),
  /** Newer name of IMGPROXY_WRITE_TIMEOUT. */
  IMGPROXY_TIMEOUT: seconds.optional(),
  /** Seconds that a connection to a source is kept for the next one. */
  IMGPROXY_KEEP_ALIVE_TIMEOUT: seconds.default(10),
  /** Seconds that reading a source may take. */
  IMGPROXY_DOWNLOAD_TIMEOUT: seconds.default(5),
  /** Images that are worked on at once; twice the number of cores when unset. */
  IMGPROXY_CONCURRENCY: positive.optional(),
  /** Newer name of IMGPROXY_CONCURRENCY. */
  IMGPROXY_WORKERS: positive.optional(),
  /** Requests in flight at most. */
  IMGPROXY_MAX_CLIENTS: positive.default(2_048),
  /** Requests that wait for their turn at most; 0 leaves IMGPROXY_MAX_CLIENTS as the bound. */
  IMGPROXY_REQUESTS_QUEUE_SIZE: count.default(0),
  /** Seconds that an answer may be cached. */
  IMGPROXY_TTL: count.default(31_536_000),
  /** The source's own Cache-Control or Expires goes out in the place of IMGPROXY_TTL. */
  IMGPROXY_CACHE_CONTROL_PASSTHROUGH: bool.default(false),
  /** Path before the signature. */
  IMGPROXY_PATH_PREFIX: webPath.default(''),
  /** A second path of the health check. */
  IMGPROXY_HEALTH_CHECK_PATH: webPath.default(''),
  /** What sources see as User-Agent. */
  IMGPROXY_USER_AGENT: text.default('imgproxy/3.8.0'),
  /** Certificates of sources are not checked. */
  IMGPROXY_IGNORE_SSL_VERIFICATION: bool.default(false),
  /** Hexadecimal keys of signatures, tried in order; without them signatures are not checked. */
  IMGPROXY_KEY: hexKeys.default([]),
  /** The salts that belong to IMGPROXY_KEY. */
  IMGPROXY_SALT: hexKeys.default([]),
  /** Bytes of a signature that count. */
  IMGPROXY_SIGNATURE_SIZE: count.refine((value) => value >= 1 && value <= 32, { error: () => 'a whole number from 1 to 32' }).default(32),
  /** Demanded as `Authorization: Bearer`. */
  IMGPROXY_SECRET: secret.optional(),
  /** Value of Access-Control-Allow-Origin. */
  IMGPROXY_ALLOW_ORIGIN: text.optional(),
  /** Errors say what happened. Not for production. */
  IMGPROXY_DEVELOPMENT_ERRORS_MODE: bool.default(false),
  /** Megapixels of a source at most, over all frames of an animation. */
  IMGPROXY_MAX_SRC_RESOLUTION: megapixels.default(16.8),
  /** Bytes of a source at most; 0 is Plinth's own bound of 256 MiB. */
  IMGPROXY_MAX_SRC_FILE_SIZE: count.default(0),
  /** Frames of an animation that are kept; 1 makes a still picture of it. */
  IMGPROXY_MAX_ANIMATION_FRAMES: positive.default(1),
  /** Megapixels of one frame at most, in the place of the bound over all of them. */
  IMGPROXY_MAX_ANIMATION_FRAME_RESOLUTION: number.default(0),
  /** Bytes at the beginning of a source within which an SVG shows itself. */
  IMGPROXY_MAX_SVG_CHECK_BYTES: positive.default(32_768),
  IMGPROXY_MAX_REDIRECTS: count.default(10),
  /** Longest side of a result; 0 leaves what the format can hold. */
  IMGPROXY_MAX_RESULT_DIMENSION: count.default(0),
  /** Quality where neither the URL nor IMGPROXY_FORMAT_QUALITY says one. */
  IMGPROXY_QUALITY: percent.default(80),
  IMGPROXY_FORMAT_QUALITY: qualities.default({ avif: 50 }),
  /** From 0, slow and small, to 9. */
  IMGPROXY_AVIF_SPEED: count.refine((value) => value <= 9, { error: () => 'a whole number from 0 to 9' }).default(5),
  IMGPROXY_JPEG_PROGRESSIVE: bool.default(false),
  IMGPROXY_PNG_INTERLACED: bool.default(false),
  IMGPROXY_PNG_QUANTIZE: bool.default(false),
  IMGPROXY_PNG_QUANTIZATION_COLORS: count
    .refine((value) => value >= 2 && value <= 256, { error: () => 'a whole number from 2 to 256' })
    .default(256),
  IMGPROXY_STRIP_METADATA: bool.default(true),
  /** Copyright and artist survive IMGPROXY_STRIP_METADATA. */
  IMGPROXY_KEEP_COPYRIGHT: bool.default(true),
  IMGPROXY_STRIP_COLOR_PROFILE: bool.default(true),
  /** Pictures are turned as their EXIF orientation says. */
  IMGPROXY_AUTO_ROTATE: bool.default(true),
  /** Answers are downloads unless the URL says otherwise. */
  IMGPROXY_RETURN_ATTACHMENT: bool.default(false),
  IMGPROXY_SANITIZE_SVG: bool.default(true),
  /** Browsers that accept WebP get it where the URL asks for no format. */
  IMGPROXY_ENABLE_WEBP_DETECTION: bool.default(false),
  /** Newer name of IMGPROXY_ENABLE_WEBP_DETECTION. */
  IMGPROXY_AUTO_WEBP: bool.optional(),
  /** Browsers that accept WebP get it whatever the URL asks for. */
  IMGPROXY_ENFORCE_WEBP: bool.default(false),
  IMGPROXY_ENABLE_AVIF_DETECTION: bool.default(false),
  /** Newer name of IMGPROXY_ENABLE_AVIF_DETECTION. */
  IMGPROXY_AUTO_AVIF: bool.optional(),
  IMGPROXY_ENFORCE_AVIF: bool.default(false),
  /** `Width` and `DPR` of the request are taken where the URL says none. */
  IMGPROXY_ENABLE_CLIENT_HINTS: bool.default(false),
  /** Formats of results, the best one first; a source in another format becomes the first that holds what it holds. */
  IMGPROXY_PREFERRED_FORMATS: formats.default(DEFAULT_FORMATS),
  /** Sources of these formats pass as they are where no other format is asked for. */
  IMGPROXY_SKIP_PROCESSING_FORMATS: formats.default([]),
  /** Named options; `default` is applied to every request. */
  IMGPROXY_PRESETS: presets.default(new Map()),
  /** URLs name presets and no options. */
  IMGPROXY_ONLY_PRESETS: bool.default(false),
  /** Beginnings of sources that are allowed, `*` for anything but a slash; all when unset. */
  IMGPROXY_ALLOWED_SOURCES: list.optional(),
  /** Put before every source. */
  IMGPROXY_BASE_URL: text.default(''),
  /** Whether sources may lie on this machine's own addresses. As version 3.8 has it; newer ones say false. */
  IMGPROXY_ALLOW_LOOPBACK_SOURCE_ADDRESSES: bool.default(true),
  /** Whether sources may lie on link-local addresses, where clouds tell a machine its secrets. */
  IMGPROXY_ALLOW_LINK_LOCAL_SOURCE_ADDRESSES: bool.default(false),
  IMGPROXY_ALLOW_PRIVATE_SOURCE_ADDRESSES: bool.default(true),
  /** Folder of `local://` sources; there are none without it. */
  IMGPROXY_LOCAL_FILESYSTEM_ROOT: text.optional(),
  /** `s3://` sources, with the credentials of the AWS variables. */
  IMGPROXY_USE_S3: bool.default(false),
  IMGPROXY_S3_REGION: text.default('us-east-1'),
  IMGPROXY_S3_ENDPOINT: url.optional(),
  AWS_ACCESS_KEY_ID: text.optional(),
  AWS_SECRET_ACCESS_KEY: secret.optional(),
  AWS_SESSION_TOKEN: secret.optional(),
  /** Answers carry an ETag, and 304 spares the work. */
  IMGPROXY_USE_ETAG: bool.default(false),
  /** Changes every ETag. */
  IMGPROXY_ETAG_BUSTER: text.default(''),
  /** The source's Last-Modified goes out. */
  IMGPROXY_USE_LAST_MODIFIED: bool.default(false),
  /** Base64 of the picture that stands in for a source that cannot be read. */
  IMGPROXY_FALLBACK_IMAGE_DATA: text.optional(),
  IMGPROXY_FALLBACK_IMAGE_PATH: text.optional(),
  IMGPROXY_FALLBACK_IMAGE_URL: url.optional(),
  /** Status with the picture that stands in; 0 is the error's own. */
  IMGPROXY_FALLBACK_IMAGE_HTTP_CODE: count
    .refine((value) => value === 0 || (value >= 100 && value <= 599), { error: () => 'an HTTP status, or 0' })
    .default(200),
  /** Seconds that the picture that stands in may be cached; 0 is IMGPROXY_TTL. */
  IMGPROXY_FALLBACK_IMAGE_TTL: count.default(0),
  /** Base64 of the watermark that the option `watermark` puts on pictures. */
  IMGPROXY_WATERMARK_DATA: text.optional(),
  IMGPROXY_WATERMARK_PATH: text.optional(),
  IMGPROXY_WATERMARK_URL: url.optional(),
  /** From 0 to 1; what the URL says is taken of it. */
  IMGPROXY_WATERMARK_OPACITY: number.refine((value) => value >= 0 && value <= 1, { error: () => 'a number from 0 to 1' }).default(1),
  /** Where metrics for Prometheus are; they are off without it. */
  IMGPROXY_PROMETHEUS_BIND: bindAddress.optional(),
  /** Word before the names of metrics. */
  IMGPROXY_PROMETHEUS_NAMESPACE: text.default(''),
  /** Seconds without a picture after which the process of the image library ends; the next picture starts it again. */
  PLINTH_IMGPROXY_IDLE_TIMEOUT: seconds.default(60),
})
export type ImgproxyEnv = z.output<typeof imgproxyEnv>
