// Sends the client elsewhere. Upstream: `redirectScheme`, `redirectRegex`.
import { z } from 'zod'
import { flag } from '../config/types.ts'
import type { Flight } from '../flight.ts'
import { bareStatus, httpError } from '../go-http.ts'
import { GoRegExpError, goRegExp, replaceAllGo } from '../go-regexp.ts'
import { defineMiddleware, MiddlewareError, type Wrap } from './middleware.ts'

// Upstream: pkg/middlewares/redirect uriRegexp.
const URI = /^(https?):\/\/(\[[\w:.]+\]|[\w._-]+)?(:\d+)?(.*)$/

export const redirectRegex = defineMiddleware({
  name: 'redirectRegex',
  config: z.object({ regex: z.string().default(''), replacement: z.string().default(''), permanent: flag.default(false) }),
  build({ regex, replacement, permanent }) {
    let pattern: RegExp
    try {
      pattern = goRegExp(regex)
    } catch (error) {
      if (error instanceof GoRegExpError) throw new MiddlewareError(error.message)
      throw error
    }
    return redirect((flight) => urlOf(flight), pattern, replacement, permanent)
  },
})

export const redirectScheme = defineMiddleware({
  name: 'redirectScheme',
  config: z.object({ scheme: z.string().default(''), port: z.string().default(''), permanent: flag.default(false) }),
  build({ scheme, port, permanent }) {
    if (scheme === '') throw new MiddlewareError('you must provide a target scheme')
    return redirectToScheme(scheme, port, permanent)
  },
})

export function redirectToScheme(scheme: string, port: string, permanent: boolean): Wrap {
  const suffix = port === '' || (scheme === 'http' && port === '80') || (scheme === 'https' && port === '443') ? '' : `:${port}`
  return redirect(clientUrl, URI, `${scheme}://\${2}${suffix}\${4}`, permanent)
}

function redirect(urlFor: (flight: Flight) => string, pattern: RegExp, replacement: string, permanent: boolean): Wrap {
  return (next) => (flight, answer) => {
    const old = urlFor(flight)
    if (!pattern.test(old)) return next(flight, answer)
    const location = replaceAllGo(pattern, old, replacement)
    if (location === old) return next(flight, answer)
    // A header is one line.
    if (/[\x00-\x1f\x7f]/.test(location)) {
      httpError(answer, 500)
      return
    }
    const get = flight.method === 'GET'
    const status = permanent ? (get ? 301 : 308) : get ? 302 : 307
    bareStatus(answer, status, ['Location', location.replace(/[^\x21-\x7e]/g, encodeURIComponent)])
  }
}

/** As the request came, by the scheme of the connection. */
function urlOf({ secure, host, path, query }: Flight): string {
  return `${secure ? 'https' : 'http'}://${host}${path}${query}`
}

/** Upstream: clientRequestURL. A trusted X-Forwarded-Proto comes before the connection's own scheme. */
function clientUrl(flight: Flight): string {
  const told = flight.headers.get('x-forwarded-proto')?.toLowerCase()
  let scheme = flight.secure ? 'https' : 'http'
  if (told === 'http' || told === 'ws') scheme = 'http'
  else if (told === 'https' || told === 'wss') scheme = 'https'
  const [, host = '', port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(flight.host) ?? []
  const own = scheme === 'https' ? '443' : '80'
  return `${scheme}://${host}${port === '' || port === own ? '' : `:${port}`}${flight.path}${flight.query}`
}
