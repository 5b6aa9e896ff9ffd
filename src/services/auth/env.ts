// The variables of upstream's image that this service reads, by upstream's names. Where upstream also knows a plain name
// (`PORT`, `DATABASE_URL`), both are here.
import { z } from 'zod'
import { bool, count, duration, integer, json, list, number, oneOf, parseDuration, port, secret, text, url } from '../../env/types.ts'
import { parseTemplate } from './mail/go-template.ts'
import { samlKeyProblem } from './saml/key.ts'

/** `NAME_<X>_SUFFIX` for each X, keys typed. */
function family<const P extends string, const N extends string, const S extends string, T extends z.ZodType>(
  prefix: P,
  names: readonly N[],
  suffix: S,
  type: T,
): { [K in `${P}${N}${S}`]: T } {
  return Object.fromEntries(names.map((name) => [`${prefix}${name}${suffix}`, type])) as { [K in `${P}${N}${S}`]: T }
}

export const PROVIDERS = [
  'APPLE',
  'AZURE',
  'BITBUCKET',
  'DISCORD',
  'FACEBOOK',
  'SNAPCHAT',
  'FIGMA',
  'FLY',
  'GITHUB',
  'GITLAB',
  'GOOGLE',
  'KEYCLOAK',
  'KAKAO',
  'LINKEDIN',
  'LINKEDIN_OIDC',
  'NOTION',
  'SPOTIFY',
  'SLACK',
  'SLACK_OIDC',
  'WORKOS',
  'TWITCH',
  'TWITTER',
  'ZOOM',
  'X',
  'VERCEL_MARKETPLACE',
] as const

export const HOOKS = [
  'CUSTOM_ACCESS_TOKEN',
  'SEND_EMAIL',
  'SEND_SMS',
  'MFA_VERIFICATION_ATTEMPT',
  'PASSWORD_VERIFICATION_ATTEMPT',
  'BEFORE_USER_CREATED',
  'AFTER_USER_CREATED',
] as const

export const NOTIFICATIONS = [
  'PASSWORD_CHANGED',
  'EMAIL_CHANGED',
  'PHONE_CHANGED',
  'IDENTITY_LINKED',
  'IDENTITY_UNLINKED',
  'MFA_FACTOR_ENROLLED',
  'MFA_FACTOR_UNENROLLED',
] as const

export const TEMPLATES = [
  'CONFIRMATION',
  'INVITE',
  'RECOVERY',
  'MAGIC_LINK',
  'EMAIL_CHANGE',
  'REAUTHENTICATION',
  'PASSWORD_CHANGED_NOTIFICATION',
  'EMAIL_CHANGED_NOTIFICATION',
  'PHONE_CHANGED_NOTIFICATION',
  'IDENTITY_LINKED_NOTIFICATION',
  'IDENTITY_UNLINKED_NOTIFICATION',
  'MFA_FACTOR_ENROLLED_NOTIFICATION',
  'MFA_FACTOR_UNENROLLED_NOTIFICATION',
] as const

/** What the account of each SMS provider consists of. */
export const SMS_ACCOUNTS = {
  twilio: ['TWILIO_ACCOUNT_SID', 'TWILIO_AUTH_TOKEN', 'TWILIO_MESSAGE_SERVICE_SID'],
  twilio_verify: ['TWILIO_VERIFY_ACCOUNT_SID', 'TWILIO_VERIFY_AUTH_TOKEN', 'TWILIO_VERIFY_MESSAGE_SERVICE_SID'],
  messagebird: ['MESSAGEBIRD_ACCESS_KEY', 'MESSAGEBIRD_ORIGINATOR'],
  textlocal: ['TEXTLOCAL_API_KEY', 'TEXTLOCAL_SENDER'],
  vonage: ['VONAGE_API_KEY', 'VONAGE_API_SECRET', 'VONAGE_FROM'],
} as const
const SMS_PROVIDERS = ['', 'twilio', 'twilio_verify', 'messagebird', 'textlocal', 'vonage'] as const

export type HookName = (typeof HOOKS)[number]
export type TemplateName = (typeof TEMPLATES)[number]
export type NotificationName = (typeof NOTIFICATIONS)[number]

/** How many of something: `30` per hour in fixed windows, or `30/1m`: a bucket of 30 refilled by one a minute. */
export interface Rate {
  readonly events: number
  readonly overMs: number
  readonly kind: 'window' | 'bucket'
}

