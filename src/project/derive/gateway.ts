// [api]: variables of the gateway, whose file of routes is the local one: no keys are asked for, opaque keys are exchanged for tokens.
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DeriveContext, Variables } from './context.ts'

const LOCAL_ROUTES = fileURLToPath(new URL('../../services/gateway/defaults/local.yml', import.meta.url))

export function gateway({ project, keys, authUrl }: DeriveContext): Variables {
  const { tls } = project.config.api
  const path = (given: string): string => (isAbsolute(given) ? given : join(project.supabaseDir, given))
  const certificate: Variables =
    tls.enabled && tls.cert_path && tls.key_path ? { KONG_SSL_CERT: path(tls.cert_path), KONG_SSL_CERT_KEY: path(tls.key_path) } : {}
  return {
    KONG_DATABASE: 'off',
    KONG_DECLARATIVE_CONFIG: LOCAL_ROUTES,
    KONG_PLUGINS: 'request-transformer,cors',
    SUPABASE_ANON_KEY: keys.anonKey,
    SUPABASE_SERVICE_KEY: keys.serviceRoleKey,
    SUPABASE_PUBLISHABLE_KEY: keys.publishableKey,
    SUPABASE_SECRET_KEY: keys.secretKey,
    JWT_ISSUER: authUrl,
    ...certificate,
  }
}
