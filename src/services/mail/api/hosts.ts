// Which Host the page and the API answer to. A web page may have its own name resolve to this machine, and so read what listens on
// loopback as if it were of its own origin; the name it then sends gives it away.
import { isIP } from 'node:net'

// Names that no web page can be served under: reserved ones, and single labels such as `localhost` or a service's name.
const RESERVED = /^[^.]+\.?$|\.(?:localhost|local|internal|test|home\.arpa)\.?$/i
const LOOPBACK = /^(?:::1$|(?:::ffff:)?127\.)/i

/** `listed`: MP_ALLOWED_HOSTS. Without it only what comes in over loopback is looked at. `localAddress` is our end of the connection. */
export function answersTo(url: URL, listed: readonly string[] | undefined, localAddress: string | undefined): boolean {
  if (listed) return listed.some((host) => host === '*' || host === url.host || host === url.hostname)
  if (!LOOPBACK.test(localAddress ?? '')) return true
  return isIP(url.hostname.replace(/^\[(.*)\]$/, '$1')) !== 0 || RESERVED.test(url.hostname)
}
