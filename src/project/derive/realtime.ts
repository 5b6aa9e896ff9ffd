// [realtime]: variables of the service `realtime`.
import { development } from '../../env/development-keys.ts'
import type { DeriveContext, Variables } from './context.ts'

export function realtime({ project, keys }: DeriveContext): Variables {
  const { realtime: config, db } = project.config
  return {
    PORT: '4000',
    DB_HOST: '127.0.0.1',
    DB_PORT: String(db.port),
    DB_USER: 'supabase_admin',
    DB_PASSWORD: development.databasePassword,
    DB_NAME: 'postgres',
    DB_AFTER_CONNECT_QUERY: 'SET search_path TO _realtime',
    DB_ENC_KEY: development.realtimeEncryptionKey,
    API_JWT_SECRET: keys.jwtSecret,
    API_JWT_JWKS: keys.jwks,
    METRICS_JWT_SECRET: keys.jwtSecret,
    APP_NAME: 'realtime',
    SECRET_KEY_BASE: development.secretKeyBase,
    SEED_SELF_HOST: 'true',
    RUN_JANITOR: 'true',
    MAX_HEADER_LENGTH: String(config.max_header_length),
  }
}
