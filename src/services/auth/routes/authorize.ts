import { PROVIDERS } from '../env.ts'
import { type AuthError, errors } from '../errors.ts'
import { formValue, redirect } from '../request/call.ts'
import { withQuery } from '../request/form.ts'
import { publicRoute } from '../route.ts'

const KNOWN: ReadonlySet<string> = new Set(PROVIDERS.map((name) => name.toLowerCase()))

/** No provider signs in here yet: known ones are off. */
export const unsupportedProvider = (provider: string): AuthError =>
  KNOWN.has(provider.toLowerCase())
    ? errors.validation('Unsupported provider: provider is not enabled')
    : errors.validation(`Unsupported provider: Provider ${provider} could not be found`)

/** Would send a person to a provider. */
export const authorize = publicRoute({
  method: 'GET',
  path: '/authorize',
  handle: async (call) => {
    throw unsupportedProvider(call.query.get('provider') ?? '')
  },
})

/** Nobody was sent, so nobody comes back: every state is unknown. */
const callback = (method: 'GET' | 'POST') =>
  publicRoute({
    method,
    path: '/callback',
    handle: async (call, { env }) => {
      const state = formValue(call, 'state')
      const [code, words] =
        state === ''
          ? ['bad_oauth_callback', 'OAuth state parameter missing']
          : ['bad_oauth_state', /^[0-9a-f-]{36}$/i.test(state) ? 'OAuth state not found or expired' : 'OAuth state parameter is invalid']
      return redirect(303, withQuery(env.GOTRUE_SITE_URL, { error: 'invalid_request', error_code: code!, error_description: words! }))
    },
  })
export const callbackGet = callback('GET')
export const callbackPost = callback('POST')
