// Users without an address: a full session at once, and an address whenever they like.
import { errors } from '../errors.ts'
import { audienceOf } from '../request/bearer.ts'
import type { JsonMap } from '../request/body.ts'
import type { Call } from '../request/call.ts'
import type { AuthState } from '../state.ts'
import type { TokenAnswer } from '../tokens/answer.ts'
import { issueSession } from '../tokens/issue.ts'
import { tokenTransaction } from '../tokens/transaction.ts'
import { afterUserCreated, beforeUserCreated, draftUser, storeUser } from './create.ts'

export async function signInAnonymously(state: AuthState, call: Call, data: JsonMap | undefined): Promise<TokenAnswer> {
  if (state.env.GOTRUE_DISABLE_SIGNUP) throw errors.signupDisabled()
  const draft = draftUser({ aud: audienceOf(state, call), data })
  await beforeUserCreated(state, call, draft)
  const { user, answer } = await tokenTransaction(state, async (tx) => {
    const stored = await storeUser(state, tx, draft)
    return { user: stored, answer: await issueSession(state, tx, call, stored, 'anonymous') }
  })
  await afterUserCreated(state, call, user)
  return answer
}
