// WebSockets: the handshake's answer, frames in through `ws`, frames out as prebuilt bytes, and the bounds of both.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import type { UpgradeHandler } from '../../../http/handler.ts'
import type { RealtimeState } from '../state.ts'
import { Connection } from './connection.ts'
import { type Admitted, admit, HandshakeRefused, versionOf } from './handshake.ts'
import { Flusher, SocketTransport } from './socket-transport.ts'

/** Larger frames close the socket (1009). */
const MAX_FRAME_BYTES = 5_000_000
const SWEEP_MS = 5_000
const PATH = '/socket/websocket'

export interface WebSockets {
  readonly upgrade: UpgradeHandler
  close(): void
}

export function openWebSockets(state: RealtimeState): WebSockets {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    handleProtocols: () => false,
  })
  const sockets = new Set<SocketTransport>()
  const flusher = new Flusher()
  const { NO_CHANNEL_TIMEOUT_IN_MS: noChannelMs, WEBSOCKET_MAX_HEAP_SIZE: maxBytes } = state.env
  const sweep = setInterval(() => {
    const now = performance.now()
    for (const socket of sockets) socket.endIfIdle(now)
  }, SWEEP_MS).unref()
  const sweepChannels = setInterval(() => {
    for (const socket of sockets) socket.endIfUnused()
  }, noChannelMs).unref()

  const accept = ({ tenant, token, headers }: Admitted, version: 1 | 2, req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    server.handleUpgrade(req, socket, head, (ws) => {
      const transport = new SocketTransport(ws, socket, flusher, maxBytes)
      sockets.add(transport)
      transport.connection = new Connection({ tenant, transport, version, token, headers })
      ws.on('close', () => sockets.delete(transport))
    })
  }

  return {
    upgrade(req, socket, head) {
      const url = req.url ?? '/'
      const at = url.indexOf('?')
      const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
      if ((at < 0 ? url : url.slice(0, at)) !== PATH) return refuse(socket, 404, '')
      if (req.method !== 'GET') return refuse(socket, 400, '')
      const version = versionOf(query)
      if (version === undefined) return refuse(socket, 403, '')
      admit(req, query, state).then(
        (admitted) => accept(admitted, version, req, socket, head),
        (error: unknown) => void refuseLater(error, socket, state),
      )
    },
    close() {
      clearInterval(sweep)
      clearInterval(sweepChannels)
      for (const socket of sockets) socket.terminate()
    },
  }
}

async function refuseLater(error: unknown, socket: Duplex, { env, log }: RealtimeState): Promise<void> {
  const known = error instanceof HandshakeRefused
  if (known) log.warn({ code: 'ErrorConnectingToWebsocket', tenant: error.tenant?.id }, error.message)
  else log.error({ err: error, code: 'ErrorConnectingToWebsocket' }, 'a handshake failed')
  if (known) error.tenant?.countError('ErrorConnectingToWebsocket')
  // Those who try again and again at once are slowed down.
  await sleep(env.CONNECT_ERROR_BACKOFF_MS, undefined, { ref: false })
  if (!socket.destroyed)
    refuse(socket, known ? error.status : 500, JSON.stringify({ error: known ? error.message : 'Error connecting to Realtime' }))
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
}

function refuse(socket: Duplex, status: number, body: string): void {
  const type = body === '' ? '' : 'Content-Type: application/json; charset=utf-8\r\n'
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\n${type}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\nAccess-Control-Allow-Origin: *\r\n\r\n${body}`,
  )
}
