// Signs tokens. Claims keep the order they are given in, and nothing is added to them.
import { CompactSign } from 'jose'
import { type Jwk, type SigningKey, signingKeyFrom } from './keys.ts'

const isSigningKey = (key: SigningKey | Jwk | string | Uint8Array): key is SigningKey =>
  typeof key === 'object' && 'algorithm' in key && 'key' in key

/** A compact JWT. `key` is a key of `signingKeyFrom` or of a key set, a private JWK, or a raw secret (HS256). Header: alg, kid if the key has one, typ. */
export function signJwt(claims: Readonly<Record<string, unknown>>, key: SigningKey | Jwk | string | Uint8Array): Promise<string> {
  const { algorithm, kid, key: material } = isSigningKey(key) ? key : signingKeyFrom(key)
  return new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg: algorithm, ...(kid === undefined ? {} : { kid }), typ: 'JWT' })
    .sign(material)
}
