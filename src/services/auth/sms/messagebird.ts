// MessageBird: https://developers.messagebird.com/api/sms-messaging
import { z } from 'zod'
import { post, SmsError, type SmsProvider } from './provider.ts'

const sent = z.object({ id: z.string().catch(''), recipients: z.object({ totalSentCount: z.number() }).catch({ totalSentCount: 0 }) })
const refused = z.object({ errors: z.array(z.object({ description: z.string() })).min(1) })
const REFUSALS = new Set([400, 401, 403, 422])

export function messagebird(account: { readonly accessKey: string; readonly originator: string }, timeoutMs: number): SmsProvider {
  return {
    async send({ phone, text }) {
      const form = { originator: account.originator, body: text, recipients: phone, type: 'sms', datacoding: 'unicode' }
      const { status, json } = await post(
        { url: 'https://rest.messagebird.com/messages', form, authorization: `AccessKey ${account.accessKey}` },
        timeoutMs,
      )
      if (REFUSALS.has(status))
        throw new SmsError(refused.safeParse(json).data?.errors[0]?.description ?? `messagebird error: status ${status}`)
      const { id, recipients } = sent.parse(json)
      if (recipients.totalSentCount === 0) throw new SmsError('messagebird error: total sent count is 0')
      return id
    },
  }
}
