import { createHash } from 'node:crypto'
import { z } from 'zod'
import { afterUserCreated } from '../../accounts/create.ts'
import { acceptExternal, type ExternalSignIn, linkExternal, prepareExternal } from '../../accounts/external.ts'
import { AuthError, OAuthError } from '../../errors.ts'
import { withRecordedEmail } from '../../providers/claims.ts'
import { type IdTokenProvider, idTokenProvider } from '../../providers/oidc/accepted.ts'
import { type IdToken, readIdToken } from '../../providers/oidc/id-token.ts'
import { requireUser } from '../../request/bearer.ts'
import { boolean, readBody, string } from '../../request/body.ts'
import { type Call, header } from '../../request/call.ts'
import { sameText } from '../../request/pkce.ts'
import type { AuthState } from '../../state.ts'
import type { TokenAnswer } from '../../tokens/answer.ts'
import { issueSession } from '../../tokens/issue.ts'
import { tokenTransaction } from '../../tokens/transaction.ts'

const body = z.object({
  id_token: string,
  nonce: string,
  provider: string,
  client_id: string,
  issuer: string,
  access_token: string,
  link_identity: boolean(false),
})
// With a blank, as upstream writes it.
const INVALID_REQUEST = 'invalid request'

/** An ID token that an app got from a provider itself: a session for whom it names, or the identity linked to the caller. */
export async function idTokenGrant(call: Call, state: AuthState): Promise<TokenAnswer> {
  const params = readBody(call, body)
  if (params.id_token === '') throw new OAuthError(INVALID_REQUEST, 'id_token required')
  if (params.provider === '' && (params.client_id === '' || params.issuer === ''))
    throw new OAuthError(INVALID_REQUEST, 'provider or client_id and issuer required')
  if (params.link_identity && header(call, 'authorization') === '')
    throw new OAuthError(INVALID_REQUEST, 'Linking requires a valid user access token in Authorization')
  const linkTo = params.link_identity ? (await requireUser(state, call)).user : undefined
  const accepted = await idTokenProvider(state, { ...params, token: params.id_token })
  const { token, user } = await readIdToken(accepted.issuer, params.id_token, {
    issuer: accepted.issuerName,
    accessToken: params.access_token,
  }).catch((error: unknown) => {
    state.log.info({ request_id: call.id, err: error }, 'an ID token was refused')
    throw new OAuthError(INVALID_REQUEST, 'Bad ID token')
  })
  checkToken(token, accepted, params.nonce)
  const signIn = { provider: accepted.provider, user: withRecordedEmail(user), emailOptional: accepted.emailOptional }
  const draft = linkTo ? undefined : await prepareExternal(state, call, signIn)
  try {
    return await signInWith(state, call, signIn, draft, linkTo)
  } catch (error) {
    if (error instanceof AuthError || error instanceof OAuthError) throw error
    state.log.error({ request_id: call.id, err: error }, 'an ID token sign-in failed')
    throw new OAuthError('server_error', 'Internal Server Error')
  }
}

function checkToken(token: IdToken, accepted: IdTokenProvider, nonce: string): void {
  if (token.subject === '') throw new OAuthError(INVALID_REQUEST, 'Missing sub claim in id_token')
  if (!accepted.clientIds.some((id) => id !== '' && token.audience.includes(id)))
    throw new OAuthError(INVALID_REQUEST, `Unacceptable audience in id_token: [${token.audience.join(' ')}]`)
  if (accepted.skipNonceCheck) return
  if ((token.nonce === '') !== (nonce === ''))
    throw new OAuthError(INVALID_REQUEST, 'Passed nonce and nonce in id_token should either both exist or not.')
  if (nonce !== '' && !sameText(createHash('sha256').update(nonce).digest('hex'), token.nonce))
    throw new OAuthError('invalid nonce', 'Nonces mismatch')
}

async function signInWith(
  state: AuthState,
  call: Call,
  signIn: ExternalSignIn,
  draft: Awaited<ReturnType<typeof prepareExternal>>,
  linkTo: Parameters<typeof linkExternal>[4] | undefined,
): Promise<TokenAnswer> {
  const done = await tokenTransaction(state, async (tx) => {
    const accepted = linkTo
      ? { user: await linkExternal(state, tx, call, signIn, linkTo), created: false }
      : await acceptExternal(state, tx, call, signIn, draft)
    return { ...accepted, answer: await issueSession(state, tx, call, accepted.user, 'oauth') }
  })
  if (done.created) await afterUserCreated(state, call, done.user)
  return done.answer
}
