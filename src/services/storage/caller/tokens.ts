// Tokens of this service: those of users (verified), the service's own (who acts where no policy is asked), and those of signed URLs.
import { createHmac } from 'node:crypto'
import { EnvError } from '../../../env/read.ts'
import { isAlgorithm } from '../../../jwt/algorithms.ts'
import { JwtError } from '../../../jwt/error.ts'
import { joinKeySets, type KeySet, KeySetError, keySetFrom, type SigningKey, signingKeyFrom } from '../../../jwt/keys.ts'
import { type Claims, JwtVerifier } from '../../../jwt/verifier.ts'
import type { StorageEnv } from '../env.ts'
import { errors } from '../errors.ts'
import { type Caller, callerOf } from './caller.ts'

const TEN_YEARS_SECONDS = 10 * 365 * 24 * 3_600

export class Tokens {
  /** The superuser of the service: role service_role by the service key's claims. */
  readonly service: Caller
  readonly anonKey: string
  readonly serviceKey: string
  readonly #users: JwtVerifier
  readonly #urls: JwtVerifier
  readonly #urlKey: SigningKey
  readonly #anonRole: string

  constructor(env: StorageEnv) {
    const secret = (env.AUTH_JWT_SECRET ?? env.PGRST_JWT_SECRET)!
    const algorithm = env.AUTH_JWT_ALGORITHM ?? env.PGRST_JWT_ALGORITHM ?? 'HS256'
    if (!isAlgorithm(algorithm)) throw new EnvError([{ name: 'AUTH_JWT_ALGORITHM', expected: 'an algorithm such as HS256' }])
    const own = keySetFrom(secret, { secretAlgorithms: algorithm === 'HS256' ? ['HS256'] : [algorithm, 'HS256'] })
    const { keys, urlSigningKey } = readJwks(env.JWT_JWKS)
    this.#users = new JwtVerifier(keys === undefined ? own : joinKeySets(keys, own), { checkIssuedAt: false, keyChoice: 'any' })
    this.#urlKey = urlSigningKey ?? signingKeyFrom(secret)
    const urlKeys: KeySet = {
      keys: [
        ...(urlSigningKey === undefined
          ? []
          : [
              {
                kid: urlSigningKey.kid,
                type: 'oct' as const,
                algorithms: [urlSigningKey.algorithm],
                key: urlSigningKey.key,
                publicJwk: undefined,
                signing: urlSigningKey,
              },
            ]),
        ...own.keys,
        ...(keys?.keys ?? []),
      ],
    }
    this.#urls = new JwtVerifier(urlKeys, { checkIssuedAt: false, keyChoice: 'any', cacheSize: 1_000 })
    this.#anonRole = env.DB_ANON_ROLE
    this.anonKey = env.ANON_KEY ?? ownKey(secret, env.DB_ANON_ROLE)
    this.serviceKey = env.SERVICE_KEY ?? ownKey(secret, env.DB_SERVICE_ROLE)
    this.service = {
      role: env.DB_SERVICE_ROLE,
      claims: { ...claimsUnverified(this.serviceKey), role: env.DB_SERVICE_ROLE },
      token: this.serviceKey,
      owner: undefined,
    }
  }

  /** Of the text of an Authorization header. Throws AccessDenied with the words of upstream's library. */
  async caller(authorization: string): Promise<Caller> {
    const token = authorization.replace(/^bearer(?:\s+|$)/i, '').trim()
    try {
      return callerOf(this.#users.cached(token) ?? (await this.#users.verify(token)), token, this.#anonRole)
    } catch (error) {
      throw error instanceof JwtError ? errors.accessDenied(wordsFor(error), error) : error
    }
  }

  /** Whoever sends no token, or none that holds, where that is allowed. */
  get anonymous(): Caller {
    return { role: this.#anonRole, claims: { role: this.#anonRole }, token: '', owner: undefined }
  }

  /** The claims of a signed URL. Throws InvalidJWT. */
  async urlClaims(token: string): Promise<Claims> {
    try {
      return await this.#urls.verify(token)
    } catch (error) {
      throw error instanceof JwtError ? errors.invalidJwt(wordsFor(error), error) : error
    }
  }

  /** A token for a signed URL, `seconds` long. The header names the algorithm, and the key where it has an id. */
  signUrl(claims: Readonly<Record<string, unknown>>, seconds: number, nowMs: number = Date.now()): string {
    const iat = Math.floor(nowMs / 1_000)
    const { algorithm, kid, key } = this.#urlKey
    const body = [
      { alg: algorithm, ...(kid !== undefined && { kid }) },
      { ...claims, iat, exp: iat + seconds },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    return `${body}.${createHmac(`sha${algorithm.slice(2)}`, key)
      .update(body)
      .digest('base64url')}`
  }
}

/** What jose would have said, which upstream passes on. */
function wordsFor({ reason, claim }: JwtError): string {
  switch (reason) {
    case 'malformed':
      return 'Invalid Compact JWS'
    case 'signature':
      return 'signature verification failed'
    case 'expired':
      return '"exp" claim timestamp check failed'
    case 'not-yet':
      return '"nbf" claim timestamp check failed'
    case 'issued-later':
      return '"iat" claim timestamp check failed (it should be in the past)'
    case 'claims':
      return 'JWT Claims Set must be a top-level JSON object'
    case 'claim-type':
      return `"${claim}" claim must be a number`
    case 'algorithm':
      return '"alg" (Algorithm) Header Parameter value not allowed'
    case 'key':
      return 'signature verification failed'
  }
}

function ownKey(secret: string, role: string): string {
  const iat = Math.floor(Date.now() / 1_000)
  const body = [
    { alg: 'HS256', typ: 'JWT' },
    { role, iat, exp: iat + TEN_YEARS_SECONDS },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`
}

/** The operator's own key, taken at its word: no client can send it in here. */
function claimsUnverified(token: string): Claims {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Claims
  } catch {
    return {} // an opaque key has no claims
  }
}

function readJwks(value: unknown): { keys: KeySet | undefined; urlSigningKey: SigningKey | undefined } {
  if (value === undefined) return { keys: undefined, urlSigningKey: undefined }
  try {
    const { keys, urlSigningKey } = value as { keys?: readonly object[]; urlSigningKey?: Record<string, unknown> }
    return {
      keys: Array.isArray(keys) && keys.length === 0 ? undefined : keySetFrom(JSON.stringify(value)),
      urlSigningKey: urlSigningKey === undefined ? undefined : signingKeyFrom({ alg: 'HS256', ...urlSigningKey } as never),
    }
  } catch (error) {
    if (!(error instanceof KeySetError)) throw error
    throw new EnvError([{ name: 'JWT_JWKS', expected: `a key set (${error.message})` }])
  }
}
