// What one running instance of the service holds. Passed down, never kept in a module: two instances in one process do not meet.
import type { Logger } from '../../log/log.ts'
import type { Cleanup } from './cleanup.ts'
import type { AuthEnv } from './env.ts'
import type { Hooks } from './hooks/hooks.ts'
import type { Limits } from './limits/limits.ts'
import type { Mailer } from './mail/mailer.ts'
import type { Metrics } from './metrics.ts'
import type { ValueCipher } from './passwords/encryption.ts'
import type { PasswordHasher } from './passwords/hash.ts'
import type { IssuerCache } from './providers/oidc/issuers.ts'
import type { Outgoing } from './providers/outgoing.ts'
import type { RedirectRules } from './request/redirect-target.ts'
import type { ServiceProvider } from './saml/service-provider.ts'
import type { SmsSender } from './sms/sender.ts'
import type { Database } from './tables/database.ts'
import type { TokenKeys } from './tokens/keys.ts'
import type { Turns } from './tokens/turns.ts'
import type { WorkQueue } from './work-queue.ts'

export interface AuthState {
  readonly env: AuthEnv
  readonly log: Logger
  readonly pool: Database
  readonly keys: TokenKeys
  readonly redirects: RedirectRules
  readonly limits: Limits
  readonly hooks: Hooks
  readonly mailer: Mailer
  readonly metrics: Metrics
  readonly sms: SmsSender
  readonly passwords: PasswordHasher
  readonly cipher: ValueCipher
  /** Where GOTRUE_SAML_ENABLED says so. */
  readonly saml: ServiceProvider | undefined
  /** Requests to providers. */
  readonly outgoing: Outgoing
  /** Who signs ID tokens. */
  readonly issuers: IssuerCache
  /** Of those who wait for the hook of access tokens with a connection in hand. */
  readonly hookedTokens: WorkQueue
  /** Of those who refresh one session at the same time. */
  readonly refreshing: Turns
  /** Where GOTRUE_DB_CLEANUP_ENABLED says so. */
  readonly cleanup: Cleanup | undefined
}
