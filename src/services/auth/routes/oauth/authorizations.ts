import { z } from 'zod'
import { errors } from '../../errors.ts'
import { codeRedirect, errorRedirect } from '../../oauth-server/authorization-request.ts'
import { showAppOf } from '../../oauth-server/clients.ts'
import { requireOAuthServer, requireOwnOrigin } from '../../oauth-server/gate.ts'
import { coversScopes } from '../../oauth-server/scopes.ts'
import { string } from '../../request/body.ts'
import { ok, type UserCall } from '../../request/call.ts'
import { userRoute } from '../../route.ts'
import type { AuthState } from '../../state.ts'
import { CommitWithError, type Tx, transaction } from '../../tables/database.ts'
import {
  type Authorization,
  approveAuthorization,
  lockAuthorization,
  setAuthorizationStatus,
  setAuthorizationUser,
} from '../../tables/oauth-authorizations.ts'
import { findClient } from '../../tables/oauth-clients.ts'
import { findActiveConsent, putConsent } from '../../tables/oauth-consents.ts'
import { readClientBody } from './register.ts'

/** What a client asks for, to be shown on the consent page. Where the person has agreed before, the answer is where to go. */
export const getAuthorization = userRoute({
  method: 'GET',
  path: '/oauth/authorizations/:authorization_id',
  gate: requireOAuthServer,
  async handle(call, state) {
    requireOwnOrigin(state, call)
    const { authorization, code } = await transaction(state.pool, (tx) => claim(tx, call))
    if (code !== undefined) return ok({ redirect_url: codeRedirect(authorization.redirect_uri, code, authorization.state ?? '') })
    const client = await findClient(state.pool, authorization.client_id)
    if (!client) throw errors.authorizationNotFound()
    return ok({
      authorization_id: authorization.authorization_id,
      redirect_uri: authorization.redirect_uri,
      client: showAppOf(client),
      user: { id: call.user.id, email: call.user.email || undefined },
      scope: authorization.scope,
    })
  },
})

/** Whoever opens a request first with an account, it is theirs from then on. */
async function claim(tx: Tx, call: UserCall): Promise<{ readonly authorization: Authorization; readonly code?: string }> {
  const authorization = await pending(tx, call, 'authorization request cannot be processed')
  if (authorization.user_id !== null) {
    if (authorization.user_id !== call.user.id) throw errors.authorizationNotFound()
    return { authorization }
  }
  await setAuthorizationUser(tx, authorization.id, call.user.id)
  const consent = await findActiveConsent(tx, call.user.id, authorization.client_id)
  if (!consent || !coversScopes(consent.scopes, authorization.scope)) return { authorization }
  return { authorization, code: await approveAuthorization(tx, authorization.id) }
}

async function pending(tx: Tx, call: UserCall, otherwise: string): Promise<Authorization> {
  const authorization = await lockAuthorization(tx, call.params['authorization_id'] ?? '')
  if (!authorization) throw errors.authorizationNotFound()
  if (Date.now() > authorization.expires_at.getTime()) {
    if (authorization.status === 'pending') await setAuthorizationStatus(tx, authorization.id, 'expired')
    throw new CommitWithError(errors.authorizationNotFound())
  }
  if (authorization.status !== 'pending') throw errors.validation(otherwise)
  return authorization
}

const body = z.object({ action: string })

/** The person's decision. */
export const decideAuthorization = userRoute({
  method: 'POST',
  path: '/oauth/authorizations/:authorization_id/consent',
  gate: requireOAuthServer,
  async handle(call, state) {
    requireOwnOrigin(state, call)
    const { action } = readClientBody(call, body, 'invalid JSON body')
    if (action !== 'approve' && action !== 'deny') throw errors.validation("action must be 'approve' or 'deny'")
    return ok({ redirect_url: await decide(state, call, action) })
  },
})

const decide = (state: AuthState, call: UserCall, action: 'approve' | 'deny'): Promise<string> =>
  transaction(state.pool, async (tx) => {
    const authorization = await pending(tx, call, 'authorization request is no longer pending')
    if (authorization.user_id !== call.user.id) throw errors.authorizationNotFound()
    const back = authorization.redirect_uri
    if (action === 'approve') {
      const code = await approveAuthorization(tx, authorization.id)
      await putConsent(tx, call.user.id, authorization.client_id, authorization.scope)
      return codeRedirect(back, code, authorization.state ?? '')
    }
    await setAuthorizationStatus(tx, authorization.id, 'denied')
    return errorRedirect(back, 'access_denied', 'User denied the request', authorization.state ?? '')
  })
