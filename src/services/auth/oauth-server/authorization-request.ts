// The parameters of an authorization request. What is wrong before the client and its address are known is told to the caller; everything
// after that is told to the client, by redirect.
import type { AuthEnv } from '../env.ts'
import { withQuery } from '../request/form.ts'
import { scopeProblem } from './scopes.ts'

export interface AuthorizationRequest {
  readonly clientId: string
  readonly redirectUri: string
  readonly responseType: string
  readonly scope: string
  readonly state: string
  readonly resource: string
  readonly challenge: string
  readonly challengeMethod: string
  readonly nonce: string
}

export function readAuthorizationRequest(query: URLSearchParams, env: AuthEnv): AuthorizationRequest {
  const get = (name: string): string => query.get(name) ?? ''
  return {
    clientId: get('client_id'),
    redirectUri: get('redirect_uri'),
    responseType: get('response_type') || 'code',
    scope: get('scope') || env.GOTRUE_OAUTH_SERVER_DEFAULT_SCOPE,
    state: get('state'),
    resource: get('resource'),
    challenge: get('code_challenge'),
    challengeMethod: get('code_challenge_method'),
    nonce: get('nonce'),
  }
}

/** A sentence for the client; undefined when nothing is wrong. */
export function requestProblem(request: AuthorizationRequest): string | undefined {
  if (request.responseType !== 'code') return 'only response_type=code is supported'
  return scopeProblem(request.scope) ?? resourceProblem(request.resource) ?? challengeProblem(request)
}

function resourceProblem(resource: string): string | undefined {
  if (resource === '') return undefined
  if (/[\u0000-\u001f\u007f]/.test(resource)) return 'resource must be a valid URI'
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:/.test(resource)) return 'resource must be an absolute URI'
  if (/#./.test(resource)) return 'resource must not include a fragment component'
  return /\?./.test(resource) ? 'resource must not include a query component' : undefined
}

function challengeProblem({ challenge, challengeMethod }: AuthorizationRequest): string | undefined {
  if (challenge === '' || challengeMethod === '') return 'PKCE flow requires both code_challenge and code_challenge_method'
  if (!['s256', 'plain'].includes(challengeMethod.toLowerCase())) return "code_challenge_method must be 'S256' or 'plain'"
  if (challenge.length < 43 || challenge.length > 128) return 'code_challenge must be between 43 and 128 characters'
  return undefined
}

export type RedirectError = 'invalid_request' | 'server_error' | 'access_denied'

export const errorRedirect = (target: string, error: RedirectError, description: string, state: string): string =>
  withQuery(target, { error, error_description: description, ...(state ? { state } : {}) })

export const codeRedirect = (target: string, code: string, state: string): string =>
  withQuery(target, { code, ...(state ? { state } : {}) })
