// The variables of studio, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'
import { given, type StackSettings } from './settings.ts'

export interface StudioChoices {
  readonly cryptoKey: string
  readonly schemas: string
  readonly extraSearchPath: string
  readonly maxRows: number | undefined
  readonly organization: string
  readonly project: string
  readonly openAiKey: string | undefined
  readonly analyticsToken: string
  readonly logs: boolean
}

export const deriveStudio = (stack: StackSettings, choices: StudioChoices): Environment =>
  given({
    STUDIO_PG_META_URL: 'http://meta:8080',
    POSTGRES_HOST: stack.database.host,
    POSTGRES_PORT: String(stack.database.port),
    POSTGRES_DB: stack.database.name,
    POSTGRES_PASSWORD: stack.database.password,
    POSTGRES_USER_READ_WRITE: 'postgres',
    PG_META_CRYPTO_KEY: choices.cryptoKey,
    PGRST_DB_SCHEMAS: choices.schemas,
    PGRST_DB_MAX_ROWS: choices.maxRows === undefined ? undefined : String(choices.maxRows),
    PGRST_DB_EXTRA_SEARCH_PATH: choices.extraSearchPath,
    DEFAULT_ORGANIZATION_NAME: choices.organization,
    DEFAULT_PROJECT_NAME: choices.project,
    OPENAI_API_KEY: choices.openAiKey,
    SUPABASE_URL: 'http://kong:8000',
    SUPABASE_PUBLIC_URL: stack.publicUrl,
    SUPABASE_ANON_KEY: stack.anonKey,
    SUPABASE_SERVICE_KEY: stack.serviceRoleKey,
    AUTH_JWT_SECRET: stack.jwtSecret,
    SUPABASE_PUBLISHABLE_KEY: stack.publishableKey,
    SUPABASE_SECRET_KEY: stack.secretKey,
    LOGFLARE_PRIVATE_ACCESS_TOKEN: choices.analyticsToken,
    LOGFLARE_URL: 'http://analytics:4000',
    ENABLED_FEATURES_LOGS_ALL: String(choices.logs),
  })
