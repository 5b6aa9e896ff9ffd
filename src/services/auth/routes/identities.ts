import { audit } from '../accounts/audit.ts'
import { unlinkIdentity } from '../accounts/unlink.ts'
import { errors } from '../errors.ts'
import { sendNotice } from '../otp/notices.ts'
import { beginAtProvider } from '../providers/begin.ts'
import { isUuid } from '../request/addresses.ts'
import { audienceOf, tokenAudience } from '../request/bearer.ts'
import { ok, redirect } from '../request/call.ts'
import { userRoute } from '../route.ts'
import type { AuthState } from '../state.ts'
import { transaction } from '../tables/database.ts'

function requireLinking({ env }: AuthState): void {
  if (!env.GOTRUE_SECURITY_MANUAL_LINKING_ENABLED) throw errors.linkingDisabled()
}

/** Begins to link an identity of a provider to the caller. */
export const linkIdentity = userRoute({
  method: 'GET',
  path: '/user/identities/authorize',
  async handle(call, state) {
    requireLinking(state)
    const url = await beginAtProvider(state, call, call.user.id)
    return call.query.get('skip_http_redirect') === 'true' ? ok({ url }) : redirect(302, url)
  },
})

export const deleteIdentityRoute = userRoute({
  method: 'DELETE',
  path: '/user/identities/:identity_id',
  async handle(call, state) {
    requireLinking(state)
    if (audienceOf(state, call) !== tokenAudience(call.claims)) throw errors.otherAudience()
    const id = call.params['identity_id'] ?? ''
    if (!isUuid(id)) throw errors.validation404('identity_id must be an UUID')
    const { user } = call
    if (user.identities.length <= 1) throw errors.lastIdentity()
    const identity = user.identities.find((candidate) => candidate.id === id)
    if (!identity) throw errors.identityNotFound()
    const changed = await transaction(state.pool, async (tx) => {
      await audit(state, tx, call, user, 'identity_unlinked', {
        identity_id: identity.id,
        provider: identity.provider,
        provider_id: identity.provider_id,
      })
      return unlinkIdentity(state, tx, user, identity)
    })
    await sendNotice(state, call, changed, 'IDENTITY_UNLINKED', { provider: identity.provider })
    return ok({})
  },
})
