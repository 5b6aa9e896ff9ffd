import { errors } from '../../errors.ts'
import { errorRedirect, readAuthorizationRequest, requestProblem } from '../../oauth-server/authorization-request.ts'
import { requireOAuthServer } from '../../oauth-server/gate.ts'
import { isUuid } from '../../request/addresses.ts'
import { redirect } from '../../request/call.ts'
import { publicRoute } from '../../route.ts'
import type { AuthState } from '../../state.ts'
import { insertAuthorization, type NewAuthorization } from '../../tables/oauth-authorizations.ts'
import { findClient } from '../../tables/oauth-clients.ts'

/** A client sends a person here; the person is sent on to the site's consent page. Nobody is sent to an address that is not registered. */
export const oauthAuthorize = publicRoute({
  method: 'GET',
  path: '/oauth/authorize',
  gate: requireOAuthServer,
  async handle(call, state) {
    const request = readAuthorizationRequest(call.query, state.env)
    if (request.clientId === '') throw errors.validation('client_id is required')
    if (request.redirectUri === '') throw errors.validation('redirect_uri is required')
    if (!isUuid(request.clientId)) throw errors.clientUnknown('invalid client_id format')
    const client = await findClient(state.pool, request.clientId)
    if (!client) throw errors.clientUnknown('invalid client_id')
    if (!client.redirectUris.includes(request.redirectUri)) throw errors.validation('invalid redirect_uri')

    const refuse = (error: 'invalid_request' | 'server_error', why: string) =>
      redirect(302, errorRedirect(request.redirectUri, error, why, request.state))
    const problem = requestProblem(request)
    if (problem) return refuse('invalid_request', problem)
    const id = await store(state, {
      clientId: client.id,
      redirectUri: request.redirectUri,
      scope: request.scope,
      state: request.state,
      resource: request.resource,
      challenge: request.challenge,
      method: request.challengeMethod.toLowerCase() as 's256' | 'plain',
      nonce: request.nonce,
      lifeMs: state.env.GOTRUE_OAUTH_SERVER_AUTHORIZATION_TTL,
    })
    if (id === undefined) return refuse('server_error', 'error creating authorization')
    const path = state.env.GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH
    if (path === '') return refuse('server_error', 'oauth authorization path not configured')
    const page = `${state.env.GOTRUE_SITE_URL.replace(/\/+$/, '')}${path.startsWith('/') ? '' : '/'}${path}`
    return redirect(302, `${page}?authorization_id=${id}`)
  },
})

/** The client learns of a failure (a state of 5,000 characters, say), and the log of its reason. */
async function store(state: AuthState, request: NewAuthorization): Promise<string | undefined> {
  try {
    return await insertAuthorization(state.pool, request)
  } catch (error) {
    state.log.error({ err: error, client_id: request.clientId }, 'an authorization request could not be stored')
    return undefined
  }
}
