// ID tokens: who signed in, for one client. Only asymmetric keys sign them, since the client must be able to verify them.
import { signJwt } from '../../../jwt/sign.ts'
import type { AuthState } from '../state.ts'
import type { User } from '../tables/users.ts'
import { identityClaims } from './claims.ts'

const LIFE_SECONDS = 3_600

export interface IdTokenRequest {
  readonly user: User
  readonly clientId: string
  readonly nonce: string
  readonly scopes: readonly string[]
}

export function makeIdToken(state: AuthState, { user, clientId, nonce, scopes }: IdTokenRequest): Promise<string> {
  if (state.keys.signing.algorithm.startsWith('HS')) throw new Error('HS256 is not supported for ID token signing')
  const iat = Math.floor(Date.now() / 1_000)
  return signJwt(
    {
      ...(state.env.GOTRUE_JWT_ISSUER ? { iss: state.env.GOTRUE_JWT_ISSUER } : {}),
      sub: user.id,
      aud: clientId,
      exp: iat + LIFE_SECONDS,
      iat,
      ...(nonce ? { nonce } : {}),
      auth_time: Math.floor((user.last_sign_in_at ?? new Date()).getTime() / 1_000),
      client_id: clientId,
      ...identityClaims(user, scopes),
    },
    state.keys.signing,
  )
}
