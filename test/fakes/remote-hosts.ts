// A double of services out there: one small server behind their names, which notes what it is sent. `answer` says what it replies.
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, Dispatcher, getGlobalDispatcher, setGlobalDispatcher } from 'undici'

export interface RemoteRequest {
  /** As the service would see it: `https://api.twilio.com/...`. */
  readonly url: string
  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** Word for word. */
  readonly body: string
}

export interface Answer {
  readonly status?: number
  readonly json?: unknown
  readonly text?: string
  /** Never answers. */
  readonly silent?: boolean
}

/** Until disposed, requests of this process to these hosts end here. */
export async function startRemoteHosts(
  hosts: readonly string[],
  answer: (request: RemoteRequest) => Answer | Promise<Answer>,
): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    void read(request).then(async (body) => {
      const { 'x-sent-to': host, ...headers } = request.headers
      const sent = { url: `https://${String(host)}${request.url}`, method: request.method ?? '', headers, body }
      const { status = 200, json = {}, text, silent } = await answer(sent)
      if (silent) return
      response.writeHead(status, { 'content-type': 'application/json' }).end(text ?? JSON.stringify(json))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const before = getGlobalDispatcher()
  const redirecting = new Redirecting(before, hosts, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  setGlobalDispatcher(redirecting)
  return {
    async [Symbol.asyncDispose]() {
      setGlobalDispatcher(before)
      await redirecting.local.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

class Redirecting extends Dispatcher {
  readonly local = new Agent()
  readonly #before: Dispatcher
  readonly #hosts: readonly string[]
  readonly #to: string
  constructor(before: Dispatcher, hosts: readonly string[], to: string) {
    super()
    this.#before = before
    this.#hosts = hosts
    this.#to = to
  }
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { host } = new URL(String(options.origin))
    if (!this.#hosts.includes(host)) return this.#before.dispatch(options, handler)
    const headers = { ...(options.headers as Record<string, string>), 'x-sent-to': host }
    return this.local.dispatch({ ...options, origin: this.#to, headers }, handler)
  }
}

async function read(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request) text += String(part)
  return text
}
