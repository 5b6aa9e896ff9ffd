// Whether a token holds for a tenant, and what it says: signature by the tenant's secret or the key of its set that the token names,
// times by the clock, `role` and `exp` present.
import { JwtError } from '../../../jwt/error.ts'
import { type KeySet, KeySetError, keySetFrom } from '../../../jwt/keys.ts'
import { TokenCache } from '../../../jwt/token-cache.ts'
import { type Claims, JwtVerifier } from '../../../jwt/verifier.ts'
import { TokenRefused } from './refusal.ts'

export interface VerifiedToken {
  readonly token: string
  readonly claims: Claims
  /** Byte for byte as in the token: numbers keep their digits. */
  readonly claimsText: string
  readonly role: string
  /** Seconds of the epoch. */
  readonly exp: number
}

export interface TokenKeys {
  readonly secret: string | undefined
  readonly jwks: unknown
}

/** Verified tokens that are remembered. */
const CACHE_SIZE = 10_000

export class TokenVerifier {
  readonly #secret: JwtVerifier | undefined
  readonly #byKid = new Map<string, { readonly kind: 'secret' | 'pair'; readonly verifier: JwtVerifier }>()
  readonly #required: readonly (readonly [string, unknown])[]
  /** One object for all sockets that come with the same token. */
  readonly #verified = new TokenCache<VerifiedToken>(CACHE_SIZE)

  /** `required`: claims that a token must have with these very values (JWT_CLAIM_VALIDATORS). */
  constructor({ secret, jwks }: TokenKeys, required: Readonly<Record<string, unknown>> = {}) {
    this.#required = Object.entries(required)
    if (secret !== undefined) this.#secret = verifierOf(keySetFrom(secret, { secretAlgorithms: ['HS256', 'HS384', 'HS512'] }))
    for (const key of keysIn(jwks)) {
      const kid = key['kid']
      if (typeof kid !== 'string') continue
      try {
        this.#byKid.set(kid, {
          kind: key['kty'] === 'oct' ? 'secret' : 'pair',
          verifier: verifierOf(keySetFrom(JSON.stringify([withoutUse(key)]))),
        })
      } catch (error) {
        // A key that is not usable here must not keep the others from serving; tokens that name it are refused as such.
        if (!(error instanceof KeySetError)) throw error
      }
    }
  }

  /** Throws TokenRefused. */
  async verify(given: string): Promise<VerifiedToken> {
    const known = this.#verified.get(given, Date.now())
    if (known !== undefined) return known
    const verified = await this.#verify(given)
    this.#verified.set(given, verified, verified.exp * 1_000, Date.now())
    return verified
  }

  async #verify(given: string): Promise<VerifiedToken> {
    const { alg, kid, payload } = peek(given)
    const named = kid === undefined ? undefined : this.#byKid.get(kid)
    let verifier: JwtVerifier | undefined
    if (/^HS(256|384|512)$/.test(alg)) {
      verifier = named?.kind === 'secret' ? named.verifier : this.#secret
      if (verifier === undefined) throw new TokenRefused({ kind: 'signer' })
    } else if (/^(RS|ES|PS)(256|384|512)$|^(EdDSA|Ed25519|Ed448)$/.test(alg)) {
      verifier = named?.kind === 'pair' ? named.verifier : undefined
      if (verifier === undefined) throw new TokenRefused(kid === undefined ? { kind: 'signer' } : { kind: 'signer', kid })
    } else throw new TokenRefused({ kind: 'signer' })
    let claims: Claims
    try {
      claims = await verifier.verify(given)
    } catch (error) {
      throw refused(error, payload)
    }
    for (const [name, value] of this.#required)
      if (JSON.stringify(claims[name]) !== JSON.stringify(value)) throw new TokenRefused({ kind: 'malformed' })
    const { role, exp } = claims
    if (!Object.hasOwn(claims, 'role') || typeof exp !== 'number') throw new TokenRefused({ kind: 'claims' })
    return { token: given, claims, claimsText: payload, role: typeof role === 'string' ? role : JSON.stringify(role), exp: Math.round(exp) }
  }
}

const verifierOf = (keys: KeySet): JwtVerifier => new JwtVerifier(keys, { checkIssuedAt: false, checkNotBefore: false, cacheSize: 0 })

function keysIn(jwks: unknown): readonly Readonly<Record<string, unknown>>[] {
  const list = (jwks as { keys?: unknown } | undefined)?.keys
  return Array.isArray(list) ? list.filter((key) => typeof key === 'object' && key !== null) : []
}

/** A set made for signing names operations that say nothing about verifying by it. */
function withoutUse(key: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { key_ops: _, use: __, ...rest } = key
  return rest
}

/** Header and payload of what looks like a token. */
function peek(token: string): { alg: string; kid: string | undefined; payload: string } {
  const parts = token.split('.')
  if (parts.length !== 3) throw new TokenRefused({ kind: 'malformed' })
  const [header, payload] = parts.slice(0, 2).map((part) => Buffer.from(part, 'base64url').toString())
  const read = object(header!)
  if (read === undefined || object(payload!) === undefined) throw new TokenRefused({ kind: 'malformed' })
  const { alg, kid } = read
  return { alg: typeof alg === 'string' ? alg : '', kid: typeof kid === 'string' ? kid : undefined, payload: payload! }
}

function object(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined // not JSON: the token is malformed
  }
}

function refused(error: unknown, payload: string): unknown {
  if (!(error instanceof JwtError)) return error
  switch (error.reason) {
    case 'expired': {
      const exp = Number(object(payload)?.['exp'])
      return new TokenRefused({ kind: 'expired', seconds: Math.max(0, Math.round(Date.now() / 1_000 - exp)) })
    }
    case 'signature':
    case 'key':
      return new TokenRefused({ kind: 'signature' })
    case 'claim-type':
      return new TokenRefused({ kind: 'claims' })
    default:
      return new TokenRefused({ kind: 'malformed' })
  }
}
