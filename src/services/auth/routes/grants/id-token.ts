import { z } from 'zod'
import { errors, OAuthError } from '../../errors.ts'
import { boolean, readBody, string } from '../../request/body.ts'
import type { Call } from '../../request/call.ts'
import type { AuthState } from '../../state.ts'
import type { TokenAnswer } from '../../tokens/answer.ts'

const body = z.object({
  id_token: string,
  nonce: string,
  provider: string,
  client_id: string,
  issuer: string,
  access_token: string,
  link_identity: boolean(false),
})

/** No provider signs in here yet: the answers are those of a service whose providers are off. */
export async function idTokenGrant(call: Call, _state: AuthState): Promise<TokenAnswer> {
  const params = readBody(call, body)
  if (params.id_token === '') throw new OAuthError('invalid request', 'id_token required')
  if (params.provider === '' && (params.client_id === '' || params.issuer === ''))
    throw new OAuthError('invalid request', 'provider or client_id and issuer required')
  if (params.provider === '') throw errors.validation('Custom OIDC provider "" not allowed')
  throw errors.providerDisabled(`Provider (issuer "${ISSUERS.get(params.provider) ?? params.provider}") is not enabled`)
}

const ISSUERS: ReadonlyMap<string, string> = new Map([
  ['apple', 'https://appleid.apple.com'],
  ['google', 'https://accounts.google.com'],
  ['facebook', 'https://www.facebook.com'],
  ['kakao', 'https://kauth.kakao.com'],
])
