import { audit } from '../../accounts/audit.ts'
import { errors } from '../../errors.ts'
import { showAppOf } from '../../oauth-server/clients.ts'
import { requireOAuthServer } from '../../oauth-server/gate.ts'
import { parseScopes } from '../../oauth-server/scopes.ts'
import { isUuid } from '../../request/addresses.ts'
import { ok } from '../../request/call.ts'
import { userRoute } from '../../route.ts'
import { transaction } from '../../tables/database.ts'
import { listGrants, revokeConsent } from '../../tables/oauth-consents.ts'
import { deleteClientSessions } from '../../tables/sessions.ts'

/** What a person has allowed, and to whom. */
export const listOwnGrants = userRoute({
  method: 'GET',
  path: '/user/oauth/grants',
  async handle(call, state) {
    requireOAuthServer(state.env)
    const grants = await listGrants(state.pool, call.user.id)
    return ok(
      grants.map((grant) => ({
        client: showAppOf({ id: grant.client_id, name: grant.client_name, uri: grant.client_uri, logoUri: grant.logo_uri }),
        scopes: parseScopes(grant.scopes),
        granted_at: grant.granted_at.toISOString(),
      })),
    )
  },
})

/** The client's sessions end with it, so that its tokens are worth nothing here. */
export const revokeOwnGrant = userRoute({
  method: 'DELETE',
  path: '/user/oauth/grants',
  async handle(call, state) {
    requireOAuthServer(state.env)
    const clientId = call.query.get('client_id') ?? ''
    if (clientId === '') throw errors.validation('client_id query parameter is required')
    if (!isUuid(clientId)) throw errors.validation('invalid client_id format')
    await transaction(state.pool, async (tx) => {
      if (!(await revokeConsent(tx, call.user.id, clientId))) throw errors.grantNotFound()
      await deleteClientSessions(tx, call.user.id, clientId)
      await audit(state, tx, call, call.user, 'token_revoked', { oauth_client_id: clientId, action: 'revoke_oauth_grant' })
    })
    return { status: 204 }
  },
})
