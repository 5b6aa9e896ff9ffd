// Where the browser is sent: the provider's address with our parameters and, of the caller's, those that we do not decide ourselves.
import { encodeForm } from '../request/form.ts'
import type { OAuthProvider, ProviderSettings } from './provider.ts'

/** Ours to decide; a caller's are dropped in any case of letters. */
export const RESERVED_PARAMS: readonly string[] = [
  'client_id',
  'client_secret',
  'redirect_uri',
  'response_type',
  'state',
  'code_challenge',
  'code_challenge_method',
  'code_verifier',
  'nonce',
]
const DROPPED: ReadonlySet<string> = new Set(RESERVED_PARAMS.filter((name) => name !== 'nonce'))

/** The caller's parameters that go along, the first value of each. */
export function passedOn(query: URLSearchParams): Readonly<Record<string, string>> {
  const kept = new Map<string, string>()
  for (const [key, value] of query) {
    if (key === 'scopes' || key === 'provider' || DROPPED.has(key.toLowerCase())) continue
    // WorkOS has a parameter of the name that is ours.
    const name = key === 'workos_provider' ? 'provider' : key
    if (!kept.has(name)) kept.set(name, value)
  }
  return Object.fromEntries(kept)
}

export function authorizeUrl(
  provider: OAuthProvider,
  settings: ProviderSettings,
  state: string,
  passed: Readonly<Record<string, string>>,
  challenge: string | undefined,
): string {
  const own = {
    response_type: 'code',
    client_id: settings.clientId,
    ...(settings.redirectUri === '' ? {} : { redirect_uri: settings.redirectUri }),
    ...(provider.scopes.length === 0 ? {} : { scope: provider.scopes.join(' ') }),
    state,
  }
  const query = encodeForm({
    ...own,
    ...(provider.fixedParams ? {} : passed),
    ...provider.authorizeParams,
    ...(challenge === undefined ? {} : { code_challenge: challenge, code_challenge_method: 'S256' }),
  })
  return `${provider.authorizeUrl}${provider.authorizeUrl.includes('?') ? '&' : '?'}${query}`
}
