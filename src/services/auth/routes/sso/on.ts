// SAML where it is on; its routes answer that it is off where it is not.
import { errors } from '../../errors.ts'
import type { ServiceProvider } from '../../saml/service-provider.ts'
import type { AuthState } from '../../state.ts'

export function samlOn({ saml }: AuthState): ServiceProvider {
  if (!saml) throw errors.samlDisabled()
  return saml
}
