// A mail catcher of its own for a test: SMTP and HTTP on free ports of loopback, ended with `await using`.
import { createTransport, type Transporter } from 'nodemailer'
import { readEnv } from '../../src/env/read.ts'
import { Dispatcher } from '../../src/http/dispatch.ts'
import { serveEndpoint } from '../../src/http/server.ts'
import { silentLog } from '../../src/log/log.ts'
import { mailEnv } from '../../src/services/mail/env.ts'
import { type MailService, mail } from '../../src/services/mail/index.ts'

export interface TestMail extends AsyncDisposable {
  readonly service: MailService
  readonly url: string
  readonly smtpPort: number
  readonly transport: Transporter
  get(path: string, init?: RequestInit): Promise<Response>
  // biome-ignore lint/suspicious/noExplicitAny: answers are asserted on, not computed with
  json(path: string, init?: RequestInit): Promise<any>
}

export async function startMail(variables: Record<string, string> = {}): Promise<TestMail> {
  const env = readEnv(mailEnv, { MP_SMTP_BIND_ADDR: '127.0.0.1:0', ...variables })
  const service = (await mail.start(env, {
    log: silentLog,
    dispatcher: new Dispatcher(),
    signal: new AbortController().signal,
  })) as MailService
  const server = await serveEndpoint(service.endpoints[0]!, '127.0.0.1', 0)
  const url = `http://127.0.0.1:${server.port}`
  const transport = createTransport({ host: '127.0.0.1', port: service.smtp.port, pool: true, maxConnections: 5, ignoreTLS: true })
  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(new URL(path, url), init)
  return {
    service,
    url,
    smtpPort: service.smtp.port,
    transport,
    get,
    async json(path, init) {
      const response = await get(path, init)
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
      return response.json()
    },
    async [Symbol.asyncDispose]() {
      transport.close()
      await service.stop()
      await server.close(0)
    },
  }
}
