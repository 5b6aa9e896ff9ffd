// The cookie that keeps a client at one server or service.
import { createHash } from 'node:crypto'
import { type Answer, HeadAnswer } from '../answer.ts'
import type { CookieConfig } from '../config/dynamic.ts'
import type { Flight } from '../flight.ts'

export class Sticky<Value> {
  readonly #cookie: CookieConfig
  readonly #name: string
  readonly #byHash = new Map<string, Value>()

  /** `serviceName` names the cookie where the configuration does not. */
  constructor(cookie: CookieConfig, serviceName: string) {
    this.#cookie = cookie
    this.#name = cookie.name
      ? cookie.name.replace(/[^a-zA-Z0-9!#$%&'*+\-.^_`|~]/g, '_')
      : `_${sha1(`_TRAEFIK_BACKEND_${serviceName}`)}`.slice(0, 6)
  }

  add(key: string, value: Value): void {
    this.#byHash.set(hashOf(key), value)
  }

  /** Whom the client's cookie names. */
  find(flight: Flight): Value | undefined {
    const value = cookieOf(flight, this.#name)
    return value === undefined ? undefined : this.#byHash.get(value)
  }

  /** The answer with the cookie for `key`. */
  mark(answer: Answer, key: string): Answer {
    const { path, domain, maxAge, httpOnly, secure, sameSite } = this.#cookie
    const parts = [`${this.#name}=${hashOf(key)}`, `Path=${path}`]
    if (domain) parts.push(`Domain=${domain.replace(/^\./, '')}`)
    if (maxAge !== 0) parts.push(`Max-Age=${Math.max(maxAge, 0)}`)
    if (httpOnly) parts.push('HttpOnly')
    if (secure) parts.push('Secure')
    const site = { none: 'None', lax: 'Lax', strict: 'Strict' }[sameSite?.toLowerCase() ?? '']
    if (site) parts.push(`SameSite=${site}`)
    const line = parts.join('; ')
    return new HeadAnswer(answer, (headers) => headers.append('Set-Cookie', line))
  }
}

const sha1 = (text: string) => createHash('sha1').update(text).digest('hex')
/** Upstream's: the beginning of the SHA-256 of a server's URL or a service's name. */
const hashOf = (key: string) => createHash('sha256').update(key).digest('hex').slice(0, 16)

function cookieOf(flight: Flight, name: string): string | undefined {
  for (const line of flight.headerValues('cookie'))
    for (const pair of line.split(';')) {
      const equals = pair.indexOf('=')
      if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
    }
  return undefined
}
