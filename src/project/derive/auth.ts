// [auth]: variables of the service `auth`. The tables name a key of config.toml and the variable that it becomes.
import { isAbsolute, join } from 'node:path'
import type { Environment } from '../../service/definition.ts'
import { deriveAuth, type SmtpSettings } from '../../stack/derive/auth.ts'
import { MAIL_NOTIFICATIONS, MAIL_TEMPLATES } from '../config/auth/email.ts'
import { HOOKS } from '../config/auth/hook.ts'
import { SMS_PROVIDERS, type SmsProvider } from '../config/auth/sms.ts'
import { notificationPath } from '../config/checks.ts'
import type { ProjectConfig } from '../config/schema.ts'
import { isReference } from '../config/substitute.ts'
import type { DeriveContext, Variables } from './context.ts'

const VERIFYING_MAILS = ['INVITE', 'CONFIRMATION', 'RECOVERY', 'EMAIL_CHANGE'] as const

type AuthConfig = ProjectConfig['auth']

const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const DIGITS = '0123456789'
/** A colon separates the sets; the one that is a symbol is escaped. */
const SYMBOLS = '!@#$%^&*()_+-=[]{};\'\\\\:"|<>?,./`~'

const REQUIRED_CHARACTERS: Readonly<Record<AuthConfig['password_requirements'], string>> = {
  '': '',
  letters_digits: `${LOWER}${UPPER}:${DIGITS}`,
  lower_upper_letters_digits: `${LOWER}:${UPPER}:${DIGITS}`,
  lower_upper_letters_digits_symbols: `${LOWER}:${UPPER}:${DIGITS}:${SYMBOLS}`,
}

/** Keys that become a variable as they are. */
const PLAIN: Readonly<Record<string, (auth: AuthConfig) => string | number | boolean | undefined>> = {
  DISABLE_SIGNUP: (auth) => !auth.enable_signup,
  EXTERNAL_ANONYMOUS_USERS_ENABLED: (auth) => auth.enable_anonymous_sign_ins,
  SECURITY_MANUAL_LINKING_ENABLED: (auth) => auth.enable_manual_linking,
  SECURITY_REFRESH_TOKEN_ROTATION_ENABLED: (auth) => auth.enable_refresh_token_rotation,
  SECURITY_REFRESH_TOKEN_REUSE_INTERVAL: (auth) => auth.refresh_token_reuse_interval,
  PASSWORD_MIN_LENGTH: (auth) => auth.minimum_password_length,
  PASSWORD_REQUIRED_CHARACTERS: (auth) => REQUIRED_CHARACTERS[auth.password_requirements],
  RATE_LIMIT_ANONYMOUS_USERS: (auth) => auth.rate_limit.anonymous_users,
  RATE_LIMIT_TOKEN_REFRESH: (auth) => auth.rate_limit.token_refresh,
  RATE_LIMIT_OTP: (auth) => auth.rate_limit.sign_in_sign_ups,
  RATE_LIMIT_VERIFY: (auth) => auth.rate_limit.token_verifications,
  RATE_LIMIT_SMS_SENT: (auth) => auth.rate_limit.sms_sent,
  RATE_LIMIT_WEB3: (auth) => auth.rate_limit.web3,
  // Mails to the catcher are not counted.
  RATE_LIMIT_EMAIL_SENT: (auth) => (auth.email.smtp?.enabled ? auth.rate_limit.email_sent : 360_000),
  EXTERNAL_EMAIL_ENABLED: (auth) => auth.email.enabled,
  MAILER_SECURE_EMAIL_CHANGE_ENABLED: (auth) => auth.email.double_confirm_changes,
  MAILER_AUTOCONFIRM: (auth) => !auth.email.enable_confirmations,
  MAILER_OTP_LENGTH: (auth) => auth.email.otp_length,
  MAILER_OTP_EXP: (auth) => auth.email.otp_expiry,
  SMTP_MAX_FREQUENCY: (auth) => auth.email.max_frequency,
  SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION: (auth) => auth.email.secure_password_change,
  SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD: (auth) => auth.email.require_current_password,
  EXTERNAL_PHONE_ENABLED: (auth) => auth.sms.enabled,
  SMS_AUTOCONFIRM: (auth) => !auth.sms.enable_confirmations,
  SMS_MAX_FREQUENCY: (auth) => auth.sms.max_frequency,
  SMS_TEMPLATE: (auth) => auth.sms.template,
  SMS_OTP_EXP: () => 6_000,
  SMS_OTP_LENGTH: () => 6,
  SMS_TEST_OTP: (auth) =>
    Object.entries(auth.sms.test_otp)
      .map(([phone, code]) => `${phone}:${code}`)
      .join(','),
  SESSIONS_TIMEBOX: (auth) => auth.sessions.timebox,
  SESSIONS_INACTIVITY_TIMEOUT: (auth) => auth.sessions.inactivity_timeout,
  MFA_MAX_ENROLLED_FACTORS: (auth) => auth.mfa.max_enrolled_factors,
  MFA_TOTP_ENROLL_ENABLED: (auth) => auth.mfa.totp.enroll_enabled,
  MFA_TOTP_VERIFY_ENABLED: (auth) => auth.mfa.totp.verify_enabled,
  MFA_PHONE_ENROLL_ENABLED: (auth) => auth.mfa.phone.enroll_enabled,
  MFA_PHONE_VERIFY_ENABLED: (auth) => auth.mfa.phone.verify_enabled,
  MFA_PHONE_OTP_LENGTH: (auth) => auth.mfa.phone.otp_length,
  MFA_PHONE_TEMPLATE: (auth) => auth.mfa.phone.template,
  MFA_PHONE_MAX_FREQUENCY: (auth) => auth.mfa.phone.max_frequency,
  MFA_WEB_AUTHN_ENROLL_ENABLED: (auth) => auth.mfa.web_authn?.enroll_enabled ?? false,
  MFA_WEB_AUTHN_VERIFY_ENABLED: (auth) => auth.mfa.web_authn?.verify_enabled ?? false,
  EXTERNAL_WEB3_SOLANA_ENABLED: (auth) => auth.web3.solana?.enabled ?? false,
  EXTERNAL_WEB3_ETHEREUM_ENABLED: (auth) => auth.web3.ethereum?.enabled ?? false,
  OAUTH_SERVER_ENABLED: (auth) => auth.oauth_server.enabled,
  OAUTH_SERVER_AUTHORIZATION_PATH: (auth) => auth.oauth_server.authorization_url_path,
  OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: (auth) => auth.oauth_server.allow_dynamic_registration,
}