const rate = z.string().transform((value, ctx): Rate => {
  const [events, over] = value.split('/', 2)
  const overMs = over === undefined ? 3_600_000 : parseDuration(over.trim())
  if (!/^\d+(\.\d+)?$/.test((events ?? '').trim()) || overMs === undefined) {
    ctx.addIssue({ code: 'custom', message: 'a number per hour, or NUMBER/DURATION such as 30/1m' })
    return z.NEVER
  }
  return { events: Number(events), overMs, kind: over === undefined ? 'window' : 'bucket' }
})
const hourly = (events: number): Rate => ({ events, overMs: 3_600_000, kind: 'window' })

/** `k:v,k:v` with the plus and blanks of phone numbers removed. */
const testOtps = z.string().transform((value, ctx): ReadonlyMap<string, string> => {
  const pairs = value
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
    .map((pair) => pair.split(':').map((part) => part.trim()))
  if (pairs.some((pair) => pair.length !== 2 || !pair[0] || !pair[1])) {
    ctx.addIssue({ code: 'custom', message: 'phone:code pairs, comma separated' })
    return z.NEVER
  }
  return new Map(pairs.map(([phone, code]) => [phone!.replace(/^\+/, '').replaceAll(' ', ''), code!]))
})

const map = z.string().transform((value, ctx): Readonly<Record<string, string>> => {
  const pairs = value
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
  if (pairs.some((pair) => !pair.includes(':'))) {
    ctx.addIssue({ code: 'custom', message: 'key:value pairs, comma separated' })
    return z.NEVER
  }
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf(':')), pair.slice(pair.indexOf(':') + 1)]))
})

/** `provider=domain,provider=domain`. */
const domains = z.string().transform((value, ctx): ReadonlyMap<string, string> => {
  const pairs = value
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
    .map((pair) => pair.split('=').map((part) => part.trim()))
  if (pairs.some((pair) => pair.length !== 2 || !pair[0] || !pair[1])) {
    ctx.addIssue({ code: 'custom', message: 'provider=domain pairs, comma separated' })
    return z.NEVER
  }
  return new Map(pairs.map(([provider, domain]) => [provider!, domain!]))
})
/** In Go's template language: what cannot be read stops the start, and not the first message. */
const template = z.string().refine(
  (value) => {
    try {
      parseTemplate(value)
      return true
    } catch {
      return false // what is wrong with it is not said: the text may hold anything
    }
  },
  { error: () => 'a template such as `Your code is {{ .Code }}`' },
)

const time = z.string().transform((value, ctx) => {
  const at = Date.parse(value)
  if (Number.isNaN(at)) {
    ctx.addIssue({ code: 'custom', message: 'a time in RFC 3339' })
    return z.NEVER
  }
  return at
})

/** Character sets separated by `:`; `\:` is a colon. */
const characterSets = z.string().transform((value): readonly string[] =>
  value
    .split(/(?<!\\):/)
    .map((set) => set.replaceAll('\\:', ':'))
    .filter((set) => set !== ''),
)

const headerLists = json.pipe(z.record(z.string(), z.array(z.string()), { error: () => 'JSON of the form {"Header": ["value"]}' }))
const otpLength = count.default(6).transform((length) => (length < 6 || length > 10 ? 6 : length))
const MINUTE = 60_000
/** Upstream takes zero for "not set". */
const orWhenZero = (fallback: number) => duration.default(fallback).transform((value) => value || fallback)
const atLeast = (minimum: number) => duration.default(minimum).transform((value) => Math.max(value, minimum))

// Also beside other problems, so that one message names them all.
const always = (): boolean => true

