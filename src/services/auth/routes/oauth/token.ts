import { z } from 'zod'
import { audit } from '../../accounts/audit.ts'
import { errors, OAuthError } from '../../errors.ts'
import { authenticateClient, isJson } from '../../oauth-server/client-auth.ts'
import { requireOAuthServer } from '../../oauth-server/gate.ts'
import { makeIdToken } from '../../oauth-server/id-token.ts'
import { parseScopes } from '../../oauth-server/scopes.ts'
import { string } from '../../request/body.ts'
import { type Answer, type Call, formValue, ok } from '../../request/call.ts'
import { verifierFits } from '../../request/pkce.ts'
import { publicRoute } from '../../route.ts'
import type { AuthState } from '../../state.ts'
import { type Authorization, findAuthorizationByCode, takeAuthorization } from '../../tables/oauth-authorizations.ts'
import type { OAuthClient } from '../../tables/oauth-clients.ts'
import { findUserById, isBanned, type User } from '../../tables/users.ts'
import type { TokenAnswer } from '../../tokens/answer.ts'
import { issueSession } from '../../tokens/issue.ts'
import { refreshSession } from '../../tokens/refresh.ts'
import { tokenTransaction } from '../../tokens/transaction.ts'

const FIELDS = ['grant_type', 'code', 'refresh_token', 'redirect_uri', 'code_verifier'] as const
const body = z.object({
  grant_type: string,
  code: string,
  refresh_token: string,
  redirect_uri: string,
  code_verifier: string,
  resource: string,
})
type Params = z.output<typeof body>

/** A code or a refresh token for tokens, to a client that shows who it is. */
export const oauthToken = publicRoute({
  method: 'POST',
  path: '/oauth/token',
  gate: requireOAuthServer,
  async handle(call, state) {
    const client = await authenticateClient(state, call)
    const params = read(call)
    if (params.grant_type === '') throw new OAuthError('invalid_request', 'grant_type is required')
    if (!client.grantTypes.includes(params.grant_type))
      throw new OAuthError('unsupported_grant_type', `Client is not allowed to use grant type: ${params.grant_type}`)
    switch (params.grant_type) {
      case 'authorization_code':
        return exchangeCode(state, call, client, params)
      case 'refresh_token':
        return refresh(state, call, client, params)
      default:
        throw new OAuthError('unsupported_grant_type', `Unsupported grant type: ${params.grant_type}`)
    }
  },
})

function read(call: Call): Params {
  if (!isJson(call))
    return { ...(Object.fromEntries(FIELDS.map((name) => [name, formValue(call, name)])) as Omit<Params, 'resource'>), resource: '' }
  try {
    return body.parse(JSON.parse(call.body))
  } catch {
    throw new OAuthError('invalid_request', 'Invalid JSON body') // the parser's words would quote a secret
  }
}

const refused = (why: string) => new OAuthError('invalid_grant', why)

async function exchangeCode(state: AuthState, call: Call, client: OAuthClient, params: Params): Promise<Answer> {
  if (params.code === '') throw new OAuthError('invalid_request', 'code is required for authorization_code grant')
  const authorization = await findAuthorizationByCode(state.pool, params.code)
  if (!authorization) throw refused('Invalid authorization code')
  checkExchange(authorization, client, params)
  if (authorization.user_id === null) throw refused('Authorization code has no associated user')
  const user = await findUserById(state.pool, authorization.user_id)
  if (!user) throw refused('User not found for authorization code')
  if (isBanned(user)) throw new OAuthError('access_denied', 'User is banned')
  const { scope } = authorization
  const tokens = await tokenTransaction(state, async (tx) => {
    if (!(await takeAuthorization(tx, authorization.id))) throw refused('Invalid authorization code')
    await audit(state, tx, call, user, 'login', { provider_type: 'oauth_provider_authorization_code', client_id: client.id })
    return issueSession(state, tx, call, user, 'oauth_provider/authorization_code', { oauthClientId: client.id, scopes: scope })
  })
  const scopes = parseScopes(scope)
  if (!scopes.includes('openid')) return ok(shown(tokens))
  return ok({ ...shown(tokens), id_token: await idToken(state, user, client.id, authorization.nonce ?? '', scopes) })
}

function checkExchange(authorization: Authorization, client: OAuthClient, params: Params): void {
  if (Date.now() > authorization.expires_at.getTime()) throw refused('Authorization code has expired')
  if (authorization.client_id !== client.id) throw refused('Authorization code was not issued for this client')
  if (params.resource !== '' && params.resource !== authorization.resource)
    throw refused('Authorization code resource does not match the resource parameter')
  if (params.redirect_uri !== '' && params.redirect_uri !== authorization.redirect_uri) throw refused('Invalid redirect_uri')
  const { code_challenge: challenge, code_challenge_method: method } = authorization
  if (!challenge) return
  if (params.code_verifier === '') throw refused('PKCE verification failed: code_verifier is required when PKCE challenge is present')
  if (!verifierFits({ challenge, method: method ?? 'plain' }, params.code_verifier))
    throw refused('PKCE verification failed: code challenge does not match previously saved code verifier')
}

async function idToken(state: AuthState, user: User, clientId: string, nonce: string, scopes: readonly string[]): Promise<string> {
  try {
    return await makeIdToken(state, { user, clientId, nonce, scopes })
  } catch (error) {
    throw errors.failure('Error generating ID token', error)
  }
}

async function refresh(state: AuthState, call: Call, client: OAuthClient, params: Params): Promise<Answer> {
  if (params.refresh_token === '') throw new OAuthError('invalid_request', 'refresh_token is required for refresh_token grant')
  return ok(shown(await refreshSession(state, call, params.refresh_token, client.id)))
}

/** Clients learn nothing of the person here. */
const shown = ({ access_token, token_type, expires_in, refresh_token }: TokenAnswer) => ({
  access_token,
  token_type,
  expires_in,
  refresh_token,
})
