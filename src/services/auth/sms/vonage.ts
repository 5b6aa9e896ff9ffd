// Vonage: https://developer.vonage.com/en/api/sms
import { z } from 'zod'
import { post, SmsError, type SmsProvider } from './provider.ts'

const text = z.string().catch('')
const sent = z.object({ messages: z.array(z.object({ 'message-id': text, status: text, 'error-text': text })).catch([]) })
const ASCII = /^[\u0000-\u007f]*$/

export interface VonageAccount {
  readonly apiKey: string
  readonly apiSecret: string
  readonly from: string
}

export function vonage({ apiKey, apiSecret, from }: VonageAccount, timeoutMs: number): SmsProvider {
  return {
    async send({ phone, text: message }) {
      const unicode = ASCII.test(message) ? {} : { type: 'unicode' }
      const form = { from, to: phone, text: message, api_key: apiKey, api_secret: apiSecret, ...unicode }
      const { json } = await post({ url: 'https://rest.nexmo.com/sms/json', form }, timeoutMs)
      const [first] = sent.parse(json).messages
      if (!first) throw new SmsError('vonage error: Internal Error')
      const { 'message-id': id, status, 'error-text': words } = first
      if (status !== '0') throw new SmsError(`vonage error: ${words} (status: ${status}) for message ${id}`)
      return id
    },
  }
}
