// The variables of functions, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'
import { databaseUrl, given, type StackSettings } from './settings.ts'

export const deriveFunctions = (stack: StackSettings, verifyJwt: boolean): Environment =>
  given({
    JWT_SECRET: stack.jwtSecret,
    SUPABASE_URL: 'http://kong:8000',
    SUPABASE_PUBLIC_URL: stack.publicUrl,
    SUPABASE_ANON_KEY: stack.anonKey,
    SUPABASE_SERVICE_ROLE_KEY: stack.serviceRoleKey,
    SUPABASE_DB_URL: databaseUrl(stack.database, 'postgres'),
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: stack.publishableKey }),
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: stack.secretKey }),
    SUPABASE_JWKS: stack.jwks,
    VERIFY_JWT: String(verifyJwt),
  })
