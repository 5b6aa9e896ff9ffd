// [auth.hook.X]: what auth asks before it acts, by HTTP or by a function in the database.
import { bool, literalIssue, table, text } from '../fields.ts'

export const HOOKS = [
  'mfa_verification_attempt',
  'password_verification_attempt',
  'custom_access_token',
  'send_sms',
  'send_email',
  'before_user_created',
  'after_user_created',
] as const

/** One or more secrets separated by `|`; each may be symmetric (v1) or asymmetric (v1a). */
const SECRETS = /^(v1,whsec_[A-Za-z0-9+/=]{32,88}|v1a,whpk_[A-Za-z0-9+/=]{32,}:whsk_[A-Za-z0-9+/=]{32,})$/

function problem(name: string, uri: string, secrets: string): string | undefined {
  const at = `auth.hook.${name}`
  if (uri === '') return `Missing required field in config: ${at}.uri`
  // A reference to a variable that is not set: told by a warning of its own.
  if (/^env\(.*\)$/.test(uri)) return undefined
  const scheme = URL.canParse(uri) ? new URL(uri).protocol : ''
  if (scheme === 'pg-functions:') {
    return secrets === '' ? undefined : `Invalid hook config: ${at}.secrets is unsupported for pg-functions URI`
  }
  if (scheme !== 'http:' && scheme !== 'https:') return `Invalid hook config: ${at}.uri should be a HTTP, HTTPS, or pg-functions URI`
  if (secrets === '') return `Missing required field in config: ${at}.secrets`
  if (/^env\(.*\)$/.test(secrets) || secrets.split('|').every((secret) => SECRETS.test(secret))) return undefined
  return `Invalid hook config: ${at}.secrets must be formatted as "v1,whsec_<base64_encoded_secret>" with a minimum length of 32 characters.`
}

const hookOf = (name: string) =>
  table({ enabled: bool.default(false), uri: text.default(''), secrets: text.default('') })
    .superRefine(({ enabled, uri, secrets }, ctx) => {
      const wrong = enabled ? problem(name, uri, secrets) : undefined
      if (wrong) ctx.addIssue(literalIssue(wrong))
    })
    .optional()

export const hook = table(
  Object.fromEntries(HOOKS.map((name) => [name, hookOf(name)])) as Record<(typeof HOOKS)[number], ReturnType<typeof hookOf>>,
)
