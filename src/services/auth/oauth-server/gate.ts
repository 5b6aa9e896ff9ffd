// The switch of the whole feature, and who may ask for what of a person's own: pages of the site, or no page at all.
import type { AuthEnv } from '../env.ts'
import { errors } from '../errors.ts'
import { type Call, header } from '../request/call.ts'
import type { AuthState } from '../state.ts'

export function requireOAuthServer(env: AuthEnv): void {
  if (!env.GOTRUE_OAUTH_SERVER_ENABLED) throw errors.featureDisabled('OAuth server is disabled')
}

/** The consent page lies on the site: another page that a browser names as its origin has no business here. */
export function requireOwnOrigin(state: AuthState, call: Call): void {
  const origin = header(call, 'origin')
  if (origin !== '' && !state.redirects.allowed(origin)) throw errors.validation('unauthorized request origin')
}
