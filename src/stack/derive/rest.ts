// The variables of rest, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'
import { databaseUrl, given, type StackSettings } from './settings.ts'

export interface RestChoices {
  readonly schemas: string
  readonly extraSearchPath: string
  readonly maxRows: number | undefined
}

export const deriveRest = (stack: StackSettings, { schemas, extraSearchPath, maxRows }: RestChoices): Environment =>
  given({
    PGRST_DB_URI: databaseUrl(stack.database, 'authenticator'),
    PGRST_DB_SCHEMAS: schemas,
    PGRST_DB_EXTRA_SEARCH_PATH: extraSearchPath,
    PGRST_DB_MAX_ROWS: maxRows === undefined ? undefined : String(maxRows),
    PGRST_DB_ANON_ROLE: 'anon',
    PGRST_DB_USE_LEGACY_GUCS: 'false',
    PGRST_JWT_SECRET: stack.jwks ?? stack.jwtSecret,
    PGRST_APP_SETTINGS_JWT_SECRET: stack.jwtSecret,
    PGRST_APP_SETTINGS_JWT_EXP: String(stack.jwtExpiry),
    PGRST_ADMIN_SERVER_PORT: '3001',
    PGRST_ADMIN_SERVER_HOST: 'localhost',
    // Upstream's database loads the library safeupdate for the role authenticator.
    PLINTH_REST_SAFE_UPDATE: 'true',
  })
