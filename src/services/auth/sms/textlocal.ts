// Textlocal: https://api.textlocal.in/docs/sendsms
import { z } from 'zod'
import { post, SmsError, type SmsProvider } from './provider.ts'

const sent = z.object({
  status: z.string().catch(''),
  errors: z.array(z.unknown()).catch([]),
  messages: z.array(z.object({ id: z.coerce.string() })).catch([]),
})

export function textlocal(account: { readonly apiKey: string; readonly sender: string }, timeoutMs: number): SmsProvider {
  return {
    async send({ phone, text }) {
      const form = { sender: account.sender, apikey: account.apiKey, message: text, numbers: phone }
      const { json } = await post({ url: 'https://api.textlocal.in/send', form }, timeoutMs)
      const { status, errors, messages } = sent.parse(json)
      if (errors.length > 0 || status !== 'success') throw new SmsError('textlocal error: Internal Error')
      return messages[0]?.id ?? ''
    },
  }
}
