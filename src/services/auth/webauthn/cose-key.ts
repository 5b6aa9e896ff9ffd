// Public keys as authenticators give them (COSE, RFC 9053) and the signatures that they verify. The algorithm is the key's own and one of
// these; nothing that a client sends chooses it.
import { constants, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'
import { CeremonyError, decodeMap } from './bytes.ts'

interface Algorithm {
  readonly kty: 1 | 2 | 3
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
  readonly curve?: { readonly id: number; readonly name: string; readonly size: number }
  readonly pss?: true
}

const P256 = { id: 1, name: 'P-256', size: 32 }
const P384 = { id: 2, name: 'P-384', size: 48 }
const P521 = { id: 3, name: 'P-521', size: 66 }

/** In the order in which authenticators are asked for them. */
const ALGORITHMS: ReadonlyMap<number, Algorithm> = new Map([
  [-7, { kty: 2, hash: 'sha256', curve: P256 }],
  [-35, { kty: 2, hash: 'sha384', curve: P384 }],
  [-36, { kty: 2, hash: 'sha512', curve: P521 }],
  [-257, { kty: 3, hash: 'sha256' }],
  [-258, { kty: 3, hash: 'sha384' }],
  [-259, { kty: 3, hash: 'sha512' }],
  [-37, { kty: 3, hash: 'sha256', pss: true }],
  [-38, { kty: 3, hash: 'sha384', pss: true }],
  [-39, { kty: 3, hash: 'sha512', pss: true }],
  [-8, { kty: 1, hash: null, curve: { id: 6, name: 'Ed25519', size: 32 } }],
] as const)
export const ALGORITHM_IDS: readonly number[] = [...ALGORITHMS.keys()]

const MIN_RSA_BITS = 2048
const [KTY, ALG, CRV, X, Y, N, E] = [1, 3, -1, -2, -3, -1, -2]

export interface CoseKey {
  readonly algorithm: number
  verifies(data: Uint8Array, signature: Uint8Array): boolean
}

/** Throws a CeremonyError for a key of another kind. */
export function readCoseKey(cose: Uint8Array): CoseKey {
  const map = decodeMap(cose)
  const id = map.get(ALG)
  const algorithm = typeof id === 'number' ? ALGORITHMS.get(id) : undefined
  if (!algorithm || map.get(KTY) !== algorithm.kty) throw new CeremonyError('a public key of an unknown kind')
  const key = importKey(algorithm, map)
  return { algorithm: id as number, verifies: (data, signature) => verifies(algorithm, key, data, signature) }
}

function importKey({ kty, curve }: Algorithm, map: ReadonlyMap<unknown, unknown>): KeyObject {
  const part = (label: number, size?: number): string => {
    const value = map.get(label)
    if (!(value instanceof Uint8Array) || (size !== undefined && value.length !== size)) throw new CeremonyError('a malformed public key')
    return Buffer.from(value).toString('base64url')
  }
  if (curve && map.get(CRV) !== curve.id) throw new CeremonyError('a public key on another curve')
  const jwk: JsonWebKey =
    kty === 3
      ? { kty: 'RSA', n: part(N!), e: part(E!) }
      : kty === 2
        ? { kty: 'EC', crv: curve!.name, x: part(X!, curve!.size), y: part(Y!, curve!.size) }
        : { kty: 'OKP', crv: curve!.name, x: part(X!, curve!.size) }
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    if (kty === 3 && (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS) throw new CeremonyError('an RSA key that is too short')
    return key
  } catch (error) {
    throw error instanceof CeremonyError ? error : new CeremonyError('a malformed public key', { cause: error })
  }
}

function verifies({ hash, pss }: Algorithm, key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    return pss
      ? verify(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature)
      : verify(hash, data, key, signature)
  } catch {
    return false // not even the form of a signature
  }
}
