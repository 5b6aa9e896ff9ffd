// [auth.sms]: sign-up by phone and the provider that sends the codes.
import { bool, duration, literalIssue, named, table, text } from '../fields.ts'

/** Keys of each provider, in the order in which the first enabled one is taken. */
export const SMS_PROVIDERS = {
  twilio: ['account_sid', 'message_service_sid', 'auth_token'],
  twilio_verify: ['account_sid', 'message_service_sid', 'auth_token'],
  messagebird: ['originator', 'access_key'],
  textlocal: ['sender', 'api_key'],
  vonage: ['from', 'api_key', 'api_secret'],
} as const
export type SmsProvider = keyof typeof SMS_PROVIDERS

function provider<Key extends string>(name: string, keys: readonly Key[]) {
  const fields = Object.fromEntries(keys.map((key) => [key, text.default('')])) as Record<Key, ReturnType<typeof text.default>>
  return table({ enabled: bool.default(false), ...fields })
    .superRefine((value, ctx) => {
      const values = value as Record<string, unknown>
      if (values['enabled'] !== true) return
      for (const key of keys) if (!values[key]) ctx.addIssue(literalIssue(`Missing required field in config: auth.sms.${name}.${key}`))
    })
    .optional()
}

export const sms = table({
  enabled: bool.default(false),
  enable_confirmations: bool,
  template: text,
  max_frequency: duration,
  test_otp: named(text).default({}),
  twilio: provider('twilio', SMS_PROVIDERS.twilio),
  twilio_verify: provider('twilio_verify', SMS_PROVIDERS.twilio_verify),
  messagebird: provider('messagebird', SMS_PROVIDERS.messagebird),
  textlocal: provider('textlocal', SMS_PROVIDERS.textlocal),
  vonage: provider('vonage', SMS_PROVIDERS.vonage),
})
