// What runs in a process of its own beside the measurement: the service that streams, a proxy of undici and nothing else, and the gateway
// with its service in the same process.
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { Pool } from 'undici'
import { WebSocketServer } from 'ws'
import { readEnv } from '../../src/env/read.ts'
import { Dispatcher } from '../../src/http/dispatch.ts'
import { serveEndpoint } from '../../src/http/server.ts'
import { silentLog } from '../../src/log/log.ts'
import { gatewayEnv } from '../../src/services/gateway/env.ts'
import { gateway } from '../../src/services/gateway/index.ts'

export const BODY = JSON.stringify(Array.from({ length: 10 }, (_, id) => ({ id, task: 'a row of ten' })))
const PIECE = Buffer.alloc(64 * 1024, 'x')

/** Starts the role and returns its port. */
export const roles: Readonly<Record<string, (argument: string) => Promise<number>>> = {
  service: () => listen(serviceHandler, true),
  undici: (upstream) => listen(undiciProxy(Number(upstream))),
  here: startHere,
}

function listen(handler: RequestListener, sockets = false): Promise<number> {
  const server = createServer({ requestTimeout: 0 }, handler)
  if (sockets) new WebSocketServer({ server })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)))
}

/** `/down/BYTES` sends, anything with a body takes it, the rest answers at once. */
const serviceHandler: RequestListener = (req, res) => {
  const [, , down] = /^(.*)\/down\/(\d+)/.exec(req.url ?? '') ?? []
  if (down !== undefined) {
    let left = Number(down)
    res.writeHead(200, { 'Content-Length': left })
    const send = () => {
      while (left > 0) {
        const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE
        left -= piece.length
        if (!res.write(piece)) {
          res.once('drain', send)
          return
        }
      }
      res.end()
    }
    send()
    return
  }
  let bytes = 0
  req.on('data', (piece: Buffer) => {
    bytes += piece.length
  })
  req.on('end', () => {
    const text = String(bytes)
    res.writeHead(200, { 'Content-Length': text.length }).end(text)
  })
}

/** The least that a proxy over undici can do: its dispatch, headers as they are, pieces as they come. */
function undiciProxy(upstream: number): RequestListener {
  const pool = new Pool(`http://127.0.0.1:${upstream}`, { connections: null, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
  return (req, res) => {
    const headers: string[] = []
    for (let i = 0; i < req.rawHeaders.length; i += 2)
      if (req.rawHeaders[i]!.toLowerCase() !== 'connection') headers.push(req.rawHeaders[i]!, req.rawHeaders[i + 1]!)
    const body = req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined ? req : null
    let resume = () => {}
    pool.dispatch(
      { path: req.url!, method: req.method as 'GET', headers, body },
      {
        onConnect() {},
        onHeaders(status, raw, resumeStream) {
          resume = resumeStream
          const lines: string[] = []
          for (let i = 0; i < raw.length; i += 2) {
            const name = raw[i]!.toString('latin1')
            const key = name.toLowerCase()
            if (key !== 'connection' && key !== 'keep-alive' && key !== 'transfer-encoding')
              lines.push(name, raw[i + 1]!.toString('latin1'))
          }
          res.writeHead(status, lines)
          return true
        },
        onData(piece) {
          if (res.write(piece)) return true
          res.once('drain', () => resume())
          return false
        },
        onComplete() {
          res.end()
        },
        onError() {
          res.destroy()
        },
      },
    )
  }
}

/** The gateway of the file in KONG_DECLARATIVE_CONFIG, and the service as a handler that it calls. */
async function startHere(): Promise<number> {
  // As the program itself runs (src/cli.ts).
  setFlagsFromString('--no-allocation-site-pretenuring')
  const dispatcher = new Dispatcher()
  const answer: RequestListener = (_, res) => {
    res.writeHead(200, ['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(BODY.length)])
    res.end(BODY)
  }
  dispatcher.register(['service'], [{ port: 3000, handle: answer }])
  const env = readEnv(gatewayEnv, process.env)
  const service = await gateway.start(env, { log: silentLog, dispatcher, signal: new AbortController().signal })
  return (await serveEndpoint(service.endpoints[0]!, '127.0.0.1', 0)).port
}