export function auth(context: DeriveContext): Environment {
  const { project, settings, keys } = context
  const { auth: config } = project.config
  const issuer = config.jwt_issuer && !isReference(config.jwt_issuer) ? config.jwt_issuer : settings.externalUrl
  const own: Variables = {
    // A reference to an unset variable is no address; it was warned of.
    SITE_URL: isReference(config.site_url) ? 'http://127.0.0.1:3000' : config.site_url,
    URI_ALLOW_LIST: config.additional_redirect_urls.filter((url) => !isReference(url)).join(','),
    JWT_KEYS: JSON.stringify(keys.signingKeys),
    JWT_VALID_METHODS: 'HS256,RS256,ES256',
    JWT_VALIDMETHODS: 'HS256,RS256,ES256',
    JWT_ISSUER: issuer,
    ...Object.fromEntries(VERIFYING_MAILS.map((name) => [`MAILER_URLPATHS_${name}`, `${settings.externalUrl}/verify`])),
    ...mailTexts(context),
    ...smsProvider(config),
    ...captcha(config),
    ...hooks(config),
    ...providers(config, issuer),
    ...passkeys(config),
  }
  for (const [name, read] of Object.entries(PLAIN)) {
    const value = read(config)
    if (value !== undefined) own[name] = String(value)
  }
  return { ...deriveAuth(settings, mailServer(context)), ...prefixed(own) }
}

const prefixed = (variables: Variables): Variables =>
  Object.fromEntries(Object.entries(variables).map(([name, value]) => [`GOTRUE_${name}`, value]))

/** The project's own mail server, else the catcher where it runs, else none: mails then go nowhere. */
function mailServer({ project, smtpPort }: DeriveContext): SmtpSettings | undefined {
  const { auth: config, inbucket } = project.config
  const { smtp } = config.email
  if (smtp?.enabled) {
    const { host, port, user, pass, admin_email, sender_name } = smtp
    return { host, port, user, password: pass, adminEmail: admin_email, senderName: sender_name }
  }
  if (smtpPort === undefined) return undefined
  return { host: '127.0.0.1', port: smtpPort, adminEmail: inbucket.admin_email, senderName: inbucket.sender_name }
}

