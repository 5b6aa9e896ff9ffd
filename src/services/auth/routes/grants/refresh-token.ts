import { z } from 'zod'
import { readBody, string } from '../../request/body.ts'
import type { Call } from '../../request/call.ts'
import type { AuthState } from '../../state.ts'
import type { TokenAnswer } from '../../tokens/answer.ts'
import { refreshSession } from '../../tokens/refresh.ts'

const body = z.object({ refresh_token: string })

export const refreshTokenGrant = async (call: Call, state: AuthState): Promise<TokenAnswer> =>
  refreshSession(state, call, readBody(call, body).refresh_token)
