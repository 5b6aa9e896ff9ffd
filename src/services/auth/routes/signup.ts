import { z } from 'zod'
import { signInAnonymously } from '../accounts/anonymous.ts'
import { signUp } from '../accounts/sign-up.ts'
import { errors } from '../errors.ts'
import { object, readBody, string } from '../request/body.ts'
import { ok } from '../request/call.ts'
import { publicRoute } from '../route.ts'

const body = z.object({
  email: string,
  phone: string,
  password: string,
  data: object,
  channel: string,
  code_challenge: string,
  code_challenge_method: string,
})

/** A new account; without an address an anonymous one. */
export const signup = publicRoute({
  method: 'POST',
  path: '/signup',
  captcha: true,
  async handle(call, state) {
    const params = readBody(call, body)
    if (params.email === '' && params.phone === '') {
      if (!state.env.GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED) throw errors.anonymousDisabled()
      await state.limits.request('anonymous', call)
      return ok(await signInAnonymously(state, call, params.data))
    }
    await state.limits.request('signup', call)
    return ok(
      await signUp(state, call, { ...params, codeChallenge: params.code_challenge, codeChallengeMethod: params.code_challenge_method }),
    )
  },
})
