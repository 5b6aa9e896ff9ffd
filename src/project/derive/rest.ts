// [api]: variables of the service `rest`.
import { databaseUrl } from '../connect.ts'
import type { DeriveContext, Variables } from './context.ts'

export function rest({ project, keys }: DeriveContext): Variables {
  const { api, auth } = project.config
  return {
    PGRST_DB_URI: databaseUrl(project.config, 'authenticator'),
    PGRST_DB_SCHEMAS: api.schemas.join(','),
    PGRST_DB_EXTRA_SEARCH_PATH: api.extra_search_path.join(','),
    PGRST_DB_MAX_ROWS: String(api.max_rows),
    PGRST_DB_ANON_ROLE: 'anon',
    PGRST_JWT_SECRET: keys.jwks,
    PGRST_APP_SETTINGS_JWT_SECRET: keys.jwtSecret,
    PGRST_APP_SETTINGS_JWT_EXP: String(auth.jwt_expiry),
    PGRST_ADMIN_SERVER_PORT: '3001',
  }
}
