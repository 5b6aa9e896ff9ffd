// Signatures by elliptic curves, which xml-crypto does not know: the two halves one after the other (RFC 4050), not in DER.
import { createPublicKey, type KeyLike, type KeyObject, sign, verify } from 'node:crypto'
import type { SignatureAlgorithm } from 'xml-crypto'

const PREFIX = 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-'

function algorithm(hash: string): new () => SignatureAlgorithm {
  return class implements SignatureAlgorithm {
    getSignature(data: unknown, key: unknown): string {
      return sign(hash, Buffer.from(String(data)), { key: key as KeyObject, dsaEncoding: 'ieee-p1363' }).toString('base64')
    }
    verifySignature(data: string, key: KeyLike, value: string): boolean {
      const known = createPublicKey(key)
      // A key of another kind would be asked by its own rules.
      if (known.asymmetricKeyType !== 'ec') return false
      return verify(hash, Buffer.from(data), { key: known, dsaEncoding: 'ieee-p1363' }, Buffer.from(value, 'base64'))
    }
    getAlgorithmName(): string {
      return PREFIX + hash
    }
  }
}

/** By the names that documents give them. */
export const ECDSA: Readonly<Record<string, new () => SignatureAlgorithm>> = Object.fromEntries(
  ['sha256', 'sha384', 'sha512'].map((hash) => [PREFIX + hash, algorithm(hash)]),
)
