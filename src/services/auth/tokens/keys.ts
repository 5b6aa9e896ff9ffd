// The keys that sign and verify access tokens: GOTRUE_JWT_KEYS where given, else the shared secret.
import { type Algorithm, isAlgorithm } from '../../../jwt/algorithms.ts'
import type { JwtError } from '../../../jwt/error.ts'
import {
  type Jwk,
  joinKeySets,
  type KeySet,
  keySetFrom,
  publicJwks,
  type SigningKey,
  signingKeyFrom,
  signingKeysOf,
} from '../../../jwt/keys.ts'
import { JwtVerifier } from '../../../jwt/verifier.ts'
import type { AuthEnv } from '../env.ts'

export interface TokenKeys {
  readonly signing: SigningKey
  readonly verifier: JwtVerifier
  readonly jwks: { readonly keys: readonly Jwk[] }
}

export function tokenKeys(env: AuthEnv): TokenKeys {
  const secret = signingKeyFrom(env.GOTRUE_JWT_SECRET)
  const secretSet: KeySet = {
    keys: [{ kid: undefined, type: 'oct', algorithms: ['HS256'], key: secret.key, publicJwk: undefined, signing: undefined }],
  }
  const configured = env.GOTRUE_JWT_KEYS ? keySetFrom(env.GOTRUE_JWT_KEYS) : undefined
  const signers = configured ? signingKeysOf(configured) : []
  if (configured && signers.length !== 1)
    throw new Error(`Cannot use GOTRUE_JWT_KEYS: exactly one key may sign (key_ops with "sign"), there are ${signers.length}`)
  const named = env.GOTRUE_JWT_VALID_METHODS ?? env.GOTRUE_JWT_VALIDMETHODS
  const algorithms: readonly Algorithm[] = named
    ? named.filter(isAlgorithm)
    : configured
      ? [...new Set(configured.keys.flatMap((key) => key.algorithms))]
      : ['HS256']
  return {
    signing: signers[0] ?? { ...secret, kid: env.GOTRUE_JWT_KEY_ID },
    // A token whose kid nobody knows may still be one of the shared secret: that is how upstream reads keys of older days.
    verifier: new JwtVerifier(configured ? joinKeySets(configured, secretSet) : secretSet, {
      algorithms,
      keyChoice: 'kid-or-secret',
      checkIssuedAt: false,
    }),
    jwks: configured ? publicJwks(configured) : { keys: [] },
  }
}

/** The words of Go's JWT library, which clients see. */
export function refusalOf(error: JwtError): string {
  switch (error.reason) {
    case 'malformed':
      return error.parts === 3 || error.parts === undefined
        ? 'token is malformed: could not base64 decode header'
        : 'token is malformed: token contains an invalid number of segments'
    case 'algorithm':
      return `token signature is invalid: signing method ${error.algorithm} is invalid`
    case 'key':
      return `token is unverifiable: error while executing keyfunc: unrecognized JWT kid for algorithm ${error.algorithm}`
    case 'signature':
      return 'token signature is invalid: signature is invalid'
    case 'expired':
      return 'token has invalid claims: token is expired'
    case 'not-yet':
      return 'token has invalid claims: token is not valid yet'
    default:
      return 'token has invalid claims'
  }
}
