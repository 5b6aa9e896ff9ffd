// [auth.email]: sign-up by email, the mail server, templates and notifications.
import { bool, duration, literalIssue, port, table, text, uint } from '../fields.ts'

/** Mails whose text a project may replace, by their names in config.toml. */
export const MAIL_TEMPLATES = ['invite', 'confirmation', 'recovery', 'magic_link', 'email_change', 'reauthentication'] as const
export const MAIL_NOTIFICATIONS = [
  'password_changed',
  'email_changed',
  'phone_changed',
  'identity_linked',
  'identity_unlinked',
  'mfa_factor_enrolled',
  'mfa_factor_unenrolled',
] as const

const template = (name: string) =>
  table({ subject: text.optional(), content: text.optional(), content_path: text.optional() })
    .superRefine((value, ctx) => {
      if (value.content !== undefined && !value.content_path) {
        ctx.addIssue(literalIssue(`Invalid config for auth.email.template.${name}.content: please use content_path instead`))
      }
    })
    .optional()

const notification = (name: string) =>
  table({ enabled: bool.default(false), subject: text.optional(), content: text.optional(), content_path: text.optional() })
    .superRefine((value, ctx) => {
      if (value.content !== undefined && !value.content_path) {
        ctx.addIssue(literalIssue(`Invalid config for auth.email.notification.${name}.content: please use content_path instead`))
      }
    })
    .optional()

const each = <Name extends string, Schema>(names: readonly Name[], make: (name: Name) => Schema) =>
  Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Name, Schema>

/** A section without `enabled` counts as on. */
const smtp = table({
  enabled: bool.default(true),
  host: text.default(''),
  port: port.default(0),
  user: text.default(''),
  pass: text.default(''),
  admin_email: text.default(''),
  sender_name: text.default(''),
}).superRefine((value, ctx) => {
  if (!value.enabled) return
  for (const key of ['host', 'port', 'user', 'pass', 'admin_email'] as const) {
    if (!value[key]) ctx.addIssue(literalIssue(`Missing required field in config: auth.email.smtp.${key}`))
  }
})

export const email = table({
  enabled: bool.default(true),
  double_confirm_changes: bool,
  enable_confirmations: bool,
  secure_password_change: bool,
  require_current_password: bool.default(false),
  max_frequency: duration,
  otp_length: uint,
  otp_expiry: uint,
  smtp: smtp.optional(),
  template: table(each(MAIL_TEMPLATES, template)).default({}),
  notification: table(each(MAIL_NOTIFICATIONS, notification)).default({}),
})
