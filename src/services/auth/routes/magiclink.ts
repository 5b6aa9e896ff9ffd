import { z } from 'zod'
import { magicLink } from '../accounts/magic-link.ts'
import { AuthError } from '../errors.ts'
import { object, readBody, string } from '../request/body.ts'
import type { Call } from '../request/call.ts'
import { publicRoute } from '../route.ts'

const body = z.object({ email: string, data: object, code_challenge: string, code_challenge_method: string })

/** A link by mail; `/otp` is the newer way to it. */
export const magiclink = publicRoute({
  method: 'POST',
  path: '/magiclink',
  limit: 'magiclink',
  captcha: true,
  async handle(call, state) {
    const params = read(call)
    return magicLink(state, call, { ...params, codeChallenge: params.code_challenge, codeChallengeMethod: params.code_challenge_method })
  },
})

function read(call: Call): z.output<typeof body> {
  try {
    return readBody(call, body)
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    throw new AuthError(
      400,
      'bad_json',
      error.message.replace(/^Could not parse request body as JSON/, 'Could not read verification params'),
    )
  }
}
