// What the rooms of Realtime share: made at the start of the service, passed down.
import type { Logger } from '../../log/log.ts'
import type { RealtimeEnv } from './env.ts'
import type { Metrics } from './metrics.ts'
import type { Encryption } from './tenants/encryption.ts'
import type { TenantStore } from './tenants/store.ts'
import type { Tenants } from './tenants/tenants.ts'

export interface RealtimeState {
  readonly env: RealtimeEnv
  readonly log: Logger
  readonly encryption: Encryption
  readonly store: TenantStore
  readonly tenants: Tenants
  readonly metrics: Metrics
}
