// Twilio, Programmable Messaging: https://www.twilio.com/docs/messaging/api/message-resource
import { z } from 'zod'
import { basicAuthorization, type Message, post, type Reply, SmsError, type SmsProvider } from './provider.ts'

export interface TwilioAccount {
  readonly accountSid: string
  readonly authToken: string
  /** A messaging service, or the number that messages come from. */
  readonly serviceSid: string
}

const text = z
  .union([z.string(), z.number()])
  .nullish()
  .transform((value) => String(value ?? ''))
const sent = z.object({ sid: text, status: text, error_code: text, error_message: text })
const failure = z.object({ message: text, more_info: text })

/** `contentSid`: the approved template that WhatsApp asks for. */
export function twilio(account: TwilioAccount, contentSid: string, timeoutMs: number): SmsProvider {
  const url = `https://api.twilio.com/2010-04-01/Accounts/${encodeURIComponent(account.accountSid)}/Messages.json`
  return {
    async send(message) {
      const reply = accepted(
        await post({ url, form: formOf(message, account.serviceSid, contentSid), authorization: authorizationOf(account) }, timeoutMs),
      )
      const { sid, status, error_code: code, error_message: words } = sent.parse(reply.json)
      if (status === 'failed' || status === 'undelivered') throw new SmsError(`twilio error: ${words} ${code} for message ${sid}`)
      return sid
    },
  }
}

export const authorizationOf = ({ accountSid, authToken }: TwilioAccount): string => basicAuthorization(accountSid, authToken)

/** Throws what Twilio says is wrong. */
export function accepted(reply: Reply): Reply {
  if (reply.status === 200 || reply.status === 201) return reply
  const { message, more_info: more } = failure.catch({ message: '', more_info: '' }).parse(reply.json)
  throw new SmsError(`${message} More information: ${more}`)
}

function formOf({ phone, text: body, channel, code }: Message, sender: string, contentSid: string): Record<string, string> {
  if (channel === 'sms') return { To: `+${phone}`, Channel: channel, From: sender, Body: body }
  const isNumber = /^[1-9][0-9]{1,14}$/.test(sender.replace(/^\+/, '').replaceAll(' ', ''))
  return {
    To: `whatsapp:+${phone}`,
    Channel: channel,
    From: isNumber ? `whatsapp:${sender}` : sender,
    ...(contentSid === '' ? { Body: body } : { ContentSid: contentSid, ContentVariables: `{"1": "${code}"}` }),
  }
}
