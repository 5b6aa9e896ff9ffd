// Key sets: a shared secret, a JWK, an array of JWKs or a JWKS become keys that know what they may verify and whether they may sign.
import { createPrivateKey, createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { type Algorithm, algorithmsOf } from './algorithms.ts'

/** A JSON Web Key as the configuration writes it. */
export interface Jwk extends JsonWebKey {
  readonly kid?: string
  readonly alg?: string
  readonly use?: string
  readonly key_ops?: readonly string[]
  readonly ext?: boolean
}

export interface SigningKey {
  readonly algorithm: Algorithm
  readonly kid: string | undefined
  /** A secret or private key. */
  readonly key: KeyObject
}

export interface VerificationKey {
  readonly kid: string | undefined
  readonly type: 'oct' | 'EC' | 'RSA' | 'OKP'
  /** What this key verifies, and nothing else: the token has no say. */
  readonly algorithms: readonly Algorithm[]
  /** A secret or public key. */
  readonly key: KeyObject
  /** The public half as a JWK; absent for a secret, which has none. */
  readonly publicJwk: Jwk | undefined
  /** Present when the key's `key_ops` name `sign` and its private half is there. */
  readonly signing: SigningKey | undefined
}

export interface KeySet {
  readonly keys: readonly VerificationKey[]
}

export interface KeySetOptions {
  /** The text is a secret in base64 or base64url. */
  readonly base64?: boolean
  /** What a plain secret verifies; HS256 alone unless told otherwise. JWKs say it themselves. */
  readonly secretAlgorithms?: readonly Algorithm[]
}

/** A key or key set that cannot be used. The message never contains key material. */
export class KeySetError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'KeySetError'
  }
}

/** Keys of a configuration value: JSON that is a JWK, an array of JWKs or a JWKS; any other text is a shared secret. */
export function keySetFrom(text: string, options: KeySetOptions = {}): KeySet {
  const jwks = options.base64 ? undefined : jwksOf(text)
  if (jwks === undefined) return { keys: [secretKey(text, options)] }
  const keys = jwks.map((jwk, index) => readJwk(jwk, `key ${index + 1}`)).filter((key) => key !== undefined)
  if (keys.length === 0) throw new KeySetError('Cannot use the key set: it holds no key for signatures of a known type')
  return { keys }
}

/** All keys of several sets, in order. */
export const joinKeySets = (...sets: readonly KeySet[]): KeySet => ({ keys: sets.flatMap(({ keys }) => keys) })

/** What a JWKS endpoint may show: the public halves, never a secret. */
export const publicJwks = (set: KeySet): { readonly keys: readonly Jwk[] } => ({
  keys: set.keys.map(({ publicJwk }) => publicJwk).filter((jwk) => jwk !== undefined),
})

/** The keys of a set that may sign, in order. */
export const signingKeysOf = (set: KeySet): readonly SigningKey[] =>
  set.keys.map(({ signing }) => signing).filter((key) => key !== undefined)

/** A key to sign with: a secret (HS256), or a JWK with its private half (its `alg`, else the first that its type can carry). */
export function signingKeyFrom(source: string | Uint8Array | Jwk): SigningKey {
  if (typeof source === 'string' || source instanceof Uint8Array) {
    return { algorithm: 'HS256', kid: undefined, key: secretObject(Buffer.from(source as string)) }
  }
  const key = readJwk({ ...source, key_ops: ['sign', 'verify'] }, 'the key')
  if (!key) throw new KeySetError('Cannot sign with the key: its type, curve or use is not supported')
  if (!key.signing) throw new KeySetError('Cannot sign with the key: its private part is missing')
  return key.signing
}

function jwksOf(text: string): readonly Jwk[] | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined // a secret may begin with a brace
  }
  const list = Array.isArray(json) ? json : isObject(json) && 'keys' in json ? json.keys : [json]
  if (!Array.isArray(list) || !list.every(isObject)) throw new KeySetError('Cannot use the key set: "keys" must be an array of JWKs')
  return list as Jwk[]
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function secretKey(text: string, { base64, secretAlgorithms }: KeySetOptions): VerificationKey {
  const bytes = base64 ? decodeBase64(text) : Buffer.from(text)
  const algorithms = secretAlgorithms ?? ['HS256']
  const key = secretObject(bytes)
  const signing = { algorithm: algorithms[0] ?? 'HS256', kid: undefined, key }
  return { kid: undefined, type: 'oct', algorithms, key, publicJwk: undefined, signing }
}

function secretObject(bytes: Uint8Array): KeyObject {
  if (bytes.length === 0) throw new KeySetError('Cannot use the secret: it is empty')
  return createSecretKey(bytes)
}

function decodeBase64(text: string): Buffer {
  const plain = text.trim()
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(plain)) throw new KeySetError('Cannot use the secret: it is not base64')
  return Buffer.from(plain, 'base64')
}

/** Undefined for a key of another purpose or of a type that is not known, which a key set may hold for others. */
function readJwk(jwk: Jwk, where: string): VerificationKey | undefined {
  const possible = algorithmsOf(jwk.kty, jwk.crv)
  const ops = Array.isArray(jwk.key_ops) ? jwk.key_ops : undefined
  if (possible.length === 0 || (jwk.use !== undefined && jwk.use !== 'sig')) return undefined
  if (ops && !ops.includes('verify') && !ops.includes('sign')) return undefined
  const algorithms = jwk.alg === undefined ? possible : possible.filter((name) => name === jwk.alg)
  if (algorithms.length === 0) throw new KeySetError(`Cannot use the key set: the "alg" of ${where} does not fit its type`)
  const kid = typeof jwk.kid === 'string' ? jwk.kid : undefined
  const type = jwk.kty as VerificationKey['type']
  try {
    if (type === 'oct') {
      const key = secretObject(Buffer.from(String(jwk.k ?? ''), 'base64url'))
      return { kid, type, algorithms, key, publicJwk: undefined, signing: signing(key) }
    }
    const key = createPublicKey({ key: publicHalf(jwk), format: 'jwk' })
    if (type === 'RSA' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) throw new KeySetError('an RSA key needs 2048 bits')
    const publicJwk: Jwk = {
      ...publicHalf(jwk),
      ...(kid === undefined ? {} : { kid }),
      use: 'sig',
      key_ops: ['verify'],
      alg: algorithms[0]!,
    }
    const priv = jwk.d === undefined ? undefined : createPrivateKey({ key: jwk, format: 'jwk' })
    return { kid, type, algorithms, key, publicJwk, signing: priv && signing(priv) }
  } catch (error) {
    // Node's own words may quote the key.
    throw new KeySetError(
      `Cannot use the key set: ${where} is not a valid ${type} key${error instanceof KeySetError ? ` (${error.message})` : ''}`,
    )
  }

  function signing(key: KeyObject): SigningKey | undefined {
    return ops?.includes('sign') ? { algorithm: algorithms[0]!, kid, key } : undefined
  }
}

function publicHalf({ kty, crv, x, y, n, e }: Jwk): Jwk {
  return Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined)) as Jwk
}
