// What the request's headers say about the picture: formats that the browser reads, and its hints about sizes.
import type { IncomingHttpHeaders } from 'node:http'
import type { ImgproxyEnv } from '../env.ts'
import type { ProcessingOptions } from './options.ts'

export type Accepted = Pick<ProcessingOptions, 'preferWebp' | 'enforceWebp' | 'preferAvif' | 'enforceAvif'> &
  Partial<Pick<ProcessingOptions, 'dpr' | 'width'>>

const HIGHEST_DPR = 8

export function acceptedBy(headers: IncomingHttpHeaders, env: ImgproxyEnv): Accepted {
  const accept = headers.accept ?? ''
  const webp = accept.includes('image/webp')
  const avif = accept.includes('image/avif')
  const { autoWebp, autoAvif } = detection(env)
  return {
    preferWebp: webp && (autoWebp || env.IMGPROXY_ENFORCE_WEBP),
    enforceWebp: webp && env.IMGPROXY_ENFORCE_WEBP,
    preferAvif: avif && (autoAvif || env.IMGPROXY_ENFORCE_AVIF),
    enforceAvif: avif && env.IMGPROXY_ENFORCE_AVIF,
    ...(env.IMGPROXY_ENABLE_CLIENT_HINTS ? hints(headers) : {}),
  }
}

function hints(headers: IncomingHttpHeaders): Partial<Pick<ProcessingOptions, 'dpr' | 'width'>> {
  const dpr = Number(headers['sec-ch-dpr'] ?? headers['dpr'])
  const known = dpr > 0 && dpr <= HIGHEST_DPR
  const width = String(headers['sec-ch-width'] ?? headers['width'] ?? '')
  return {
    ...(known ? { dpr } : {}),
    ...(/^\d{1,6}$/.test(width) ? { width: Math.round(Number(width) / (known ? dpr : 1)) } : {}),
  }
}

const detection = (env: ImgproxyEnv): { autoWebp: boolean; autoAvif: boolean } => ({
  autoWebp: env.IMGPROXY_AUTO_WEBP ?? env.IMGPROXY_ENABLE_WEBP_DETECTION,
  autoAvif: env.IMGPROXY_AUTO_AVIF ?? env.IMGPROXY_ENABLE_AVIF_DETECTION,
})

/** The headers that an answer depends on. */
export function varyOf(env: ImgproxyEnv): string {
  const { autoWebp, autoAvif } = detection(env)
  const byAccept = autoWebp || autoAvif || env.IMGPROXY_ENFORCE_WEBP || env.IMGPROXY_ENFORCE_AVIF
  return [
    ...(byAccept ? ['Accept'] : []),
    ...(env.IMGPROXY_ENABLE_CLIENT_HINTS ? ['Sec-CH-DPR', 'DPR', 'Sec-CH-Width', 'Width'] : []),
  ].join(', ')
}
