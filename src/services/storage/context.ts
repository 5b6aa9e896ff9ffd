// What one running instance of the service holds. Passed down, never kept in a module: two instances in one process do not meet.
import type { Dispatcher } from '../../http/dispatch.ts'
import type { Logger } from '../../log/log.ts'
import type { Backend } from './backend/backend.ts'
import type { Tokens } from './caller/tokens.ts'
import type { StorageConfig } from './config.ts'
import type { Database } from './database/database.ts'
import type { StorageEnv } from './env.ts'
import type { Webhooks } from './events/webhooks.ts'
import type { Metrics } from './metrics.ts'
import type { Leftovers } from './objects/leftovers.ts'

export interface StorageContext {
  readonly env: StorageEnv
  readonly config: StorageConfig
  readonly log: Logger
  readonly tokens: Tokens
  readonly backend: Backend
  readonly database: Database
  /** The number of this instance in intents. */
  readonly instance: number
  readonly leftovers: Leftovers
  readonly webhooks: Webhooks
  readonly metrics: Metrics
  /** Names of the stack, for IMGPROXY_URL alone. */
  readonly dispatcher: Dispatcher
}
