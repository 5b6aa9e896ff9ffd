// What of a request is hashed to choose its target. Reference: Kong, hash_on and hash_fallback of an upstream.
import { randomUUID } from 'node:crypto'
import type { Exchange } from '../exchange.ts'

export interface HashRule {
  readonly on: 'none' | 'consumer' | 'ip' | 'header' | 'cookie' | 'path' | 'query_arg' | 'uri_capture'
  /** Of the header, parameter or capture. */
  readonly name?: string | undefined
}

export interface HashSettings {
  readonly rule: HashRule
  readonly fallback: HashRule
  readonly cookie: string | undefined
  readonly cookiePath: string
}

/** Undefined when the request has nothing to hash: it goes where its turn comes. */
export function hashInput(exchange: Exchange, settings: HashSettings): string | undefined {
  return readInput(exchange, settings.rule, settings) ?? readInput(exchange, settings.fallback, settings)
}

function readInput(exchange: Exchange, { on, name = '' }: HashRule, settings: HashSettings): string | undefined {
  switch (on) {
    case 'consumer':
      return exchange.consumer?.id ?? exchange.credentialId
    case 'ip':
      return exchange.client.address
    case 'header':
      return exchange.headers.has(name.toLowerCase()) ? exchange.headers.all(name.toLowerCase()).join(', ') : undefined
    case 'cookie':
      return cookieValue(exchange, settings)
    case 'path':
      return exchange.target.path
    case 'query_arg': {
      const values = exchange.query.all(name)
      return values.length === 0 ? undefined : values.map((value) => value ?? '').join(',')
    }
    case 'uri_capture':
      return exchange.captures?.[name]
    default:
      return undefined
  }
}

/** The cookie that ties a client to its target; a client without one is given one with its answer. */
function cookieValue(exchange: Exchange, { cookie = '', cookiePath }: HashSettings): string {
  for (const line of exchange.headers.all('cookie'))
    for (const part of line.split(';')) {
      const equals = part.indexOf('=')
      if (equals > 0 && part.slice(0, equals).trim() === cookie && part.length > equals + 1) return part.slice(equals + 1).trim()
    }
  const made = randomUUID()
  exchange.stickyCookie = `${cookie}=${made}; Path=${cookiePath}; SameSite=Lax; HttpOnly`
  return made
}
