// [auth]: the keys of the table itself; its sub-tables have a file each.
import { bool, duration, list, literalIssue, oneOf, table, text, uint } from '../fields.ts'
import { email } from './email.ts'
import { external } from './external.ts'
import { hook } from './hook.ts'
import { mfa } from './mfa.ts'
import { sms } from './sms.ts'
import { thirdParty } from './third-party.ts'

const captcha = table({
  enabled: bool.default(false),
  provider: oneOf('hcaptcha', 'turnstile').optional(),
  secret: text.default(''),
}).superRefine(({ enabled, provider, secret }, ctx) => {
  if (!enabled) return
  if (!provider) ctx.addIssue(literalIssue('Missing required field in config: auth.captcha.provider'))
  if (!secret) ctx.addIssue(literalIssue('Missing required field in config: auth.captcha.secret'))
})

const webauthn = table({ rp_id: text.default(''), rp_display_name: text.default(''), rp_origins: list.default([]) })

export const auth = table({
  enabled: bool,
  site_url: text,
  external_url: text.optional(),
  additional_redirect_urls: list,
  jwt_expiry: uint,
  jwt_issuer: text.optional(),
  jwt_secret: text.optional().superRefine((value, ctx) => {
    if (value !== undefined && value.length < 16) {
      ctx.addIssue(literalIssue('Invalid config for auth.jwt_secret. Must be at least 16 characters'))
    }
  }),
  anon_key: text.optional(),
  service_role_key: text.optional(),
  publishable_key: text.optional(),
  secret_key: text.optional(),
  signing_keys_path: text.optional(),
  enable_refresh_token_rotation: bool,
  refresh_token_reuse_interval: uint,
  enable_signup: bool,
  enable_anonymous_sign_ins: bool,
  enable_manual_linking: bool,
  minimum_password_length: uint,
  password_requirements: oneOf('', 'letters_digits', 'lower_upper_letters_digits', 'lower_upper_letters_digits_symbols'),
  rate_limit: table({
    email_sent: uint,
    sms_sent: uint,
    anonymous_users: uint,
    token_refresh: uint,
    sign_in_sign_ups: uint,
    token_verifications: uint,
    web3: uint,
  }),
  captcha: captcha.optional(),
  sessions: table({ timebox: duration.optional(), inactivity_timeout: duration.optional() }).default({}),
  email,
  sms,
  mfa,
  hook: hook.default({} as never),
  external,
  web3: table({
    solana: table({ enabled: bool.default(false) }).optional(),
    ethereum: table({ enabled: bool.default(false) }).optional(),
  }).default({}),
  third_party: thirdParty.default({}),
  oauth_server: table({
    enabled: bool.default(false),
    authorization_url_path: text.default('/oauth/consent'),
    allow_dynamic_registration: bool.default(false),
  }),
  passkey: table({ enabled: bool.default(false) }).optional(),
  webauthn: webauthn.optional(),
})
