// [edge_runtime], [functions]: variables of the service `functions`.
import { join } from 'node:path'
import { isReference } from '../config/substitute.ts'
import { databaseUrl } from '../connect.ts'
import type { DeriveContext, Variables } from './context.ts'

export function functions({ project, keys, apiUrl }: DeriveContext): Variables {
  const { edge_runtime, functions: declared } = project.config
  const secrets = Object.entries(edge_runtime.secrets)
    .filter(([, value]) => !isReference(value))
    .map(([name, value]) => [name.toUpperCase(), value])
  return {
    JWT_SECRET: keys.jwtSecret,
    SUPABASE_JWKS: keys.jwks,
    SUPABASE_URL: 'http://gateway:8000',
    SUPABASE_PUBLIC_URL: apiUrl,
    SUPABASE_ANON_KEY: keys.anonKey,
    SUPABASE_SERVICE_ROLE_KEY: keys.serviceRoleKey,
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: keys.publishableKey }),
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: keys.secretKey }),
    SUPABASE_DB_URL: databaseUrl(project.config),
    PLINTH_FUNCTIONS_DIR: join(project.supabaseDir, 'functions'),
    PLINTH_FUNCTIONS_CONFIG: JSON.stringify(declared),
    PLINTH_FUNCTIONS_POLICY: edge_runtime.policy,
    PLINTH_FUNCTIONS_SECRETS: JSON.stringify(Object.fromEntries(secrets)),
    PLINTH_FUNCTIONS_INSPECTOR_PORT: String(edge_runtime.inspector_port),
  }
}
