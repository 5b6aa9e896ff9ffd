// A double of the SMS providers behind all of their names.
import { type Answer, startRemoteHosts } from './remote-hosts.ts'

export type { Answer } from './remote-hosts.ts'

export interface SentForm {
  /** As the provider would see it: `https://api.twilio.com/...`. */
  readonly url: string
  readonly method: string
  readonly authorization: string | undefined
  readonly contentType: string | undefined
  /** Word for word. */
  readonly body: string
  readonly form: Readonly<Record<string, string>>
}

export interface FakeSmsProviders extends AsyncDisposable {
  readonly sent: SentForm[]
  answer: (form: SentForm) => Answer
  /** The newest request to a path that ends so. */
  last(path: string): SentForm
}

const HOSTS = ['api.twilio.com', 'verify.twilio.com', 'rest.messagebird.com', 'rest.nexmo.com', 'api.textlocal.in']

/** Variables of an account at the first of them. */
export const TWILIO = {
  GOTRUE_SMS_PROVIDER: 'twilio',
  GOTRUE_SMS_TWILIO_ACCOUNT_SID: 'AC1',
  GOTRUE_SMS_TWILIO_AUTH_TOKEN: 'tok',
  GOTRUE_SMS_TWILIO_MESSAGE_SERVICE_SID: 'MG1',
}
/** What Twilio says when it has taken a message. */
export const taken = (): Answer => ({ status: 201, json: { sid: 'SM1', status: 'queued' } })

/** Until disposed, requests of this process to the providers' names end here. */
export async function startSmsProviders(): Promise<FakeSmsProviders> {
  const sent: SentForm[] = []
  const fake = { answer: (_form: SentForm): Answer => ({}) }
  const hosts = await startRemoteHosts(HOSTS, ({ url, method, headers, body }) => {
    const form: SentForm = {
      url,
      method,
      authorization: headers.authorization,
      contentType: headers['content-type'],
      body,
      form: Object.fromEntries(new URLSearchParams(body)),
    }
    sent.push(form)
    return fake.answer(form)
  })
  return Object.assign(fake, {
    sent,
    last(path: string): SentForm {
      const found = sent.findLast(({ url }) => url.endsWith(path))
      if (!found) throw new Error(`nothing was sent to ${path}: ${sent.map(({ url }) => url).join(', ')}`)
      return found
    },
    [Symbol.asyncDispose]: () => hosts[Symbol.asyncDispose](),
  })
}
