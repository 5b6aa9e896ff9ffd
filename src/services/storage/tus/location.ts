// Where an upload is found again: by the address that the client used, as proxies in front tell it, or by the configured one.
import type { IncomingHttpHeaders } from 'node:http'
import type { StorageConfig } from '../config.ts'
import { encodeId } from './upload-id.ts'

export interface LocationFacts {
  /** Of the request, or of `Forwarded` and `X-Forwarded-*`. */
  readonly proto: string
  readonly host: string
  /** TUS_URL_PATH. */
  readonly path: string
  readonly id: string
  readonly signed: boolean
  readonly headers: IncomingHttpHeaders
}

export function locationOf({ proto, host, path, id, signed, headers }: LocationFacts, config: StorageConfig): string {
  const prefix = prefixOf(headers, config)
  // TUS_URL_PATH may name the whole path already, as upstream's command line sets it.
  const base = path.startsWith(`${prefix}/`) ? path : prefix + path
  const full = `${base}${signed ? '/sign' : ''}/${encodeId(id)}`
  const { publicUrl } = config
  return publicUrl === undefined ? `${proto}://${withPort(host, headers)}${full}` : `${publicUrl.protocol}//${publicUrl.host}${full}`
}

/** What a proxy has taken off the path. */
function prefixOf(headers: IncomingHttpHeaders, { allowForwardedPath }: StorageConfig): string {
  const prefix = headers['x-forwarded-prefix']
  return allowForwardedPath && typeof prefix === 'string' ? prefix.replace(/\/+$/, '') : ''
}

/** The forwarded port takes the place of the host's own. */
function withPort(host: string, headers: IncomingHttpHeaders): string {
  const port = headers['x-forwarded-port']
  if (headers['x-forwarded-host'] === undefined || typeof port !== 'string' || !/^\d{1,5}$/.test(port) || port === '80' || port === '443')
    return host
  return `${host.replace(/:\d+$/, '')}:${port}`
}