function mailTexts({ project }: DeriveContext): Variables {
  const { template, notification } = project.config.auth.email
  const variables: Variables = { MAILER_TEMPLATE_RELOADING_ENABLED: 'true' }
  for (const name of MAIL_TEMPLATES) {
    const { subject, content_path } = template[name] ?? {}
    if (subject !== undefined) variables[`MAILER_SUBJECTS_${name.toUpperCase()}`] = subject
    if (content_path) {
      variables[`MAILER_TEMPLATES_${name.toUpperCase()}`] = isAbsolute(content_path) ? content_path : join(project.workDir, content_path)
    }
  }
  for (const name of MAIL_NOTIFICATIONS) {
    const { enabled, subject, content_path } = notification[name] ?? { enabled: false }
    if (!enabled) continue
    variables[`MAILER_NOTIFICATIONS_${name.toUpperCase()}_ENABLED`] = 'true'
    if (subject !== undefined) variables[`MAILER_SUBJECTS_${name.toUpperCase()}_NOTIFICATION`] = subject
    if (content_path) variables[`MAILER_TEMPLATES_${name.toUpperCase()}_NOTIFICATION`] = notificationPath(content_path, project)
  }
  return variables
}

function smsProvider({ sms }: AuthConfig): Variables {
  const name = (Object.keys(SMS_PROVIDERS) as SmsProvider[]).find((candidate) => sms[candidate]?.enabled)
  if (!name) return {}
  const values = sms[name] as Readonly<Record<string, unknown>>
  return {
    SMS_PROVIDER: name,
    ...Object.fromEntries(SMS_PROVIDERS[name].map((key) => [`SMS_${name}_${key}`.toUpperCase(), String(values[key])])),
  }
}

function captcha({ captcha: config }: AuthConfig): Variables {
  if (!config?.enabled) return {}
  return {
    SECURITY_CAPTCHA_ENABLED: 'true',
    SECURITY_CAPTCHA_PROVIDER: config.provider ?? 'hcaptcha',
    SECURITY_CAPTCHA_SECRET: config.secret,
  }
}

function hooks({ hook }: AuthConfig): Variables {
  const variables: Variables = {}
  for (const name of HOOKS) {
    const config = hook[name]
    if (!config?.enabled) continue
    const prefix = `HOOK_${name.toUpperCase()}`
    variables[`${prefix}_ENABLED`] = 'true'
    variables[`${prefix}_URI`] = config.uri
    if (config.secrets) variables[`${prefix}_SECRETS`] = config.secrets
  }
  return variables
}

function providers({ external }: AuthConfig, issuer: string): Variables {
  const variables: Variables = {}
  for (const [name, provider] of Object.entries(external)) {
    const prefix = `EXTERNAL_${name.toUpperCase()}`
    variables[`${prefix}_ENABLED`] = String(provider.enabled)
    if (!provider.enabled) continue
    variables[`${prefix}_CLIENT_ID`] = provider.client_id
    variables[`${prefix}_SECRET`] = provider.secret
    variables[`${prefix}_REDIRECT_URI`] = provider.redirect_uri || `${issuer}/callback`
    variables[`${prefix}_SKIP_NONCE_CHECK`] = String(provider.skip_nonce_check)
    variables[`${prefix}_EMAIL_OPTIONAL`] = String(provider.email_optional)
    if (provider.url) variables[`${prefix}_URL`] = provider.url
  }
  return variables
}

function passkeys({ passkey, webauthn }: AuthConfig): Variables {
  // The site is named for security keys as well.
  if (!webauthn?.rp_id) return {}
  return {
    ...(passkey?.enabled ? { PASSKEY_ENABLED: 'true' } : {}),
    WEBAUTHN_RP_ID: webauthn.rp_id,
    WEBAUTHN_RP_DISPLAY_NAME: webauthn.rp_display_name,
    WEBAUTHN_RP_ORIGINS: webauthn.rp_origins.join(','),
  }
}
