// Makes secrets and keys, in the formats of upstream's `generate-keys.sh` and `add-new-auth-keys.sh`.
import { createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { type Jwk, keySetFrom } from '../jwt/keys.ts'
import { signJwt } from '../jwt/sign.ts'

const hex = (bytes: number): string => randomBytes(bytes).toString('hex')
const base64 = (bytes: number): string => randomBytes(bytes).toString('base64')

/** Secrets that depend on nothing else: name to maker. */
export const plainSecrets = {
  POSTGRES_PASSWORD: () => hex(16),
  JWT_SECRET: () => base64(30),
  DASHBOARD_PASSWORD: () => passwordWithLetter(),
  SECRET_KEY_BASE: () => base64(48),
  VAULT_ENC_KEY: () => hex(16),
  PG_META_CRYPTO_KEY: () => base64(24),
  /** Realtime takes the text itself as a key of AES-128: 16 characters. */
  REALTIME_DB_ENC_KEY: () => hex(8),
  LOGFLARE_PUBLIC_ACCESS_TOKEN: () => base64(24),
  LOGFLARE_PRIVATE_ACCESS_TOKEN: () => base64(24),
  S3_PROTOCOL_ACCESS_KEY_ID: () => hex(16),
  S3_PROTOCOL_ACCESS_KEY_SECRET: () => hex(32),
  MINIO_ROOT_PASSWORD: () => hex(16),
} as const satisfies Readonly<Record<string, () => string>>

/** Upstream's gateway takes a password of digits alone for a number. */
function passwordWithLetter(): string {
  for (;;) {
    const password = hex(16)
    if (/[a-f]/.test(password)) return password
  }
}

export type ApiRole = 'anon' | 'service_role'

const FIVE_YEARS = 5 * 365 * 24 * 3_600

/** Claims of an API key, in upstream's order. */
export const apiKeyClaims = (role: ApiRole, nowSeconds: number) => ({
  role,
  iss: 'supabase',
  iat: nowSeconds,
  exp: nowSeconds + FIVE_YEARS,
})

/** `ANON_KEY` and `SERVICE_ROLE_KEY` (HS256 by JWT_SECRET), or their asymmetric twins (by the private JWK). */
export const makeApiKey = (role: ApiRole, key: string | Jwk, nowSeconds: number): Promise<string> =>
  signJwt(apiKeyClaims(role, nowSeconds), key)

/** What upstream's scripts put in the place of a project's reference. */
const OPAQUE_KEY_SCOPE = 'supabase-self-hosted'
const OPAQUE_PREFIXES = { publishable: 'sb_publishable_', secret: 'sb_secret_' } as const

/** An opaque API key: prefix, 22 random characters, `_`, and 8 characters of a checksum over both. */
export function makeOpaqueKey(kind: keyof typeof OPAQUE_PREFIXES): string {
  const body = OPAQUE_PREFIXES[kind] + randomBytes(17).toString('base64url').slice(0, 22)
  return `${body}_${checksumOf(body)}`
}

/** Whether the checksum of an opaque key that was made here, or by upstream's scripts, is right. */
export function isOpaqueKey(key: string): boolean {
  const parts = /^(sb_(?:publishable|secret)_[\w-]{22})_([\w-]{8})$/.exec(key)
  return parts !== null && checksumOf(parts[1]!) === parts[2]
}

const checksumOf = (body: string): string => createHash('sha256').update(`${OPAQUE_KEY_SCOPE}|${body}`).digest('base64url').slice(0, 8)

/** A new private key to sign user tokens with, as upstream writes one. */
export function makeSigningKey(algorithm: 'ES256' | 'RS256' = 'ES256'): Jwk {
  const { privateKey } =
    algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { kty, crv, ...members } = privateKey.export({ format: 'jwk' })
  return {
    kty: kty!,
    kid: randomUUID(),
    use: 'sig',
    key_ops: ['sign', 'verify'],
    alg: algorithm,
    ext: true,
    ...(crv === undefined ? {} : { crv }),
    ...members,
  }
}

/** The shared secret as a JWK. */
export const secretJwk = (secret: string): Jwk => ({ kty: 'oct', k: Buffer.from(secret).toString('base64url'), alg: 'HS256' })

/** The public half of a signing key, with `key_ops` cut to `verify`. */
export function publicJwk({ kty, kid, use, alg, ext, crv, x, y, n, e }: Jwk): Jwk {
  const members = { kty, kid, use, key_ops: ['verify'], alg, ext, crv, x, y, n, e }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Jwk
}

/** `JWT_KEYS`: what auth signs with, and the shared secret that it still reads. */
export const jwtKeysOf = (signingKey: Jwk, secret: string): string => JSON.stringify([signingKey, secretJwk(secret)])

/** `JWT_JWKS`: what every other service verifies with: the public halves of JWT_KEYS, and the shared secret. */
export function jwtJwksOf(jwtKeys: string, secret: string): string {
  const keys = JSON.parse(jwtKeys) as Jwk[]
  const secrets = keys.filter(({ kty }) => kty === 'oct').map(({ key_ops: _, ...jwk }) => jwk)
  const asymmetric = keys.filter(({ kty }) => kty !== 'oct').map(publicJwk)
  return JSON.stringify({ keys: [...asymmetric, ...(secrets.length > 0 ? secrets : [secretJwk(secret)])] })
}

/** The private key of JWT_KEYS that signs; undefined when JWT_KEYS holds no asymmetric one. Throws KeySetError. */
export function signingJwkOf(jwtKeys: string): Jwk | undefined {
  keySetFrom(jwtKeys) // says what is wrong with it
  const keys = JSON.parse(jwtKeys) as Jwk[]
  return keys.find(({ kty, d, key_ops }) => kty !== 'oct' && d !== undefined && key_ops?.includes('sign'))
}
