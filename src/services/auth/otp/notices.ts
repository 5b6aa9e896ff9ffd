// Notices of changes to an account. They tell of what has happened already: one that cannot be sent never fails the request.
import { showUser } from '../accounts/user-json.ts'
import type { NotificationName } from '../env.ts'
import type { MailValues } from '../mail/mailer.ts'
import type { Call } from '../request/call.ts'
import type { AuthState } from '../state.ts'
import type { User } from '../tables/users.ts'

export interface NoticeDetails {
  readonly oldEmail?: string
  readonly oldPhone?: string
  readonly provider?: string
  readonly factorType?: string
}

export async function sendNotice(
  state: AuthState,
  call: Call,
  user: User,
  name: NotificationName,
  details: NoticeDetails = {},
): Promise<void> {
  const to = details.oldEmail ?? user.email
  if (!state.env[`GOTRUE_MAILER_NOTIFICATIONS_${name}_ENABLED`] || to === '') return
  try {
    if (state.hooks.enabled('SEND_EMAIL')) {
      await state.hooks.run('SEND_EMAIL', call, { user: showUser(user), email_data: hookData(call, name, details) })
      return
    }
    const values: MailValues = {
      Email: user.email,
      Data: user.raw_user_meta_data,
      OldEmail: details.oldEmail ?? '',
      Phone: user.phone,
      OldPhone: details.oldPhone ?? '',
      Provider: details.provider ?? '',
      FactorType: details.factorType ?? '',
    }
    await state.mailer.send(`${name}_NOTIFICATION`, to, values)
  } catch (error) {
    state.log.warn({ err: error, notice: name, request_id: call.id }, 'a notice could not be sent')
  }
}

const hookData = (call: Call, name: NotificationName, details: NoticeDetails) => ({
  token: '',
  token_hash: '',
  redirect_to: '',
  email_action_type: `${name.toLowerCase()}_notification`,
  site_url: call.externalUrl,
  token_new: '',
  token_hash_new: '',
  old_email: details.oldEmail ?? '',
  old_phone: details.oldPhone ?? '',
  provider: details.provider ?? '',
  factor_type: details.factorType ?? '',
})
