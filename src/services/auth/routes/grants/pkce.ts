import { z } from 'zod'
import { audit } from '../../accounts/audit.ts'
import { errors } from '../../errors.ts'
import { readBody, string } from '../../request/body.ts'
import type { Call } from '../../request/call.ts'
import { verifierFits } from '../../request/pkce.ts'
import type { AuthState } from '../../state.ts'
import { type FlowState, findFlowStateByCode, takeFlowState } from '../../tables/flow-states.ts'
import { findUserById } from '../../tables/users.ts'
import type { TokenAnswer } from '../../tokens/answer.ts'
import { issueSession } from '../../tokens/issue.ts'
import { tokenTransaction } from '../../tokens/transaction.ts'

const body = z.object({ auth_code: string, code_verifier: string })

/** The code of a link or a provider, and the verifier that only its beginner has. A wrong verifier does not use the code up. */
export async function pkceGrant(call: Call, state: AuthState): Promise<TokenAnswer> {
  const { auth_code: code, code_verifier: verifier } = readBody(call, body)
  if (code === '' || verifier === '') throw errors.validation('invalid request: both auth code and code verifier should be non-empty')
  const flow = await findFlowStateByCode(state.pool, code)
  if (!flow?.user_id || !flow.code_challenge || !flow.code_challenge_method) throw errors.flowNotFound()
  if (isOver(flow, state.env.GOTRUE_EXTERNAL_FLOW_STATE_EXPIRY_DURATION)) throw errors.flowExpired()
  if (!verifierFits({ challenge: flow.code_challenge, method: flow.code_challenge_method }, verifier)) throw errors.badCodeVerifier()
  const user = await findUserById(state.pool, flow.user_id)
  if (!user) throw errors.flowNotFound()
  return tokenTransaction(state, async (tx) => {
    if (!(await takeFlowState(tx, flow.id))) throw errors.flowNotFound()
    await audit(state, tx, call, user, 'login', { provider_type: flow.provider_type })
    const answer = await issueSession(state, tx, call, user, flow.authentication_method)
    return {
      ...answer,
      ...(flow.provider_access_token ? { provider_token: flow.provider_access_token } : {}),
      ...(flow.provider_refresh_token ? { provider_refresh_token: flow.provider_refresh_token } : {}),
    }
  })
}

/** Magic links count from the moment the link was opened: mails may lie a while. */
function isOver(flow: FlowState, lifeMs: number): boolean {
  const from = flow.authentication_method === 'magiclink' && flow.auth_code_issued_at ? flow.auth_code_issued_at : flow.created_at
  return Date.now() > from.getTime() + lifeMs
}
