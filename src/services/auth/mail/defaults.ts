// Subjects and bodies of mails where the configuration names none. Upstream's default bodies show the link and not the code,
// except reauthentication, which has no link.
import type { TemplateName } from '../env.ts'

export interface DefaultMail {
  readonly subject: string
  readonly body: string
}

const link = (heading: string, text: string, label: string) =>
  `<h2>${heading}</h2>\n\n<p>${text}</p>\n<p><a href="{{ .ConfirmationURL }}">${label}</a></p>\n`
const notice = (heading: string, text: string) =>
  `<h2>${heading}</h2>\n\n<p>${text}</p>\n<p>If this was not you, please contact support.</p>\n`

export const DEFAULT_MAILS: Readonly<Record<TemplateName, DefaultMail>> = {
  CONFIRMATION: {
    subject: 'Confirm your email address',
    body: link(
      'Confirm your email address',
      'Follow the link below to confirm this address and finish signing up.',
      'Confirm email address',
    ),
  },
  INVITE: {
    subject: "You've been invited",
    body: link("You've been invited", 'Follow the link below to accept your invitation to {{ .SiteURL }}.', 'Accept invitation'),
  },
  RECOVERY: {
    subject: 'Reset your password',
    body: link('Reset your password', 'Follow the link below to choose a new password.', 'Reset password'),
  },
  MAGIC_LINK: { subject: 'Your sign-in link', body: link('Your sign-in link', 'Follow the link below to sign in.', 'Sign in') },
  EMAIL_CHANGE: {
    subject: 'Confirm your new email address',
    body: link(
      'Confirm your new email address',
      'Follow the link below to change your address from {{ .Email }} to {{ .NewEmail }}.',
      'Confirm new email address',
    ),
  },
  REAUTHENTICATION: {
    subject: '{{ .Token }} is your verification code',
    body: '<h2>Confirm that it is you</h2>\n\n<p>Your verification code is: {{ .Token }}</p>\n',
  },
  PASSWORD_CHANGED_NOTIFICATION: {
    subject: 'Your password was changed',
    body: notice('Your password was changed', 'The password of your account {{ .Email }} has just been changed.'),
  },
  EMAIL_CHANGED_NOTIFICATION: {
    subject: 'Your email address was changed',
    body: notice('Your email address was changed', 'The address of your account was changed from {{ .OldEmail }} to {{ .Email }}.'),
  },
  PHONE_CHANGED_NOTIFICATION: {
    subject: 'Your phone number was changed',
    body: notice(
      'Your phone number was changed',
      'The phone number of your account {{ .Email }} was changed from {{ .OldPhone }} to {{ .Phone }}.',
    ),
  },
  IDENTITY_LINKED_NOTIFICATION: {
    subject: 'A new sign-in method was linked to your account',
    body: notice('A new sign-in method was linked', 'Your account {{ .Email }} can now be entered by {{ .Provider }} as well.'),
  },
  IDENTITY_UNLINKED_NOTIFICATION: {
    subject: 'A sign-in method was removed from your account',
    body: notice('A sign-in method was removed', 'Your account {{ .Email }} can no longer be entered by {{ .Provider }}.'),
  },
  MFA_FACTOR_ENROLLED_NOTIFICATION: {
    subject: 'A new verification method was added to your account',
    body: notice('A new verification method was added', 'Your account {{ .Email }} has a new verification method ({{ .FactorType }}).'),
  },
  MFA_FACTOR_UNENROLLED_NOTIFICATION: {
    subject: 'A verification method was removed from your account',
    body: notice(
      'A verification method was removed',
      'A verification method ({{ .FactorType }}) of your account {{ .Email }} was removed.',
    ),
  },
}
