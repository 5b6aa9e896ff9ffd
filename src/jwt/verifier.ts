// Verifies tokens: signature by a key set, times by the clock. What the claims mean (`aud`, `role`, `sub`) is the caller's business.
import { type CryptoKey, compactVerify, errors } from 'jose'
import { ALGORITHMS, type Algorithm, isAlgorithm } from './algorithms.ts'
import { JwtError } from './error.ts'
import type { KeySet, VerificationKey } from './keys.ts'
import { TokenCache } from './token-cache.ts'

/** The payload as JSON gave it. Shared by all requests that carry the token: never to be changed. */
export type Claims = Readonly<Record<string, unknown>>

export interface JwtVerifierOptions {
  /** Tokens of other algorithms are refused (`algorithm`), whatever the keys could do. All that the keys can do by default. */
  readonly algorithms?: readonly Algorithm[]
  /** How far clocks may differ in `exp`, `nbf` and `iat`; 0 by default. */
  readonly clockSkewSeconds?: number
  /** How many verified tokens are remembered; 1,000 by default, 0 for none. */
  readonly cacheSize?: number
  /** Whether a token that was issued in the future is refused; true by default (GoTrue does not look). */
  readonly checkIssuedAt?: boolean
  /** Whether a token that is not valid yet is refused; true by default (Realtime does not look). */
  readonly checkNotBefore?: boolean
  /**
   * Which keys a token may be tried with, of those that fit its algorithm.
   * `any` (default): those of its `kid`; if no key of the set has that id or the token names none, all.
   * `kid`: a token with a `kid` needs a key of that id; without one, all (PostgREST).
   * `kid-or-secret`: a key of that id; where none has it or the token names none, shared secrets only (GoTrue).
   */
  readonly keyChoice?: 'any' | 'kid' | 'kid-or-secret'
  /** Called when a verified token had to make room for another one. */
  readonly onEvict?: () => void
  /** Milliseconds of the epoch; for tests. */
  readonly now?: () => number
}

interface Header {
  readonly alg: string
  readonly kid?: string
}

export class JwtVerifier {
  readonly #keys: readonly VerificationKey[]
  readonly #algorithms: ReadonlySet<string>
  readonly #skewMs: number
  readonly #checkIssuedAt: boolean
  readonly #checkNotBefore: boolean
  readonly #keyChoice: 'any' | 'kid' | 'kid-or-secret'
  readonly #now: () => number
  readonly #cache: TokenCache<Claims>
  readonly #secrets = new Map<VerificationKey, Map<string, Promise<CryptoKey>>>()

  constructor(keySet: KeySet, options: JwtVerifierOptions = {}) {
    this.#keys = keySet.keys
    this.#algorithms = new Set(options.algorithms ?? ALGORITHMS)
    this.#skewMs = (options.clockSkewSeconds ?? 0) * 1_000
    this.#checkIssuedAt = options.checkIssuedAt ?? true
    this.#checkNotBefore = options.checkNotBefore ?? true
    this.#keyChoice = options.keyChoice ?? 'any'
    this.#now = options.now ?? Date.now
    this.#cache = new TokenCache(options.cacheSize ?? 1_000, options.onEvict)
  }

  /** The claims of a token that was verified before and has not expired since. */
  cached(token: string): Claims | undefined {
    return this.#cache.get(token, this.#now())
  }

  /** The claims of a valid token. Throws JwtError with the reason otherwise. */
  async verify(token: string): Promise<Claims> {
    const known = this.cached(token)
    if (known !== undefined) return known
    const header = readHeader(token)
    const algorithm = this.#accept(header.alg)
    const claims = readClaims(await this.#payload(token, this.#candidates(header, algorithm), algorithm))
    const expires = this.#checkTimes(claims)
    this.#cache.set(token, claims, expires, this.#now())
    return claims
  }

  #accept(name: string): Algorithm {
    if (isAlgorithm(name) && this.#algorithms.has(name)) return name
    throw new JwtError('algorithm', { algorithm: name })
  }

  #candidates({ kid }: Header, algorithm: Algorithm): readonly VerificationKey[] {
    const named = kid === undefined ? [] : this.#keys.filter((key) => key.kid === kid)
    let keys: readonly VerificationKey[] = named
    if (named.length === 0) {
      if (kid !== undefined && this.#keyChoice === 'kid') keys = []
      else keys = this.#keyChoice === 'kid-or-secret' ? this.#keys.filter((key) => key.type === 'oct') : this.#keys
    }
    const fitting = keys.filter((key) => key.algorithms.includes(algorithm))
    if (fitting.length === 0) throw new JwtError('key', { algorithm })
    return fitting
  }

  async #payload(token: string, keys: readonly VerificationKey[], algorithm: Algorithm): Promise<Uint8Array> {
    for (const key of keys) {
      try {
        const material = key.type === 'oct' ? await this.#secretFor(key, algorithm) : key.key
        return (await compactVerify(token, material, { algorithms: [algorithm] })).payload
      } catch (error) {
        if (error instanceof errors.JWSSignatureVerificationFailed) continue
        if (error instanceof errors.JOSEError) throw new JwtError('malformed', { parts: 3 })
        throw error
      }
    }
    throw new JwtError('signature', { algorithm })
  }

  /** A secret is imported once per algorithm; jose keeps what it makes of public keys itself. */
  #secretFor(key: VerificationKey, algorithm: Algorithm): Promise<CryptoKey> {
    const imported = this.#secrets.get(key) ?? new Map<string, Promise<CryptoKey>>()
    this.#secrets.set(key, imported)
    let secret = imported.get(algorithm)
    if (!secret) {
      const hash = `SHA-${algorithm.slice(2)}`
      secret = crypto.subtle.importKey('raw', key.key.export(), { name: 'HMAC', hash }, false, ['verify'])
      imported.set(algorithm, secret)
    }
    return secret
  }

  /** Milliseconds of the epoch until which the token holds. */
  #checkTimes(claims: Claims): number {
    const now = this.#now()
    const exp = timeOf(claims, 'exp')
    const nbf = this.#checkNotBefore ? timeOf(claims, 'nbf') : undefined
    const iat = this.#checkIssuedAt ? timeOf(claims, 'iat') : undefined
    const until = exp === undefined ? Number.POSITIVE_INFINITY : exp * 1_000 + this.#skewMs
    if (now > until) throw new JwtError('expired')
    if (nbf !== undefined && now + this.#skewMs < nbf * 1_000) throw new JwtError('not-yet')
    if (iat !== undefined && now + this.#skewMs < iat * 1_000) throw new JwtError('issued-later')
    return until
  }
}

function timeOf(claims: Claims, claim: 'exp' | 'nbf' | 'iat'): number | undefined {
  if (!Object.hasOwn(claims, claim) || claims[claim] === null) return undefined
  const value = claims[claim]
  if (typeof value !== 'number') throw new JwtError('claim-type', { claim })
  return value
}

function readHeader(token: string): Header {
  const parts = token.split('.')
  if (parts.length !== 3) throw new JwtError('malformed', { parts: parts.length })
  const header = readJson(Buffer.from(parts[0]!, 'base64url'))
  if (!isObject(header) || typeof header['alg'] !== 'string' || 'crit' in header) throw new JwtError('malformed', { parts: 3 })
  const kid = header['kid']
  return typeof kid === 'string' ? { alg: header['alg'], kid } : { alg: header['alg'] }
}

function readClaims(payload: Uint8Array): Claims {
  const claims = readJson(payload)
  if (!isObject(claims)) throw new JwtError('claims')
  return claims
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    return undefined // not JSON: the callers refuse it as such
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
