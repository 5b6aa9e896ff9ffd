// For whom credentials are made: the configured site, else SITE_URL itself. What a client says about it is not believed.
import type { AuthEnv } from '../env.ts'
import type { RelyingParty } from './ceremony.ts'

export function relyingParty(env: AuthEnv): RelyingParty {
  const site = new URL(env.GOTRUE_SITE_URL)
  const id = env.GOTRUE_WEBAUTHN_RP_ID || site.hostname
  const origins = env.GOTRUE_WEBAUTHN_RP_ORIGINS
  return { id, name: env.GOTRUE_WEBAUTHN_RP_DISPLAY_NAME || id, origins: origins.length > 0 ? origins : [site.origin] }
}
