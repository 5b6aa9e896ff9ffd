// What others need to verify our tokens.
import { requireOAuthServer } from '../oauth-server/gate.ts'
import { SCOPES } from '../oauth-server/scopes.ts'
import { ok } from '../request/call.ts'
import { publicRoute } from '../route.ts'
import type { AuthState } from '../state.ts'

const CACHED = { 'cache-control': 'public, max-age=600' }

/** Public keys only; none while tokens are signed with the shared secret. */
export const jwks = publicRoute({
  method: 'GET',
  path: '/.well-known/jwks.json',
  handle: async (_call, { keys }) => ok(keys.jwks, CACHED),
})

export const openidConfiguration = publicRoute({
  method: 'GET',
  path: '/.well-known/openid-configuration',
  handle: async (_call, state) => ok(discovery(state), CACHED),
})

export const oauthAuthorizationServer = publicRoute({
  method: 'GET',
  path: '/.well-known/oauth-authorization-server',
  gate: requireOAuthServer,
  handle: async (_call, state) => ok(discovery(state), CACHED),
})

function discovery({ env }: AuthState) {
  const issuer = env.GOTRUE_JWT_ISSUER || env.API_EXTERNAL_URL
  const base = issuer.replace(/\/+$/, '')
  const registers = env.GOTRUE_OAUTH_SERVER_ENABLED && env.GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION
  return {
    issuer,
    authorization_endpoint: `${base}/oauth/authorize`,
    token_endpoint: `${base}/oauth/token`,
    jwks_uri: `${base}/.well-known/jwks.json`,
    userinfo_endpoint: `${base}/oauth/userinfo`,
    ...(registers ? { registration_endpoint: `${base}/oauth/clients/register` } : {}),
    scopes_supported: SCOPES,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256', 'HS256', 'ES256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
    claims_supported: [
      'sub',
      'aud',
      'iss',
      'exp',
      'iat',
      'auth_time',
      'nonce',
      'email',
      'email_verified',
      'phone_number',
      'phone_number_verified',
      'name',
      'picture',
      'preferred_username',
      'updated_at',
    ],
    code_challenge_methods_supported: ['S256', 'plain'],
  }
}
