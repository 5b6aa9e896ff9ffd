// [db]: variables of the services `db` and `pooler`.
import { development } from '../../env/development-keys.ts'
import { connectionUrl } from '../../pg/quote.ts'
import { isReference } from '../config/substitute.ts'
import type { DeriveContext, Variables } from './context.ts'

export function database({ project, keys, stateDir }: DeriveContext): Variables {
  const { db, auth } = project.config
  const settings = Object.fromEntries(Object.entries(db.settings).filter(([, value]) => value !== undefined))
  return {
    POSTGRES_PORT: String(db.port),
    POSTGRES_DB: 'postgres',
    POSTGRES_PASSWORD: development.databasePassword,
    JWT_SECRET: keys.jwtSecret,
    JWT_EXP: String(auth.jwt_expiry),
    PLINTH_STATE_DIR: stateDir,
    PLINTH_DB_LISTEN: '127.0.0.1',
    PLINTH_DB_SETTINGS: JSON.stringify(settings),
    PLINTH_DB_ROOT_KEY: isReference(db.root_key) ? development.databaseRootKey : db.root_key,
  }
}

export function pooler({ project, keys }: DeriveContext): Variables {
  const { db } = project.config
  const { port, pool_mode, default_pool_size, max_client_conn } = db.pooler
  const url = connectionUrl({
    user: 'supabase_admin',
    password: development.databasePassword,
    host: '127.0.0.1',
    port: db.port,
    database: '_supabase',
  })
  return {
    PORT: '4000',
    PROXY_PORT_SESSION: pool_mode === 'session' ? String(port) : '5432',
    PROXY_PORT_TRANSACTION: pool_mode === 'transaction' ? String(port) : '6543',
    DATABASE_URL: url.replace(/^postgresql:/, 'ecto:'),
    CLUSTER_POSTGRES: 'true',
    SECRET_KEY_BASE: development.secretKeyBase,
    VAULT_ENC_KEY: development.vaultEncryptionKey,
    API_JWT_SECRET: keys.jwtSecret,
    METRICS_JWT_SECRET: keys.jwtSecret,
    REGION: 'local',
    POOLER_TENANT_ID: development.poolerTenant,
    POOLER_POOL_MODE: pool_mode,
    POOLER_DEFAULT_POOL_SIZE: String(default_pool_size),
    POOLER_MAX_CLIENT_CONN: String(max_client_conn),
    POSTGRES_HOST: '127.0.0.1',
    POSTGRES_PORT: String(db.port),
    POSTGRES_DB: 'postgres',
    POSTGRES_PASSWORD: development.databasePassword,
  }
}
