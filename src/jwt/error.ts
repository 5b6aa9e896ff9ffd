// Why a token was refused. Each service gives these reasons its own upstream's words.

export type JwtRefusal =
  /** Not three parts, or a part that is no base64url or no JSON; `parts` says how many there were. */
  | 'malformed'
  /** `alg` is `none`, unknown, or not among the allowed ones; `algorithm` names it. */
  | 'algorithm'
  /** No key fits the token's algorithm and `kid`. */
  | 'key'
  | 'signature'
  /** The payload is not a JSON object. */
  | 'claims'
  /** `exp`, `nbf` or `iat` is not a number; `claim` says which. */
  | 'claim-type'
  /** `exp` is over. */
  | 'expired'
  /** `nbf` lies in the future. */
  | 'not-yet'
  /** `iat` lies in the future. */
  | 'issued-later'

export interface JwtErrorDetails {
  readonly parts?: number
  readonly algorithm?: string
  readonly claim?: 'exp' | 'nbf' | 'iat'
}

const WORDS: Readonly<Record<JwtRefusal, string>> = {
  malformed: 'The token is not a JWT',
  algorithm: 'The algorithm of the token is not accepted',
  key: 'No key fits the token',
  signature: 'The signature of the token is wrong',
  claims: 'The payload of the token is not a JSON object',
  'claim-type': 'A time claim of the token is not a number',
  expired: 'The token has expired',
  'not-yet': 'The token is not valid yet',
  'issued-later': 'The token was issued in the future',
}

/** A token that is not accepted. Holds no part of the token but the name of its algorithm. */
export class JwtError extends Error {
  readonly reason: JwtRefusal
  readonly parts: number | undefined
  readonly algorithm: string | undefined
  readonly claim: 'exp' | 'nbf' | 'iat' | undefined
  constructor(reason: JwtRefusal, details: JwtErrorDetails = {}) {
    super(WORDS[reason])
    this.name = 'JwtError'
    this.reason = reason
    this.parts = details.parts
    this.algorithm = details.algorithm
    this.claim = details.claim
  }
}