const variables = z
  .object({
    GOTRUE_API_HOST: text.default(''),
    GOTRUE_API_PORT: port.optional(),
    PORT: port.optional(),
    API_EXTERNAL_URL: url,
    GOTRUE_API_REQUEST_ID_HEADER: text.optional(),
    REQUEST_ID_HEADER: text.optional(),
    GOTRUE_API_MAX_REQUEST_DURATION: duration.default(10_000),
    GOTRUE_DB_DATABASE_URL: secret.optional(),
    DATABASE_URL: secret.optional(),
    /** The schema of the tables, `auth` unless one of them says otherwise. */
    GOTRUE_DB_NAMESPACE: text.optional(),
    DB_NAMESPACE: text.optional(),
    GOTRUE_DB_MAX_POOL_SIZE: count.default(0),
    GOTRUE_DB_CLEANUP_ENABLED: bool.default(false),
    /** Build indexes for searches among users, however many there are. */
    GOTRUE_INDEX_WORKER_ENSURE_USER_SEARCH_INDEXES_EXIST: bool.default(false),
    /** The same while there are no more users than this; 0 for never. */
    GOTRUE_INDEX_WORKER_MAX_USERS_THRESHOLD: count.default(0),

    GOTRUE_SITE_URL: url,
    GOTRUE_URI_ALLOW_LIST: list.default([]),
    GOTRUE_DISABLE_SIGNUP: bool.default(false),
    GOTRUE_CORS_ALLOWED_HEADERS: list.default([]),
    GOTRUE_LOG_LEVEL: oneOf('trace', 'debug', 'info', 'warn', 'warning', 'error', 'fatal', 'panic').optional(),
    GOTRUE_AUDIT_LOG_DISABLE_POSTGRES: bool.default(false),
    GOTRUE_METRICS_ENABLED: bool.default(false),
    GOTRUE_METRICS_EXPORTER: oneOf('prometheus', 'opentelemetry').default('opentelemetry'),
    OTEL_EXPORTER_PROMETHEUS_HOST: text.default('0.0.0.0'),
    OTEL_EXPORTER_PROMETHEUS_PORT: port.default(9100),

    GOTRUE_JWT_SECRET: secret,
    GOTRUE_JWT_KEYS: secret.optional(),
    GOTRUE_JWT_KEY_ID: text.optional(),
    GOTRUE_JWT_VALID_METHODS: list.optional(),
    GOTRUE_JWT_VALIDMETHODS: list.optional(),
    GOTRUE_JWT_EXP: count.default(3600).transform((seconds) => seconds || 3600),
    GOTRUE_JWT_AUD: text.default(''),
    GOTRUE_JWT_ADMIN_ROLES: list.default(['service_role', 'supabase_admin']),
    GOTRUE_JWT_ADMIN_GROUP_NAME: text.default('admin'),
    GOTRUE_JWT_DEFAULT_GROUP_NAME: text.default(''),
    GOTRUE_JWT_ISSUER: text.default(''),

    GOTRUE_EXTERNAL_EMAIL_ENABLED: bool.default(true),
    GOTRUE_EXTERNAL_EMAIL_AUTHORIZED_ADDRESSES: list.default([]),
    GOTRUE_EXTERNAL_EMAIL_MAGIC_LINK_ENABLED: bool.default(true),
    GOTRUE_EXTERNAL_PHONE_ENABLED: bool.default(false),
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: bool.default(false),
    GOTRUE_EXTERNAL_FLOW_STATE_EXPIRY_DURATION: atLeast(300_000),
    ...family('GOTRUE_EXTERNAL_', PROVIDERS, '_ENABLED', bool.default(false)),
    ...family('GOTRUE_EXTERNAL_', PROVIDERS, '_CLIENT_ID', list.default([])),
    ...family('GOTRUE_EXTERNAL_', PROVIDERS, '_SECRET', secret.default('')),
    ...family('GOTRUE_EXTERNAL_', PROVIDERS, '_REDIRECT_URI', text.default('')),
    ...family('GOTRUE_EXTERNAL_', PROVIDERS, '_URL', text.default('')),
    ...family('GOTRUE_EXTERNAL_', PROVIDERS, '_SKIP_NONCE_CHECK', bool.default(false)),
    ...family('GOTRUE_EXTERNAL_', PROVIDERS, '_EMAIL_OPTIONAL', bool.default(false)),
    GOTRUE_EXTERNAL_IOS_BUNDLE_ID: text.default(''),
    GOTRUE_EXTERNAL_REDIRECTURL: text.default(''),
    GOTRUE_EXTERNAL_ALLOWED_ID_TOKEN_ISSUERS: list.default(['https://appleid.apple.com', 'https://accounts.google.com']),
    GOTRUE_EXTERNAL_OIDC_PROVIDER_CACHE_TTL: orWhenZero(60 * MINUTE),
    GOTRUE_EXTERNAL_WEB3_SOLANA_ENABLED: bool.default(false),
    GOTRUE_EXTERNAL_WEB3_SOLANA_MAXIMUM_VALIDITY_DURATION: orWhenZero(10 * MINUTE),
    GOTRUE_EXTERNAL_WEB3_ETHEREUM_ENABLED: bool.default(false),
    GOTRUE_EXTERNAL_WEB3_ETHEREUM_MAXIMUM_VALIDITY_DURATION: orWhenZero(10 * MINUTE),
    GOTRUE_INTERNAL_HTTP_TIMEOUT: orWhenZero(10_000),
    GOTRUE_CUSTOM_OAUTH_ENABLED: bool.default(true),
    GOTRUE_CUSTOM_OAUTH_MAX_PROVIDERS: count.default(0),
    GOTRUE_CUSTOM_OAUTH_EXTERNAL_URL: url.optional(),
    GOTRUE_SAML_ENABLED: bool.default(false),
    GOTRUE_SAML_PRIVATE_KEY: secret.optional(),
    GOTRUE_SAML_PRIVATE_KEY_NEXT: secret.optional(),
    GOTRUE_SAML_ALLOW_ENCRYPTED_ASSERTIONS: bool.default(false),
    GOTRUE_SAML_RELAY_STATE_VALIDITY_PERIOD: orWhenZero(2 * MINUTE),
    GOTRUE_SAML_EXTERNAL_URL: url.optional(),
    GOTRUE_SAML_RATE_LIMIT_ASSERTION: number.default(15),
    GOTRUE_PASSKEY_ENABLED: bool.default(false),
    GOTRUE_PASSKEY_MAX_PASSKEYS_PER_USER: count.default(10),
    GOTRUE_WEBAUTHN_RP_ID: text.default(''),
    GOTRUE_WEBAUTHN_RP_DISPLAY_NAME: text.default(''),
    GOTRUE_WEBAUTHN_RP_ORIGINS: list.default([]),
    GOTRUE_WEBAUTHN_CHALLENGE_EXPIRY_DURATION: orWhenZero(5 * MINUTE),
    GOTRUE_OAUTH_SERVER_ENABLED: bool.default(false),
    GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: bool.default(false),
    GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH: text.default(''),
    GOTRUE_OAUTH_SERVER_AUTHORIZATION_TTL: orWhenZero(10 * MINUTE),
    GOTRUE_OAUTH_SERVER_DEFAULT_SCOPE: text.default('email'),

    GOTRUE_SMTP_HOST: text.default(''),
    GOTRUE_SMTP_PORT: port.default(587),
    GOTRUE_SMTP_USER: text.default(''),
    GOTRUE_SMTP_PASS: secret.default(''),
    GOTRUE_SMTP_ADMIN_EMAIL: text.default(''),
    GOTRUE_SMTP_SENDER_NAME: text.default(''),
    GOTRUE_SMTP_MAX_FREQUENCY: orWhenZero(MINUTE),
    GOTRUE_SMTP_HEADERS: headerLists.default({}),
    GOTRUE_MAILER_AUTOCONFIRM: bool.default(false),
    GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS: bool.default(false),
    GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED: bool.default(true),
    GOTRUE_MAILER_OTP_EXP: count.default(86_400).transform((seconds) => seconds || 86_400),
    GOTRUE_MAILER_OTP_LENGTH: otpLength,
    GOTRUE_MAILER_EXTERNAL_HOSTS: list.default([]),
    GOTRUE_MAILER_EMAIL_BACKGROUND_SENDING: bool.default(false),
    ...family('GOTRUE_MAILER_URLPATHS_', ['INVITE', 'CONFIRMATION', 'RECOVERY', 'EMAIL_CHANGE'], '', text.default('/verify')),
    ...family('GOTRUE_MAILER_SUBJECTS_', TEMPLATES, '', text.optional()),
    ...family('GOTRUE_MAILER_TEMPLATES_', TEMPLATES, '', text.optional()),
    ...family('GOTRUE_MAILER_NOTIFICATIONS_', NOTIFICATIONS, '_ENABLED', bool.default(false)),
    GOTRUE_MAILER_TEMPLATE_MAX_SIZE: count.default(1_000_000),
    GOTRUE_MAILER_TEMPLATE_MAX_AGE: duration.default(10 * MINUTE),
    GOTRUE_MAILER_TEMPLATE_RETRY_INTERVAL: duration.default(10_000),
    GOTRUE_MAILER_TEMPLATE_RELOADING_ENABLED: bool.default(false),
    GOTRUE_MAILER_TEMPLATE_RELOADING_MAX_IDLE: duration.default(20 * MINUTE),
    GOTRUE_MAILER_EMAIL_VALIDATION_EXTENDED: bool.default(false),
    GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_URL: text.default(''),
    GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_HEADERS: headerLists.default({}),
    GOTRUE_MAILER_EMAIL_VALIDATION_BLOCKED_MX: json
      .pipe(z.array(z.string(), { error: () => 'a JSON list of host names' }))
      .transform((hosts): ReadonlySet<string> => new Set(hosts.map((host) => host.replace(/\.$/, '').toLowerCase())))
      .default(new Set()),

    GOTRUE_SMS_AUTOCONFIRM: bool.default(false),
    GOTRUE_SMS_MAX_FREQUENCY: orWhenZero(MINUTE),
    GOTRUE_SMS_OTP_EXP: count.default(60).transform((seconds) => seconds || 60),
    GOTRUE_SMS_OTP_LENGTH: otpLength,
    GOTRUE_SMS_PROVIDER: z.enum(SMS_PROVIDERS, { error: () => `one of ${SMS_PROVIDERS.slice(1).join(', ')}` }).default(''),
    GOTRUE_SMS_TEMPLATE: template.default(''),
    ...family('GOTRUE_SMS_', Object.values(SMS_ACCOUNTS).flat(), '', secret.default('')),
    GOTRUE_SMS_TWILIO_CONTENT_SID: text.default(''),
    GOTRUE_SMS_TEST_OTP: testOtps.default(new Map()),
    GOTRUE_SMS_TEST_OTP_VALID_UNTIL: time.optional(),

    GOTRUE_PASSWORD_MIN_LENGTH: count.default(6).transform((length) => Math.max(length, 6)),
    GOTRUE_PASSWORD_REQUIRED_CHARACTERS: characterSets.default([]),
    GOTRUE_PASSWORD_HIBP_ENABLED: bool.default(false),
    GOTRUE_PASSWORD_HIBP_FAIL_CLOSED: bool.default(false),
    GOTRUE_PASSWORD_HIBP_USER_AGENT: text.default('https://github.com/supabase/gotrue'),

    GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED: bool.default(true),
    GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL: count.default(0),
    GOTRUE_SECURITY_REFRESH_TOKEN_ALLOW_REUSE: bool.default(false),
    GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: count.default(0),
    GOTRUE_SECURITY_REFRESH_TOKEN_UPGRADE_PERCENTAGE: count.default(0),
    GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION: bool.default(false),
    GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD: bool.default(false),
    GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: bool.default(false),
    GOTRUE_SECURITY_CAPTCHA_ENABLED: bool.default(false),
    GOTRUE_SECURITY_CAPTCHA_PROVIDER: oneOf('hcaptcha', 'turnstile').default('hcaptcha'),
    GOTRUE_SECURITY_CAPTCHA_SECRET: secret.optional(),
    GOTRUE_SECURITY_CAPTCHA_TIMEOUT: duration.default(10_000),
    GOTRUE_SECURITY_SB_FORWARDED_FOR_ENABLED: bool.default(false),
    GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT: bool.default(false),
    GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID: text.default(''),
    GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY: secret.default(''),
    GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS: map.default({}),

    GOTRUE_SESSIONS_TIMEBOX: duration.optional(),
    GOTRUE_SESSIONS_INACTIVITY_TIMEOUT: duration.optional(),
    GOTRUE_SESSIONS_ALLOW_LOW_AAL: duration.optional(),
    GOTRUE_SESSIONS_SINGLE_PER_USER: bool.default(false),
    GOTRUE_SESSIONS_TAGS: list.default([]),

    GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION: number.default(300).transform((seconds) => Math.max(seconds, 300)),
    GOTRUE_MFA_FACTOR_EXPIRY_DURATION: atLeast(300_000),
    GOTRUE_MFA_MAX_ENROLLED_FACTORS: count.default(10),
    GOTRUE_MFA_MAX_VERIFIED_FACTORS: count.default(10),
    GOTRUE_MFA_TOTP_ENROLL_ENABLED: bool.default(true),
    GOTRUE_MFA_TOTP_VERIFY_ENABLED: bool.default(true),
    GOTRUE_MFA_PHONE_ENROLL_ENABLED: bool.default(false),
    GOTRUE_MFA_PHONE_VERIFY_ENABLED: bool.default(false),
    GOTRUE_MFA_PHONE_OTP_LENGTH: otpLength,
    GOTRUE_MFA_PHONE_TEMPLATE: template.default(''),
    GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: bool.default(false),
    GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: bool.default(false),
    GOTRUE_MFA_PHONE_MAX_FREQUENCY: orWhenZero(MINUTE),

    GOTRUE_RATE_LIMIT_HEADER: text.default(''),
    GOTRUE_RATE_LIMIT_TOKEN_REFRESH: number.default(150),
    GOTRUE_RATE_LIMIT_VERIFY: number.default(30),
    GOTRUE_RATE_LIMIT_OTP: number.default(30),
    GOTRUE_RATE_LIMIT_ANONYMOUS_USERS: number.default(30),
    GOTRUE_RATE_LIMIT_SSO: number.default(30),
    GOTRUE_RATE_LIMIT_WEB3: number.default(30),
    GOTRUE_RATE_LIMIT_PASSKEY: number.default(30),
    GOTRUE_RATE_LIMIT_O_AUTH_DYNAMIC_CLIENT_REGISTER: number.default(10),
    GOTRUE_MFA_RATE_LIMIT_CHALLENGE_AND_VERIFY: number.default(15),
    GOTRUE_RATE_LIMIT_EMAIL_SENT: rate.default(hourly(30)),
    GOTRUE_RATE_LIMIT_SMS_SENT: rate.default(hourly(30)),

    ...family('GOTRUE_HOOK_', HOOKS, '_ENABLED', bool.default(false)),
    ...family('GOTRUE_HOOK_', HOOKS, '_URI', secret.default('')),
    ...family('GOTRUE_HOOK_', HOOKS, '_SECRETS', secret.default('')),

    // Of `serve --config-dir`.
    GOTRUE_RELOADING_NOTIFY_ENABLED: bool.default(true),
    GOTRUE_RELOADING_POLLER_ENABLED: bool.default(false),
    GOTRUE_RELOADING_POLLER_INTERVAL: orWhenZero(10_000),
    GOTRUE_RELOADING_GRACE_PERIOD_INTERVAL: duration.default(5_000),

    GOTRUE_EXPERIMENTAL_CURSOR_PAGINATION_ENABLED: bool.default(false),
    GOTRUE_EXPERIMENTAL_PROVIDER_LINKING_DOMAINS: domains.default(new Map()),
    GOTRUE_EXPERIMENTAL_PROVIDERS_WITH_OWN_LINKING_DOMAIN: list.default([]),
    /** Not upstream's: custom providers may have private addresses (development). */
    PLINTH_AUTH_ALLOW_PRIVATE_URLS: bool.default(false),
    /** Not upstream's: how many password hashes may wait before further ones are refused. */
    PLINTH_AUTH_HASH_QUEUE: integer.default(1_000),
    /**
     * Not upstream's: without GOTRUE_RATE_LIMIT_HEADER, the header that names a client to the limits. Only public addresses are counted, so
     * that neither a proxy nor a developer's machine is taken for one client. Whoever sends requests past the gateway must not be able to set it.
     */
    PLINTH_AUTH_ADDRESS_HEADER: text.default(''),
    /** Not upstream's: a Redis in which all instances count together. */
    PLINTH_REDIS_URL: secret.optional(),
  })
  .refine(({ GOTRUE_DB_DATABASE_URL, DATABASE_URL }) => GOTRUE_DB_DATABASE_URL || DATABASE_URL, {
    path: ['GOTRUE_DB_DATABASE_URL'],
    message: 'a connection string (or DATABASE_URL)',
    when: always,
  })
  .refine((env) => !(env.GOTRUE_MAILER_AUTOCONFIRM === true && env.GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS === true), {
    path: ['GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS'],
    message: 'false while GOTRUE_MAILER_AUTOCONFIRM is true',
    when: always,
  })
  .refine((env) => !(env.GOTRUE_PASSKEY_ENABLED === true && !env.GOTRUE_WEBAUTHN_RP_ID), {
    path: ['GOTRUE_WEBAUTHN_RP_ID'],
    message: 'the domain that passkeys are for, while GOTRUE_PASSKEY_ENABLED is true',
    when: always,
  })
  .refine((env) => !(env.GOTRUE_PASSKEY_ENABLED === true && !env.GOTRUE_WEBAUTHN_RP_DISPLAY_NAME), {
    path: ['GOTRUE_WEBAUTHN_RP_DISPLAY_NAME'],
    message: 'the name that people see beside a passkey, while GOTRUE_PASSKEY_ENABLED is true',
    when: always,
  })
  .refine((env) => !(env.GOTRUE_PASSKEY_ENABLED === true && !env.GOTRUE_WEBAUTHN_RP_ORIGINS?.length), {
    path: ['GOTRUE_WEBAUTHN_RP_ORIGINS'],
    message: 'the origins of the pages that use passkeys, while GOTRUE_PASSKEY_ENABLED is true',
    when: always,
  })
  .refine((env) => !(env.GOTRUE_SECURITY_CAPTCHA_ENABLED === true && !env.GOTRUE_SECURITY_CAPTCHA_SECRET), {
    path: ['GOTRUE_SECURITY_CAPTCHA_SECRET'],
    message: 'the secret of the captcha provider',
    when: always,
  })
  .superRefine((env, ctx) => {
    if (env.GOTRUE_SAML_ENABLED === true) {
      const problem = samlKeyProblem(env.GOTRUE_SAML_PRIVATE_KEY ?? '')
      if (problem) ctx.addIssue({ code: 'custom', path: ['GOTRUE_SAML_PRIVATE_KEY'], message: problem })
      const next = env.GOTRUE_SAML_PRIVATE_KEY_NEXT ? samlKeyProblem(env.GOTRUE_SAML_PRIVATE_KEY_NEXT) : undefined
      if (next) ctx.addIssue({ code: 'custom', path: ['GOTRUE_SAML_PRIVATE_KEY_NEXT'], message: next })
    }
    for (const name of PROVIDERS)
      for (const key of [`GOTRUE_EXTERNAL_${name}_URL`, `GOTRUE_EXTERNAL_${name}_REDIRECT_URI`] as const)
        if (env[`GOTRUE_EXTERNAL_${name}_ENABLED`] === true && env[key] && !URL.canParse(env[key]))
          ctx.addIssue({ code: 'custom', path: [key], message: 'a URL' })
  })

