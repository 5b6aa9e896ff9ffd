// A double of the SMS providers: one small server behind all of their names, which notes what it is sent. `answer` says what it replies.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, Dispatcher, getGlobalDispatcher, setGlobalDispatcher } from 'undici'

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

export interface Answer {
  readonly status?: number
  readonly json?: unknown
  readonly text?: string
  /** Never answers. */
  readonly silent?: boolean
}

export interface FakeSmsProviders extends AsyncDisposable {
  readonly sent: SentForm[]
  answer: (form: SentForm) => Answer
  /** The newest request to a path that ends so. */
  last(path: string): SentForm
}

const HOSTS = ['api.twilio.com', 'verify.twilio.com', 'rest.messagebird.com', 'rest.nexmo.com', 'api.textlocal.in']

/** Until disposed, requests of this process to the providers' names end here. */
export async function startSmsProviders(): Promise<FakeSmsProviders> {
  const sent: SentForm[] = []
  const fake = { answer: (_form: SentForm): Answer => ({}) }
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      const form: SentForm = {
        url: `https://${request.headers['x-sent-to']}${request.url}`,
        method: request.method ?? '',
        authorization: request.headers.authorization,
        contentType: request.headers['content-type'],
        body,
        form: Object.fromEntries(new URLSearchParams(body)),
      }
      sent.push(form)
      const { status = 200, json = {}, text, silent } = fake.answer(form)
      if (silent) return
      response.writeHead(status, { 'content-type': 'application/json' }).end(text ?? JSON.stringify(json))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const before = getGlobalDispatcher()
  const redirecting = new Redirecting(before, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  setGlobalDispatcher(redirecting)
  return Object.assign(fake, {
    sent,
    last(path: string): SentForm {
      const found = sent.findLast(({ url }) => url.endsWith(path))
      if (!found) throw new Error(`nothing was sent to ${path}: ${sent.map(({ url }) => url).join(', ')}`)
      return found
    },
    async [Symbol.asyncDispose]() {
      setGlobalDispatcher(before)
      await redirecting.local.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

class Redirecting extends Dispatcher {
  readonly local = new Agent()
  readonly #before: Dispatcher
  readonly #to: string
  constructor(before: Dispatcher, to: string) {
    super()
    this.#before = before
    this.#to = to
  }
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { host } = new URL(String(options.origin))
    if (!HOSTS.includes(host)) return this.#before.dispatch(options, handler)
    const headers = { ...(options.headers as Record<string, string>), 'x-sent-to': host }
    return this.local.dispatch({ ...options, origin: this.#to, headers }, handler)
  }
}

async function read(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request) text += String(part)
  return text
}
