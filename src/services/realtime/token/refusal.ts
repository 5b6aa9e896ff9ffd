// Why a token is not accepted, in upstream's words: as a handshake says it, as a join does, and as a channel does that it ends.

export type TokenProblem =
  | { readonly kind: 'missing' }
  | { readonly kind: 'expired'; readonly seconds: number }
  | { readonly kind: 'claims' }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'signature' }
  | { readonly kind: 'signer'; readonly kid?: string }

const CLAIMS = 'Fields `role` and `exp` are required in JWT'
const MALFORMED = 'The token provided is not a valid JWT'
const SIGNATURE = 'Failed to validate JWT signature'

const signer = (kid: string | undefined): string =>
  kid === undefined
    ? 'Failed to generate JWT signer, check your JWT secret or JWKS configuration'
    : `Failed to generate JWT signer for key ID (kid) ${JSON.stringify(kid)}, check your JWT secret or JWKS configuration`

export class TokenRefused extends Error {
  readonly problem: TokenProblem
  constructor(problem: TokenProblem) {
    super(inHandshake(problem))
    this.name = 'TokenRefused'
    this.problem = problem
  }
}

export function inHandshake(problem: TokenProblem): string {
  switch (problem.kind) {
    case 'missing':
      return 'API key is missing'
    case 'expired':
      return 'Token has expired'
    case 'claims':
      return CLAIMS
    case 'malformed':
      return MALFORMED
    case 'signature':
      return SIGNATURE
    case 'signer':
      return signer(problem.kid)
  }
}

/** With the code before it. */
export function inJoin(problem: TokenProblem): string {
  switch (problem.kind) {
    case 'missing':
    case 'malformed':
      return `MalformedJWT: ${MALFORMED}`
    case 'expired':
      return `InvalidJWTToken: ${expired(problem.seconds)}`
    case 'claims':
      return `InvalidJWTToken: ${CLAIMS}`
    case 'signature':
      return `JwtSignatureError: ${SIGNATURE}`
    case 'signer':
      return `JwtSignerError: ${signer(problem.kid)}`
  }
}

/** In the system message of a channel that ends. */
export function onChannel(problem: TokenProblem): string {
  switch (problem.kind) {
    case 'expired':
      return expired(problem.seconds)
    case 'signature':
      return ':signature_error'
    case 'signer':
      return signer(problem.kid)
    case 'claims':
      return CLAIMS
    default:
      return MALFORMED
  }
}

const expired = (seconds: number): string => `Token has expired ${seconds} seconds ago`