type Given = Readonly<Partial<Record<string, unknown>>>

/** Messages are meant to go out by a provider: not where the operator's own code sends them, or to test phones alone. */
function needsSmsAccount(env: Given): boolean {
  const uses = ['EXTERNAL_PHONE_ENABLED', 'MFA_PHONE_ENROLL_ENABLED', 'MFA_PHONE_VERIFY_ENABLED'].some(
    (name) => env[`GOTRUE_${name}`] === true,
  )
  const tests = env['GOTRUE_SMS_TEST_OTP']
  return uses && env['GOTRUE_HOOK_SEND_SMS_ENABLED'] !== true && !(tests instanceof Map && tests.size > 0)
}

/** Variables of the account of the chosen provider that are not set. */
export function missingSmsVariables(env: Given): readonly string[] {
  const provider = String(env['GOTRUE_SMS_PROVIDER'] ?? '')
  const account = Object.hasOwn(SMS_ACCOUNTS, provider) ? SMS_ACCOUNTS[provider as keyof typeof SMS_ACCOUNTS] : []
  return account.map((name) => `GOTRUE_SMS_${name}`).filter((name) => !env[name])
}

export const authEnv = Object.values(SMS_ACCOUNTS)
  .flat()
  .map((name) => `GOTRUE_SMS_${name}`)
  .reduce(
    (schema, name) =>
      schema.refine((env) => !(needsSmsAccount(env) && missingSmsVariables(env).includes(name)), {
        path: [name],
        message: 'part of the account of GOTRUE_SMS_PROVIDER',
        when: always,
      }),
    variables,
  )
export type AuthEnv = z.output<typeof variables>

// Upstream's default outside of its image is 8081; the image and the compose file use 9999.
export const DEFAULT_PORT = 9999
