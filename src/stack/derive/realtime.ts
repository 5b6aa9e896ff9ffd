// The variables of realtime, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'
import { given, type StackSettings } from './settings.ts'

export interface RealtimeChoices {
  /** Sixteen characters. */
  readonly encryptionKey: string
  readonly secretKeyBase: string
}

export const deriveRealtime = ({ database, jwtSecret, jwks }: StackSettings, choices: RealtimeChoices): Environment =>
  given({
    PORT: '4000',
    DB_HOST: database.host,
    DB_PORT: String(database.port),
    DB_NAME: database.name,
    DB_USER: 'supabase_admin',
    DB_PASSWORD: database.password,
    DB_AFTER_CONNECT_QUERY: 'SET search_path TO _realtime',
    DB_ENC_KEY: choices.encryptionKey,
    API_JWT_SECRET: jwtSecret,
    METRICS_JWT_SECRET: jwtSecret,
    API_JWT_JWKS: jwks,
    SECRET_KEY_BASE: choices.secretKeyBase,
    APP_NAME: 'realtime',
    SEED_SELF_HOST: 'true',
    RUN_JANITOR: 'true',
    DISABLE_HEALTHCHECK_LOGGING: 'true',
  })
