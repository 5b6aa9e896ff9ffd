// SAML where it is on; its routes answer that it is off where it is not.
import type { AuthEnv } from '../../env.ts'
import { errors } from '../../errors.ts'
import type { ServiceProvider } from '../../saml/service-provider.ts'
import type { AuthState } from '../../state.ts'

/** Asked before limits and captcha. */
export function requireSaml(env: AuthEnv): void {
  if (!env.GOTRUE_SAML_ENABLED) throw errors.samlDisabled()
}

export function samlOn({ saml }: AuthState): ServiceProvider {
  if (!saml) throw errors.samlDisabled()
  return saml
}
