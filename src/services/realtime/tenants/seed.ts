// The tenant of a self-hosted stack: made anew at every start from the service's own variables (SEED_SELF_HOST).
import type { RealtimeEnv } from '../env.ts'
import { CDC_TYPE } from './record.ts'
import type { TenantChange } from './store.ts'

/** The limits that a new tenant begins with: the columns' own defaults differ. */
export const newTenantLimits = (env: RealtimeEnv): TenantChange['columns'] => ({
  max_concurrent_users: env.TENANT_MAX_CONCURRENT_USERS,
  max_events_per_second: env.TENANT_MAX_EVENTS_PER_SECOND,
  max_joins_per_second: env.TENANT_MAX_JOINS_PER_SECOND,
  max_channels_per_client: env.TENANT_MAX_CHANNELS_PER_CLIENT,
  max_bytes_per_second: env.TENANT_MAX_BYTES_PER_SECOND,
})

export const selfHostedTenant = (env: RealtimeEnv): TenantChange => ({
  columns: { name: env.SELF_HOST_TENANT_NAME, ...newTenantLimits(env) },
  jwtSecret: env.API_JWT_SECRET ?? null,
  ...(env.API_JWT_JWKS === undefined ? {} : { jwtJwks: env.API_JWT_JWKS }),
  extensions: [
    {
      type: CDC_TYPE,
      settings: {
        db_host: env.DB_HOST,
        db_port: String(env.DB_PORT),
        db_name: env.DB_NAME,
        db_user: env.DB_USER,
        db_password: env.DB_PASSWORD,
        region: 'us-east-1',
        ssl_enforced: env.DB_SSL,
      },
    },
  ],
})
