// [analytics]: variables of the service `analytics`.
import { development } from '../../env/development-keys.ts'
import { databaseUrl } from '../connect.ts'
import type { DeriveContext, Variables } from './context.ts'

export function analytics({ project }: DeriveContext): Variables {
  return {
    DB_USERNAME: 'supabase_admin',
    DB_DATABASE: '_supabase',
    DB_SCHEMA: '_analytics',
    DB_HOSTNAME: '127.0.0.1',
    DB_PORT: String(project.config.db.port),
    DB_PASSWORD: development.databasePassword,
    LOGFLARE_PUBLIC_ACCESS_TOKEN: development.analyticsToken,
    LOGFLARE_PRIVATE_ACCESS_TOKEN: development.analyticsToken,
    LOGFLARE_SINGLE_TENANT: 'true',
    LOGFLARE_SUPABASE_MODE: 'true',
    POSTGRES_BACKEND_URL: databaseUrl(project.config, 'supabase_admin', '_supabase'),
    POSTGRES_BACKEND_SCHEMA: '_analytics',
  }
}

export const vector = (): Variables => ({
  LOGFLARE_PUBLIC_ACCESS_TOKEN: development.analyticsToken,
})
