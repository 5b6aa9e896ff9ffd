// The variables of gateway, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'
import { given, type StackSettings } from './settings.ts'

export interface GatewayChoices {
  /** Path of the file in Kong's format. */
  readonly declarativeConfig: string
  /** `54321:8000`: what clients connect to. */
  readonly portMaps: string
  /** Folder in which a certificate of the gateway's own making is kept. */
  readonly prefix?: string
  readonly dashboardUsername?: string
  readonly dashboardPassword?: string
}

export const deriveGateway = (stack: StackSettings, choices: GatewayChoices): Environment =>
  given({
    KONG_DATABASE: 'off',
    KONG_DECLARATIVE_CONFIG: choices.declarativeConfig,
    KONG_PORT_MAPS: choices.portMaps,
    KONG_PREFIX: choices.prefix,
    SUPABASE_ANON_KEY: stack.anonKey,
    SUPABASE_SERVICE_KEY: stack.serviceRoleKey,
    SUPABASE_PUBLISHABLE_KEY: stack.publishableKey,
    SUPABASE_SECRET_KEY: stack.secretKey,
    ANON_KEY_ASYMMETRIC: stack.anonKeyInside,
    SERVICE_ROLE_KEY_ASYMMETRIC: stack.serviceRoleKeyInside,
    DASHBOARD_USERNAME: choices.dashboardUsername,
    DASHBOARD_PASSWORD: choices.dashboardPassword,
    JWT_ISSUER: stack.externalUrl,
  })
