// The variables of auth, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'
import { databaseUrl, given, type StackSettings } from './settings.ts'

export interface SmtpSettings {
  readonly host: string
  readonly port: number
  readonly user?: string
  readonly password?: string
  readonly adminEmail: string
  readonly senderName: string
}

/** What every form of the stack gives auth. Without `smtp` no mail is sent. */
export const deriveAuth = (stack: StackSettings, smtp: SmtpSettings | undefined): Environment =>
  given({
    GOTRUE_API_HOST: '0.0.0.0',
    GOTRUE_API_PORT: '9999',
    API_EXTERNAL_URL: stack.externalUrl,
    GOTRUE_DB_DRIVER: 'postgres',
    GOTRUE_DB_DATABASE_URL: databaseUrl(stack.database, 'supabase_auth_admin'),
    GOTRUE_JWT_ADMIN_ROLES: 'service_role',
    GOTRUE_JWT_AUD: 'authenticated',
    GOTRUE_JWT_DEFAULT_GROUP_NAME: 'authenticated',
    GOTRUE_JWT_EXP: String(stack.jwtExpiry),
    GOTRUE_JWT_SECRET: stack.jwtSecret,
    GOTRUE_JWT_KEYS: stack.jwtKeys,
    GOTRUE_JWT_ISSUER: stack.externalUrl,
    ...(smtp && {
      GOTRUE_SMTP_HOST: smtp.host,
      GOTRUE_SMTP_PORT: String(smtp.port),
      GOTRUE_SMTP_USER: smtp.user,
      GOTRUE_SMTP_PASS: smtp.password,
      GOTRUE_SMTP_ADMIN_EMAIL: smtp.adminEmail,
      GOTRUE_SMTP_SENDER_NAME: smtp.senderName,
    }),
  })

/** Auth's own URL below the gateway: links of mails lead to its `/verify`. */
export const authUrlOf = (externalUrl: string): string => (externalUrl.endsWith('/auth/v1') ? externalUrl : `${externalUrl}/auth/v1`)
