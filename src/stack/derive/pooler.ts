// The variables of pooler, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'
import { databaseUrl, given, type StackSettings } from './settings.ts'

export interface PoolerChoices {
  readonly secretKeyBase: string
  readonly vaultEncryptionKey: string
  readonly tenantId: string
  readonly defaultPoolSize: number
  readonly maxClientConnections: number
  readonly dbPoolSize: number
  readonly poolMode: string
}

export const derivePooler = (stack: StackSettings, choices: PoolerChoices): Environment =>
  given({
    PORT: '4000',
    DATABASE_URL: databaseUrl(stack.database, 'supabase_admin', '_supabase').replace(/^postgresql:/, 'ecto:'),
    CLUSTER_POSTGRES: 'true',
    SECRET_KEY_BASE: choices.secretKeyBase,
    VAULT_ENC_KEY: choices.vaultEncryptionKey,
    API_JWT_SECRET: stack.jwtSecret,
    METRICS_JWT_SECRET: stack.jwtSecret,
    REGION: 'local',
    POOLER_TENANT_ID: choices.tenantId,
    POOLER_DEFAULT_POOL_SIZE: String(choices.defaultPoolSize),
    POOLER_MAX_CLIENT_CONN: String(choices.maxClientConnections),
    POOLER_POOL_MODE: choices.poolMode,
    DB_POOL_SIZE: String(choices.dbPoolSize),
    POSTGRES_HOST: stack.database.host,
    POSTGRES_PORT: String(stack.database.port),
    POSTGRES_DB: stack.database.name,
    POSTGRES_PASSWORD: stack.database.password,
  })
