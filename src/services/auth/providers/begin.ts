// The beginning of a sign-in by a provider: what must be remembered is a row, its id the state that comes back, and the browser is sent.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { errors } from '../errors.ts'
import type { Call } from '../request/call.ts'
import { type Challenge, checkChallenge } from '../request/pkce.ts'
import { redirectTarget } from '../request/redirect-target.ts'
import type { AuthState } from '../state.ts'
import { insertProviderFlow } from '../tables/flow-states.ts'
import { insertClientState } from '../tables/oauth-client-states.ts'
import { findUserIdByToken } from '../tables/one-time-tokens.ts'
import { authorizeUrl, passedOn } from './authorize-url.ts'
import { type OpenedProvider, openProvider } from './known.ts'
import { ProviderError } from './provider.ts'

/** The URL of the provider; `linkTo` is the user that the identity shall belong to. */
export async function beginAtProvider(state: AuthState, call: Call, linkTo?: string): Promise<string> {
  const { query } = call
  const name = (query.get('provider') ?? '').toLowerCase()
  const opened = await open(state, name, query.get('scopes') ?? '')
  const inviteToken = query.get('invite_token') ?? ''
  if (inviteToken !== '' && !(await findUserIdByToken(state.pool, inviteToken, ['confirmation_token']))) throw errors.tokenUserNotFound()
  const challenge = acceptFlowChallenge(query.get('code_challenge') ?? '', query.get('code_challenge_method') ?? '')
  const id = randomUUID()
  const { provider, settings } = opened
  const verifier = 'pkce' in provider && provider.pkce ? randomBytes(32).toString('base64url') : undefined
  await insertProviderFlow(state.pool, {
    id,
    providerType: name,
    method: 'oauth',
    challenge,
    inviteToken,
    referrer: redirectTarget(call, state.redirects),
    emailOptional: settings.emailOptional,
    ...(verifier === undefined ? {} : { clientStateId: await insertClientState(state.pool, name, verifier) }),
    ...(linkTo === undefined ? {} : { linkingTargetId: linkTo }),
  })
  if ('begin' in provider) {
    try {
      return await provider.begin(state.outgoing, id)
    } catch (error) {
      throw errors.failure('Error getting request token from external provider', error)
    }
  }
  const s256 = verifier && createHash('sha256').update(verifier).digest('base64url')
  return authorizeUrl(provider, settings, id, passedOn(query), s256)
}

async function open(state: AuthState, name: string, scopes: string): Promise<OpenedProvider> {
  try {
    return await openProvider(state, name, scopes)
  } catch (error) {
    if (error instanceof ProviderError) throw errors.validation(`Unsupported provider: ${error.message}`, error.cause)
    throw error
  }
}

/** Of the client's PKCE; here an unknown method is the caller's fault. */
export function acceptFlowChallenge(challenge: string, method: string): Challenge | undefined {
  checkChallenge(challenge, method)
  if (challenge === '') return undefined
  const name = method.toLowerCase()
  if (name !== 's256' && name !== 'plain') throw errors.validation('Invalid code_challenge_method')
  return { challenge, method: name }
}
