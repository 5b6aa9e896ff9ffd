// Twilio Verify makes, sends and checks the codes itself: https://www.twilio.com/docs/verify/api
import { z } from 'zod'
import { post, SmsError, type SmsProvider } from './provider.ts'
import { accepted, authorizationOf, type TwilioAccount } from './twilio.ts'

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')
const started = z.object({ sid: text })
const checked = z.object({ status: text, valid: z.boolean().catch(false), error_message: text })

export function twilioVerify(account: TwilioAccount, timeoutMs: number): SmsProvider {
  const service = `https://verify.twilio.com/v2/Services/${encodeURIComponent(account.serviceSid)}`
  const ask = async (path: string, form: Readonly<Record<string, string>>): Promise<unknown> =>
    accepted(await post({ url: `${service}/${path}`, form, authorization: authorizationOf(account) }, timeoutMs)).json
  return {
    send: async ({ phone, channel }) => started.parse(await ask('Verifications', { To: `+${phone}`, Channel: channel })).sid,
    async check(phone, code) {
      const { status, valid, error_message: words } = checked.parse(await ask('VerificationCheck', { To: `+${phone}`, Code: code }))
      if (status !== 'approved' || !valid) throw new SmsError(`twilio verification error: ${words} ${status}`)
    },
  }
}
