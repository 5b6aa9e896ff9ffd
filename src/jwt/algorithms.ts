// Which signature algorithms exist here, and which of them a key can carry: an algorithm is a property of the key, never of the token.

export const ALGORITHMS = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const
export type Algorithm = (typeof ALGORITHMS)[number]

export const isAlgorithm = (name: unknown): name is Algorithm => (ALGORITHMS as readonly unknown[]).includes(name)

const CURVES: Readonly<Record<string, Algorithm>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }

/** The algorithms that a key of this type (and curve) can verify; empty for a type that is not supported. */
export function algorithmsOf(kty: unknown, crv: unknown): readonly Algorithm[] {
  if (kty === 'oct') return ['HS256', 'HS384', 'HS512']
  if (kty === 'RSA') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
  if (kty === 'EC' && typeof crv === 'string' && Object.hasOwn(CURVES, crv)) return [CURVES[crv]!]
  if (kty === 'OKP' && crv === 'Ed25519') return ['EdDSA']
  return []
}
