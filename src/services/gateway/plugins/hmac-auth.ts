// Knows a consumer by a signature over headers and, if asked, the body. Upstream: Kong's `hmac-auth`.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { readWholeBody } from '../body.ts'
import { byteString } from '../bytes.ts'
import { text } from '../config/fields.ts'
import type { HmacCredential } from '../consumers.ts'
import type { Exchange } from '../exchange.ts'
import { identify } from '../identity.ts'
import { definePlugin, PluginConfigError } from '../plugin.ts'

const ALGORITHMS = ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const
const FIELDS = /^\s*[Hh]mac\s+username="([^"]+)",\s*algorithm="([^"]+)",\s*headers="([^"]+)",\s*signature="([^"]+)"\s*$/

const CANNOT = 'HMAC signature cannot be verified'

interface Signed {
  readonly username: string
  readonly algorithm: string
  readonly names: readonly string[]
  readonly signature: Buffer
}

export const hmacAuth = definePlugin({
  name: 'hmac-auth',
  priority: 1000,
  takesConsumer: false,
  config: z.strictObject({
    hide_credentials: z.boolean().default(false),
    clock_skew: z
      .number({ error: () => 'expected a number' })
      .refine((value) => value > 0, { error: 'value must be greater than 0' })
      .default(300),
    anonymous: z.string().optional(),
    validate_request_body: z.boolean().default(false),
    enforce_headers: z.array(text).default([]),
    algorithms: z.array(z.enum(ALGORITHMS)).default([...ALGORITHMS]),
    realm: text.optional(),
  }),
  access: (config, { credentials, consumer }) => {
    const nobody = config.anonymous ? consumer(config.anonymous) : undefined
    if (config.anonymous && !nobody) throw new PluginConfigError(['anonymous'], `no consumer '${config.anonymous}'`)
    const algorithms: ReadonlySet<string> = new Set(config.algorithms)
    const enforced = config.enforce_headers.map((name) => name.toLowerCase())

    /** The credential, or why there is none. */
    const judge = async (exchange: Exchange): Promise<HmacCredential | string> => {
      const { headers } = exchange
      if (!headers.has('authorization') && !headers.has('proxy-authorization')) return 'Unauthorized'
      if (!isFresh(exchange, 'x-date', config.clock_skew) && !isFresh(exchange, 'date', config.clock_skew))
        return `${CANNOT}, a valid date or x-date header is required for HMAC Authentication`
      const signed = readSigned(exchange, config.hide_credentials)
      if (!signed || !algorithms.has(signed.algorithm)) return CANNOT
      if (enforced.some((name) => !signed.names.includes(name))) return CANNOT
      const credential = credentials.byHmacName(signed.username)
      if (!credential) return CANNOT
      const made = createHmac(signed.algorithm.slice('hmac-'.length), Buffer.from(byteString(credential.secret), 'latin1'))
        .update(signingText(exchange, signed.names), 'latin1')
        .digest()
      if (made.length !== signed.signature.length || !timingSafeEqual(made, signed.signature)) return 'HMAC signature does not match'
      if (config.validate_request_body && !(await hasItsDigest(exchange, signed.names))) return 'HMAC signature does not match'
      return credential
    }

    return async (exchange) => {
      if (nobody && exchange.credentialId !== undefined) return undefined
      const found = await judge(exchange)
      if (typeof found !== 'string') {
        identify(exchange, found.consumer, { id: found.username, username: found.username })
        return undefined
      }
      if (nobody) {
        identify(exchange, nobody, undefined)
        return undefined
      }
      return exchange.refuse(401, found, found === 'Unauthorized' ? CHALLENGE : [])
    }
  },
})

const CHALLENGE = [['WWW-Authenticate', 'hmac realm="kong"']] as const

function isFresh({ headers }: Exchange, key: string, skewSeconds: number): boolean {
  const at = Date.parse(headers.get(key) ?? '')
  return Number.isFinite(at) && Math.abs(Date.now() - at) <= skewSeconds * 1000
}

function readSigned({ headers }: Exchange, hide: boolean): Signed | undefined {
  for (const key of ['proxy-authorization', 'authorization']) {
    const sent = headers.get(key)
    const match = sent === undefined ? null : FIELDS.exec(sent)
    if (hide && sent !== undefined) headers.remove(key)
    if (!match) continue
    const [, username = '', algorithm = '', names = '', signature = ''] = match
    return {
      username: Buffer.from(username, 'latin1').toString('utf8'),
      algorithm,
      names: names.toLowerCase().split(' ').filter(Boolean),
      signature: Buffer.from(signature, 'base64'),
    }
  }
  return undefined
}

function signingText({ headers, clientMethod, target, req }: Exchange, names: readonly string[]): string {
  const uri = target.rawPath + target.query
  return names
    .map((name) => {
      if (name === 'request-line') return `${clientMethod} ${uri} HTTP/${req.httpVersion}`
      if (name === '@request-target') return `@request-target: ${clientMethod.toLowerCase()} ${uri}`
      const values = headers.all(name)
      return values.length === 0 ? `${name}:` : `${name}: ${values.join(', ')}`
    })
    .join('\n')
}

/** The Digest header is that of the body; a body that no signed Digest speaks for is not taken. */
async function hasItsDigest(exchange: Exchange, names: readonly string[]): Promise<boolean> {
  const body = await readWholeBody(exchange)
  if (body === undefined) return false
  const digest = exchange.headers.get('digest')
  if (digest === undefined) return body.length === 0
  if (!names.includes('digest')) return false
  const made = Buffer.from(`SHA-256=${createHash('sha256').update(body).digest('base64')}`)
  const given = Buffer.from(digest)
  return made.length === given.length && timingSafeEqual(made, given)
}
