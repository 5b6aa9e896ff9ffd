// Knows a consumer by a signed token. The algorithm is that of the credential, never the token's own choice. Upstream: Kong's `jwt`.
import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto'
import { z } from 'zod'
import { byteString } from '../bytes.ts'
import { text } from '../config/fields.ts'
import type { JwtCredential } from '../consumers.ts'
import type { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { identify } from '../identity.ts'
import { definePlugin, PluginConfigError } from '../plugin.ts'

const ALGORITHMS: ReadonlySet<string> = new Set(['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'ES256', 'ES384'])
const MAX_TOKEN_BYTES = 16 * 1024

interface Token {
  readonly header: Record<string, unknown>
  readonly claims: Record<string, unknown>
  readonly signed: string
  readonly signature: Buffer
}

export const jwt = definePlugin({
  name: 'jwt',
  priority: 1005,
  takesConsumer: false,
  config: z
    .strictObject({
      uri_param_names: z.array(text).default(['jwt']),
      cookie_names: z.array(text).default([]),
      header_names: z.array(text).default(['authorization']),
      key_claim_name: text.default('iss'),
      secret_is_base64: z.boolean().default(false),
      claims_to_verify: z.array(z.enum(['exp', 'nbf'])).optional(),
      maximum_expiration: z
        .number({ error: () => 'expected a number' })
        .refine((value) => value >= 0 && value <= 31_536_000, { error: 'value should be between 0 and 31536000' })
        .default(0),
      anonymous: z.string().optional(),
      run_on_preflight: z.boolean().default(true),
      realm: text.optional(),
    })
    .refine((c) => c.maximum_expiration === 0 || c.claims_to_verify?.includes('exp'), {
      path: ['claims_to_verify'],
      error: "expected to contain: exp, since 'maximum_expiration' is set",
    }),
  secretNames: ({ uri_param_names, header_names }) => [...uri_param_names, ...header_names],
  access: (config, { credentials, consumer }) => {
    const { claims_to_verify = [], maximum_expiration, key_claim_name } = config
    const nobody = config.anonymous ? consumer(config.anonymous) : undefined
    if (config.anonymous && !nobody) throw new PluginConfigError(['anonymous'], `no consumer '${config.anonymous}'`)
    const headerKeys = config.header_names.map((name) => name.toLowerCase())

    const judge = (exchange: Exchange): Refusal | undefined => {
      const refuse = (body: object) => ({
        status: 401,
        body: JSON.stringify(body),
        contentType: 'application/json; charset=utf-8',
        headers: [],
      })
      const no = (message: string) => refuse({ message })
      const sent = tokenOf(exchange, config.uri_param_names, config.cookie_names, headerKeys)
      if (sent === undefined) return no('Unauthorized')
      if (sent === 'several') return no('Multiple tokens provided')
      const token = decode(sent.token)
      if (typeof token === 'string') return no(`Bad token; ${token}`)
      const key = Object.hasOwn(token.claims, key_claim_name) ? token.claims[key_claim_name] : own(token.header, key_claim_name)
      if (key === undefined || key === null || key === false) return no(`No mandatory '${key_claim_name}' in claims`)
      if (key === '' || (typeof key !== 'string' && typeof key !== 'number')) return no(`Invalid '${key_claim_name}' in claims`)
      const credential = credentials.byJwtKey(String(key))
      if (!credential) return no(`No credentials found for given '${key_claim_name}'`)
      if (token.header['alg'] !== credential.algorithm) return no('Invalid algorithm')
      if (!isSigned(token, credential, config.secret_is_base64)) return no('Invalid signature')
      const wrong = wrongClaims(token.claims, claims_to_verify, maximum_expiration)
      if (wrong) return refuse(wrong)
      // Kong tells the token's own name of the credential.
      identify(exchange, credential.consumer, { id: credential.key })
      return undefined
    }

    return (exchange) => {
      if (!config.run_on_preflight && exchange.method === 'OPTIONS') return undefined
      if (nobody && exchange.credentialId !== undefined) return undefined
      const refusal = judge(exchange)
      if (!refusal || !nobody) return refusal
      identify(exchange, nobody, undefined)
      return undefined
    }
  },
})

/** Query first, then cookies, then headers; of those that are there the first counts. */
function tokenOf(
  exchange: Exchange,
  parameters: readonly string[],
  cookies: readonly string[],
  headerKeys: readonly string[],
): { token: string } | 'several' | undefined {
  if (exchange.target.query !== '')
    for (const name of parameters) {
      const values = exchange.query.all(name)
      if (values.length > 1) return 'several'
      if (values[0]) return { token: values[0] }
    }
  for (const name of cookies) {
    const values = cookieValues(exchange, name)
    if (values.length > 1) return 'several'
    if (values[0]) return { token: values[0] }
  }
  for (const key of headerKeys) {
    const match = /^\s*[Bb]earer\s+(\S.*)$/.exec(exchange.headers.get(key) ?? '')
    if (match) return { token: match[1]!.trim() }
  }
  return undefined
}

function cookieValues({ headers }: Exchange, name: string): string[] {
  return headers
    .all('cookie')
    .flatMap((line) => line.split(';'))
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${name}=`) && part.length > name.length + 1)
    .map((part) => part.slice(name.length + 1))
}

/** The parts of a token, or what is wrong with it. */
function decode(token: string): Token | string {
  if (token.length > MAX_TOKEN_BYTES) return 'too long'
  const parts = token.split('.')
  const [header64, claims64, signature64] = parts
  if (parts.length !== 3 || !header64 || !claims64 || signature64 === undefined) return 'invalid JSON'
  const [header, claims] = [objectOf(header64), objectOf(claims64)]
  if (!header || !claims) return 'invalid JSON'
  const { alg } = header
  if (typeof alg !== 'string' || !ALGORITHMS.has(alg)) return 'invalid alg'
  if (signature64 === '') return 'invalid signature'
  return { header, claims, signed: `${header64}.${claims64}`, signature: Buffer.from(signature64, 'base64url') }
}

function objectOf(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    // Not JSON: the caller says so.
    return undefined
  }
}

const own = (from: Record<string, unknown>, name: string): unknown => (Object.hasOwn(from, name) ? from[name] : undefined)

function isSigned({ signed, signature }: Token, { algorithm, secret, publicKey }: JwtCredential, base64: boolean): boolean {
  const digest = `sha${algorithm.slice(2)}`
  if (algorithm.startsWith('HS')) {
    const key = base64 ? Buffer.from(secret, 'base64') : Buffer.from(byteString(secret), 'latin1')
    const made = createHmac(digest, key).update(signed).digest()
    return made.length === signature.length && timingSafeEqual(made, signature)
  }
  try {
    const key = createPublicKey(publicKey!)
    const expected = algorithm.startsWith('ES') ? 'ec' : 'rsa'
    if (key.asymmetricKeyType !== expected) return false
    return verify(digest, Buffer.from(signed), expected === 'ec' ? { key, dsaEncoding: 'ieee-p1363' } : key, signature)
  } catch {
    // A signature of a wrong length is a wrong signature.
    return false
  }
}

function wrongClaims(
  claims: Record<string, unknown>,
  toVerify: readonly ('exp' | 'nbf')[],
  maximum: number,
): Record<string, string> | undefined {
  const now = Math.floor(Date.now() / 1000)
  const wrong: Record<string, string> = {}
  for (const name of toVerify) {
    const value = own(claims, name)
    if (typeof value !== 'number') wrong[name] = 'must be a number'
    else if (name === 'exp' && value <= now) wrong[name] = 'token expired'
    else if (name === 'nbf' && value > now) wrong[name] = 'token not valid yet'
  }
  if (Object.keys(wrong).length > 0) return wrong
  const exp = own(claims, 'exp')
  if (maximum > 0 && (typeof exp !== 'number' || exp - now > maximum)) return { exp: 'exceeds maximum allowed expiration' }
  return undefined
}
