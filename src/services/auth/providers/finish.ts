// The end of a sign-in by a provider: the code that came back is exchanged, the profile read, and the account decided on.

import { afterUserCreated } from '../accounts/create.ts'
import { acceptExternal, acceptInvited, type ExternalSignIn, linkExternal, prepareExternal } from '../accounts/external.ts'
import { errors, OAuthError } from '../errors.ts'
import { sendNotice } from '../otp/notices.ts'
import type { Call } from '../request/call.ts'
import { withFragment, withQuery } from '../request/form.ts'
import type { AuthState } from '../state.ts'
import { claimFlowState, type ProviderFlow, takeFlowState } from '../tables/flow-states.ts'
import { takeClientState } from '../tables/oauth-client-states.ts'
import type { User } from '../tables/users.ts'
import { tokenFragment } from '../tokens/answer.ts'
import { issueSession } from '../tokens/issue.ts'
import { tokenTransaction } from '../tokens/transaction.ts'
import { type ExternalUser, withRecordedEmail } from './claims.ts'
import { exchangeCode, profileClient } from './exchange.ts'
import { type OpenedProvider, openProvider } from './known.ts'
import { type OAuthProvider, ProviderError } from './provider.ts'

const CLIENT_STATE_LIFE_MS = 600_000

interface Arrival {
  readonly user: ExternalUser
  readonly accessToken: string
  readonly refreshToken: string
}

/** What a callback carries, and the flow that its state names. `values` are the parameters of the query, and of the form of a POST. */
export interface Callback {
  readonly flow: ProviderFlow
  readonly values: URLSearchParams
  /** Whom the identity shall belong to. */
  readonly linkTo: User | undefined
  readonly target: string
}

/** Where the browser goes with its session or code. */
export async function finishAtProvider(state: AuthState, call: Call, { flow, values, linkTo, target }: Callback): Promise<string> {
  const arrival = await arrive(state, flow, values)
  if (arrival.user.emails.length === 0 && !flow.email_optional) throw errors.failure('Error getting user email from external provider')
  const signIn: ExternalSignIn = {
    provider: flow.provider_type,
    user: withRecordedEmail(arrival.user),
    emailOptional: flow.email_optional,
  }
  const invited = !linkTo && flow.invite_token ? flow.invite_token : undefined
  const draft = linkTo || invited ? undefined : await prepareExternal(state, call, signIn)
  const done = await tokenTransaction(state, async (tx) => {
    const { user, created } = linkTo
      ? { user: await linkExternal(state, tx, call, signIn, linkTo), created: false }
      : invited
        ? { user: await acceptInvited(state, tx, call, signIn, invited), created: false }
        : await acceptExternal(state, tx, call, signIn, draft)
    if (flow.code_challenge) {
      const tokens = { accessToken: arrival.accessToken, refreshToken: arrival.refreshToken }
      if (!(await claimFlowState(tx, flow.id, user.id, tokens))) throw errors.flowStateUsed()
      return { user, created, location: withQuery(target, { code: flow.auth_code ?? '' }) }
    }
    const answer = await issueSession(state, tx, call, user, 'oauth')
    // Whoever deletes the row has used the state.
    if (!(await takeFlowState(tx, flow.id))) throw errors.flowStateUsed()
    const fragment = tokenFragment({
      ...answer,
      provider_token: arrival.accessToken,
      ...(arrival.refreshToken === '' ? {} : { provider_refresh_token: arrival.refreshToken }),
    })
    return { user, created, location: withFragment(target, fragment) }
  })
  if (done.created) await afterUserCreated(state, call, done.user)
  if (linkTo) await sendNotice(state, call, done.user, 'IDENTITY_LINKED', { provider: signIn.provider })
  return done.location
}

async function arrive(state: AuthState, flow: ProviderFlow, values: URLSearchParams): Promise<Arrival> {
  if (flow.provider_type === 'twitter') return arriveByOAuth1(state, flow, values)
  const told = values.get('error') ?? ''
  if (told !== '') throw new OAuthError(told, values.get('error_description') ?? '')
  const code = values.get('code') ?? ''
  if (code === '') throw errors.badCallback('OAuth callback with missing authorization code missing')
  const { provider, settings } = await open(state, flow.provider_type)
  if ('begin' in provider)
    throw errors.providerNotSupported(`Unsupported provider: Provider ${flow.provider_type} cannot be used for OAuth`)
  const verifier = await verifierOf(state, flow, provider)
  const grant = await exchangeCode(state.outgoing, provider, settings, code, verifier).catch((error: unknown) => {
    throw errors.failure(`Unable to exchange external code: ${code.slice(0, 4)}`, error)
  })
  const user = await provider.profile(profileClient(state.outgoing, provider, grant)).catch((error: unknown) => {
    throw errors.failure('Error getting user profile from external provider', error)
  })
  return { user: amend(provider, user, values), accessToken: grant.accessToken, refreshToken: grant.refreshToken }
}

function amend(provider: OAuthProvider, user: ExternalUser, values: URLSearchParams): ExternalUser {
  try {
    return provider.amend?.(user, values) ?? user
  } catch (error) {
    throw errors.failure('Error getting user profile from external provider', error)
  }
}

async function arriveByOAuth1(state: AuthState, flow: ProviderFlow, values: URLSearchParams): Promise<Arrival> {
  const { provider } = await open(state, flow.provider_type)
  if (!('begin' in provider)) throw errors.providerNotSupported(`Unsupported provider: Provider ${flow.provider_type} could not be found`)
  try {
    const { user, accessToken } = await provider.finish(state.outgoing, values.get('oauth_token') ?? '', values.get('oauth_verifier') ?? '')
    return { user, accessToken, refreshToken: '' }
  } catch (error) {
    throw errors.failure('Unable to retrieve access token', error)
  }
}

async function open(state: AuthState, name: string): Promise<OpenedProvider> {
  try {
    return await openProvider(state, name, '')
  } catch (error) {
    if (error instanceof ProviderError) throw errors.providerNotSupported(`Unsupported provider: ${error.message}`, error.cause)
    throw error
  }
}

/** Our half of the provider's PKCE; it is good once. */
async function verifierOf(state: AuthState, flow: ProviderFlow, provider: OAuthProvider): Promise<string | undefined> {
  if (flow.oauth_client_state_id) {
    const kept = await takeClientState(state.pool, flow.oauth_client_state_id)
    if (!kept) throw errors.clientStateNotFound()
    if (kept.provider_type !== flow.provider_type) throw errors.clientStateInvalid('OAuth provider mismatch')
    if (Date.now() > kept.created_at.getTime() + CLIENT_STATE_LIFE_MS) throw errors.clientStateExpired()
    if (kept.code_verifier) return kept.code_verifier
  }
  if (provider.pkce) throw errors.clientStateInvalid('OAuth PKCE code verifier missing')
  return undefined
}
