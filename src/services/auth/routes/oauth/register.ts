import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import { errors } from '../../errors.ts'
import { acceptRegistration, newSecret, registration, secretHash, showClient } from '../../oauth-server/clients.ts'
import { requireOAuthServer } from '../../oauth-server/gate.ts'
import { readBody } from '../../request/body.ts'
import type { Answer, Call } from '../../request/call.ts'
import { publicRoute } from '../../route.ts'
import type { AuthState } from '../../state.ts'
import { insertClient, type RegistrationType } from '../../tables/oauth-clients.ts'

/** A client that introduces itself (RFC 7591). */
export const registerClient = publicRoute({
  method: 'POST',
  path: '/oauth/clients/register',
  gate: requireOAuthServer,
  limit: 'client-register',
  async handle(call, state) {
    if (!state.env.GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION) throw errors.registrationDisabled()
    return makeClient(state, call, 'dynamic')
  },
})

export async function makeClient(state: AuthState, call: Call, registrationType: RegistrationType): Promise<Answer> {
  const described = acceptRegistration(readClientBody(call, registration), registrationType)
  const secret = described.type === 'confidential' ? newSecret() : undefined
  const client = await insertClient(state.pool, {
    ...described,
    id: randomUUID(),
    secretHash: secret === undefined ? '' : secretHash(secret),
  })
  return { status: 201, json: showClient(client, secret) }
}

/** Here upstream says nothing about what is wrong with a body. */
export function readClientBody<Shape extends z.ZodRawShape>(
  call: Call,
  shape: z.ZodObject<Shape>,
  words = 'Invalid JSON body',
): z.output<z.ZodObject<Shape>> {
  try {
    return readBody(call, shape)
  } catch (error) {
    throw errors.badBody(words, error)
  }
}
