// [studio]: variables of the services `studio` and `meta`.
import { join } from 'node:path'
import { development } from '../../env/development-keys.ts'
import { isReference } from '../config/substitute.ts'
import type { DeriveContext, Variables } from './context.ts'

const CRYPTO_KEY = development.vaultEncryptionKey

export function studio({ project, keys, apiUrl }: DeriveContext): Variables {
  const { studio: config, api, db } = project.config
  const elsewhere = URL.canParse(config.api_url) && !['127.0.0.1', 'localhost'].includes(new URL(config.api_url).hostname)
  return {
    STUDIO_PG_META_URL: 'http://meta:8080',
    PG_META_CRYPTO_KEY: CRYPTO_KEY,
    POSTGRES_HOST: '127.0.0.1',
    POSTGRES_PORT: String(db.port),
    POSTGRES_DB: 'postgres',
    POSTGRES_PASSWORD: development.databasePassword,
    POSTGRES_USER_READ_WRITE: 'postgres',
    PGRST_DB_SCHEMAS: api.schemas.join(','),
    PGRST_DB_MAX_ROWS: String(api.max_rows),
    PGRST_DB_EXTRA_SEARCH_PATH: api.extra_search_path.join(','),
    SUPABASE_URL: 'http://gateway:8000',
    SUPABASE_PUBLIC_URL: elsewhere ? config.api_url : apiUrl,
    SUPABASE_ANON_KEY: keys.anonKey,
    SUPABASE_SERVICE_KEY: keys.serviceRoleKey,
    SUPABASE_PUBLISHABLE_KEY: keys.publishableKey,
    SUPABASE_SECRET_KEY: keys.secretKey,
    AUTH_JWT_SECRET: keys.jwtSecret,
    LOGFLARE_PRIVATE_ACCESS_TOKEN: development.analyticsToken,
    LOGFLARE_URL: 'http://analytics:4000',
    SNIPPETS_MANAGEMENT_FOLDER: join(project.supabaseDir, 'snippets'),
    EDGE_FUNCTIONS_MANAGEMENT_FOLDER: join(project.supabaseDir, 'functions'),
    ...(config.openai_api_key && !isReference(config.openai_api_key) ? { OPENAI_API_KEY: config.openai_api_key } : {}),
  }
}

export function meta({ project }: DeriveContext): Variables {
  return {
    PG_META_PORT: '8080',
    PG_META_DB_HOST: '127.0.0.1',
    PG_META_DB_PORT: String(project.config.db.port),
    PG_META_DB_NAME: 'postgres',
    PG_META_DB_USER: 'postgres',
    PG_META_DB_PASSWORD: development.databasePassword,
    CRYPTO_KEY,
  }
}
