// Features that are off: their routes answer that, in upstream's words.
import { type AuthError, errors } from '../errors.ts'
import { publicRoute, type Route } from '../route.ts'

const off = (method: Route['method'], path: string, error: () => AuthError): Route =>
  publicRoute({
    method,
    path,
    handle: async () => {
      throw error()
    },
  })

const passkeys = () => errors.passkeysDisabled()

export const disabledRoutes: readonly Route[] = [
  off('POST', '/passkeys/registration/options', passkeys),
  off('POST', '/passkeys/registration/verify', passkeys),
  off('POST', '/passkeys/authentication/options', passkeys),
  off('POST', '/passkeys/authentication/verify', passkeys),
  off('GET', '/passkeys', passkeys),
  off('PATCH', '/passkeys/:passkey_id', passkeys),
  off('DELETE', '/passkeys/:passkey_id', passkeys),
]
