// For the tests of this folder: a gateway on a free port, with services in this process or real servers behind it.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { readEnv } from '../../env/read.ts'
import { Dispatcher } from '../../http/dispatch.ts'
import type { Handler, UpgradeHandler } from '../../http/handler.ts'
import { serveEndpoint } from '../../http/server.ts'
import { silentLog } from '../../log/log.ts'
import { gatewayEnv } from './env.ts'
import { gateway } from './index.ts'

export interface TestGateway extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly dispatcher: Dispatcher
  reload(): Promise<void>
}

/** Starts the service with a configuration (an object, format 2.1 unless it says otherwise) and listens on its plain port. */
export async function startGateway(config: object | undefined, variables: Record<string, string> = {}): Promise<TestGateway> {
  const dispatcher = new Dispatcher()
  const text = config && JSON.stringify({ _format_version: '2.1', ...config })
  const env = readEnv(gatewayEnv, {
    KONG_PROXY_LISTEN: '127.0.0.1:0',
    ...(text === undefined ? {} : { KONG_DECLARATIVE_CONFIG_STRING: text }),
    ...variables,
  })
  const running = await gateway.start(env, { log: silentLog, dispatcher, signal: new AbortController().signal })
  const server = await serveEndpoint(running.endpoints.find(({ port }) => port === 8000)!, '127.0.0.1', 0)
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    dispatcher,
    reload: () => running.reload!(),
    async [Symbol.asyncDispose]() {
      await server.close(0)
      await running.stop()
    },
  }
}

/** Puts a handler behind a name of the stack. */
export function service(dispatcher: Dispatcher, name: string, port: number, handle: Handler, upgrade?: UpgradeHandler): void {
  dispatcher.register([name], [{ port, handle, ...(upgrade ? { upgrade } : {}) }])
}

export interface TestServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
}

/** A real server behind the gateway. */
export async function startServer(listener: RequestListener, upgrade?: UpgradeHandler): Promise<TestServer> {
  const server = createServer(listener)
  if (upgrade) server.on('upgrade', upgrade)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** What a service was sent, as JSON. */
export function echo(req: IncomingMessage, res: ServerResponse): void {
  let body = ''
  req.setEncoding('utf8')
  req.on('data', (chunk: string) => {
    body += chunk
  })
  req.on('end', () => {
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers, raw: req.rawHeaders, body }))
  })
}

export interface Echoed {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string | undefined>
  readonly raw: string[]
  readonly body: string
}

export async function echoed(url: string, init?: RequestInit): Promise<Echoed> {
  const response = await fetch(url, init)
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
  return (await response.json()) as Echoed
}

/** Bytes to a plain socket, and all that comes back until the other side closes. */
export function rawExchange(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
}
