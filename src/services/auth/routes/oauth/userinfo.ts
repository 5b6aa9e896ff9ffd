import { userInfo } from '../../oauth-server/claims.ts'
import { requireOAuthServer } from '../../oauth-server/gate.ts'
import { parseScopes } from '../../oauth-server/scopes.ts'
import { ok } from '../../request/call.ts'
import { userRoute } from '../../route.ts'

/** What the scopes of the token's session open; a session of the site itself has none. */
export const oauthUserinfo = userRoute({
  method: 'GET',
  path: '/oauth/userinfo',
  gate: requireOAuthServer,
  handle: async (call) => ok(userInfo(call.user, parseScopes(call.session?.scopes ?? ''))),
})
