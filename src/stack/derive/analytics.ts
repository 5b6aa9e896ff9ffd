// The variables of analytics, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'
import { databaseUrl, given, type StackSettings } from './settings.ts'

export const deriveAnalytics = ({ database }: StackSettings, tokens: { readonly public: string; readonly private: string }): Environment =>
  given({
    DB_USERNAME: 'supabase_admin',
    DB_DATABASE: '_supabase',
    DB_SCHEMA: '_analytics',
    DB_HOSTNAME: database.host,
    DB_PORT: String(database.port),
    DB_PASSWORD: database.password,
    LOGFLARE_NODE_HOST: '127.0.0.1',
    LOGFLARE_PUBLIC_ACCESS_TOKEN: tokens.public,
    LOGFLARE_PRIVATE_ACCESS_TOKEN: tokens.private,
    LOGFLARE_SINGLE_TENANT: 'true',
    LOGFLARE_SUPABASE_MODE: 'true',
    POSTGRES_BACKEND_URL: databaseUrl(database, 'supabase_admin', '_supabase'),
    POSTGRES_BACKEND_SCHEMA: '_analytics',
    LOGFLARE_FEATURE_FLAG_OVERRIDE: 'multibackend=true',
  })
