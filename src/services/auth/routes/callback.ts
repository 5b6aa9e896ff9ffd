import { errors } from '../errors.ts'
import { finishAtProvider } from '../providers/finish.ts'
import { callbackError, stateError } from '../providers/redirect-error.ts'
import { isUuid } from '../request/addresses.ts'
import { type Answer, formOf, redirect } from '../request/call.ts'
import { publicRoute } from '../route.ts'
import type { AuthState } from '../state.ts'
import { findProviderFlow, type ProviderFlow } from '../tables/flow-states.ts'
import { findUserById, type User } from '../tables/users.ts'

interface Found {
  readonly flow: ProviderFlow
  readonly linkTo: User | undefined
}

/** A person comes back from a provider, by a link or by a form that the provider posted. */
const callback = (method: 'GET' | 'POST') =>
  publicRoute({
    method,
    path: '/callback',
    async handle(call, state): Promise<Answer> {
      const values = method === 'POST' ? formOf(call) : call.query
      let found: Found
      try {
        found = await findFlow(state, values.get('state') ?? '')
      } catch (error) {
        return redirect(303, stateError(error, call, state))
      }
      const target = state.env.GOTRUE_EXTERNAL_REDIRECTURL || found.flow.referrer || state.env.GOTRUE_SITE_URL
      try {
        return redirect(302, await finishAtProvider(state, call, { ...found, values, target }))
      } catch (error) {
        return redirect(302, callbackError(error, target, call, state))
      }
    },
  })
export const callbackGet = callback('GET')
export const callbackPost = callback('POST')

async function findFlow({ env, pool }: AuthState, id: string): Promise<Found> {
  if (id === '') throw errors.badCallback('OAuth state parameter missing')
  if (!isUuid(id)) throw errors.badState('OAuth state parameter is invalid')
  const flow = await findProviderFlow(pool, id)
  if (!flow) throw errors.badState('OAuth state not found or expired')
  if (Date.now() > flow.created_at.getTime() + env.GOTRUE_EXTERNAL_FLOW_STATE_EXPIRY_DURATION)
    throw errors.badState('OAuth state has expired')
  if (flow.code_challenge && flow.user_id) throw errors.flowStateUsed()
  if (!flow.linking_target_id) return { flow, linkTo: undefined }
  const linkTo = await findUserById(pool, flow.linking_target_id)
  if (!linkTo) throw errors.linkTargetNotFound()
  return { flow, linkTo }
}
