// Which provider sends the messages of this service, and in which words.
import { type AuthEnv, missingSmsVariables } from '../env.ts'
import { parseTemplate, type Template } from '../mail/go-template.ts'
import { TextOutput } from '../mail/html-output.ts'
import { messagebird } from './messagebird.ts'
import type { Channel, SmsProvider } from './provider.ts'
import { textlocal } from './textlocal.ts'
import { twilio } from './twilio.ts'
import { twilioVerify } from './twilio-verify.ts'
import { vonage } from './vonage.ts'

const DEFAULT_TEXT = 'Your code is {{ .Code }}'
const CHANNELS: ReadonlySet<string> = new Set(['sms', 'whatsapp'])

export interface Outgoing {
  readonly phone: string
  readonly code: string
  readonly channel: string
  /** Of a second factor, whose words are its own. */
  readonly mfa?: boolean
}

export class SmsSender {
  readonly #provider: SmsProvider | undefined
  readonly #templates: { readonly sms: Template; readonly mfa: Template }
  /** The operator's own code sends the messages instead. */
  readonly #byHook: boolean

  constructor(env: AuthEnv, byHook: boolean) {
    this.#provider = providerOf(env)
    this.#templates = { sms: templateOf(env.GOTRUE_SMS_TEMPLATE), mfa: templateOf(env.GOTRUE_MFA_PHONE_TEMPLATE) }
    this.#byHook = byHook
  }

  get available(): boolean {
    return this.#provider !== undefined
  }

  /** The provider's id of the message. Rejects with what it said. */
  send({ phone, code, channel, mfa }: Outgoing): Promise<string> {
    if (!this.#provider) throw new Error('there is no SMS provider')
    const output = new TextOutput()
    this.#templates[mfa ? 'mfa' : 'sms'].execute({ Code: code }, output)
    // Others than these were refused where they arrived.
    const by: Channel = CHANNELS.has(channel) ? (channel as Channel) : 'sms'
    return this.#provider.send({ phone, text: output.text, channel: by, code })
  }

  /** Where the provider checks the codes: rejects for a wrong one. Undefined where we check them. */
  get check(): SmsProvider['check'] {
    return this.#byHook ? undefined : this.#provider?.check
  }
}

const templateOf = (source: string): Template => parseTemplate(source || DEFAULT_TEXT)

/** Undefined where none is named, or its account is incomplete. */
function providerOf(env: AuthEnv): SmsProvider | undefined {
  const timeoutMs = env.GOTRUE_INTERNAL_HTTP_TIMEOUT
  if (missingSmsVariables(env).length > 0) return undefined
  switch (env.GOTRUE_SMS_PROVIDER) {
    case '':
      return undefined
    case 'twilio':
      return twilio(
        {
          accountSid: env.GOTRUE_SMS_TWILIO_ACCOUNT_SID,
          authToken: env.GOTRUE_SMS_TWILIO_AUTH_TOKEN,
          serviceSid: env.GOTRUE_SMS_TWILIO_MESSAGE_SERVICE_SID,
        },
        env.GOTRUE_SMS_TWILIO_CONTENT_SID,
        timeoutMs,
      )
    case 'twilio_verify':
      return twilioVerify(
        {
          accountSid: env.GOTRUE_SMS_TWILIO_VERIFY_ACCOUNT_SID,
          authToken: env.GOTRUE_SMS_TWILIO_VERIFY_AUTH_TOKEN,
          serviceSid: env.GOTRUE_SMS_TWILIO_VERIFY_MESSAGE_SERVICE_SID,
        },
        timeoutMs,
      )
    case 'messagebird':
      return messagebird({ accessKey: env.GOTRUE_SMS_MESSAGEBIRD_ACCESS_KEY, originator: env.GOTRUE_SMS_MESSAGEBIRD_ORIGINATOR }, timeoutMs)
    case 'textlocal':
      return textlocal({ apiKey: env.GOTRUE_SMS_TEXTLOCAL_API_KEY, sender: env.GOTRUE_SMS_TEXTLOCAL_SENDER }, timeoutMs)
    case 'vonage':
      return vonage(
        { apiKey: env.GOTRUE_SMS_VONAGE_API_KEY, apiSecret: env.GOTRUE_SMS_VONAGE_API_SECRET, from: env.GOTRUE_SMS_VONAGE_FROM },
        timeoutMs,
      )
  }
}
