// One server of a load balancer.
import type { ServerTarget } from '../forward.ts'

export interface Server {
  readonly target: ServerTarget
  readonly weight: number
  /** By the health check; true where there is none. */
  up: boolean
}

/** Throws Error for a URL that cannot be asked. */
export function targetOf(url: string, preservePath: boolean): ServerTarget {
  if (!URL.canParse(url)) throw new Error(`error parsing server URL ${url}`)
  const parsed = new URL(url)
  const scheme = parsed.protocol === 'https:' ? 'https' : parsed.protocol === 'http:' || parsed.protocol === 'h2c:' ? 'http' : undefined
  if (!scheme) throw new Error(`unsupported protocol scheme ${parsed.protocol.slice(0, -1)}`)
  return {
    url,
    scheme,
    host: parsed.hostname,
    port: Number(parsed.port) || (scheme === 'https' ? 443 : 80),
    authority: parsed.host,
    basePath: preservePath ? parsed.pathname.replace(/\/$/, '') : '',
  }
}
