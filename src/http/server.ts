// Gives an endpoint a socket: limits on headers and time, and a stop that lets running requests end within a bound.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Endpoint } from '../service/definition.ts'
import { createTlsServer } from './tls-server.ts'

export interface ListeningServer {
  readonly host: string
  readonly port: number
  /** Stops accepting, lets running requests end for `graceMs`, then ends every connection. */
  close(graceMs?: number): Promise<void>
}

// Header block of one request, request line included: what nginx in front of upstream's services allows (4 x 8 KiB).
const MAX_HEADER_BYTES = 32 * 1024
const HEADERS_TIMEOUT_MS = 60_000
// Longer than the idle time of load balancers in front (AWS 60 s), so that they and not we close first.
const KEEP_ALIVE_MS = 75_000
const GRACE_MS = 1_000

/** Listens on `host:port` (port 0: a free one). Rejects with the socket's error (EADDRINUSE, EACCES, ...). */
export async function serveEndpoint(
  endpoint: Endpoint,
  host: string,
  port: number,
  onBug: (error: unknown) => void = () => {},
): Promise<ListeningServer> {
  // What a handler throws is a bug of its own: it ends that request, not the process.
  const handle: Endpoint['handle'] = (req, res) => {
    try {
      endpoint.handle(req, res)
    } catch (error) {
      onBug(error)
      if (res.headersSent) res.destroy()
      else res.writeHead(500, { 'content-type': 'application/json' }).end('{"message":"An unexpected error occurred"}')
    }
  }

  // requestTimeout bounds the whole body: uploads of any size are legal, so it is off and idle sockets are ended instead.
  const options = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    noDelay: true,
  }
  const secure = endpoint.tls ? createTlsServer(endpoint.tls, options, handle) : undefined
  const server: Server = secure?.server ?? createServer(options, handle)
  const upgraded = new Set<Duplex>()
  const takeUpgrade = (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    // The server's own listener is gone by now, and an error without one would end the process.
    socket.on('error', () => socket.destroy())
    if (!endpoint.upgrade) {
      socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
      return
    }
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
    try {
      endpoint.upgrade(req, socket, head)
    } catch (error) {
      onBug(error)
      socket.destroy()
    }
  }
  const plain = secure?.plain
  for (const one of plain ? [server, plain] : [server]) one.on('clientError', refuseMalformed).on('upgrade', takeUpgrade)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    host,
    port: (server.address() as AddressInfo).port,
    close: (graceMs = GRACE_MS) =>
      new Promise((resolve) => {
        const force = setTimeout(() => {
          server.closeAllConnections()
          plain?.closeAllConnections()
          secure?.http2?.destroy()
          for (const socket of upgraded) socket.destroy()
        }, graceMs)
        server.close(() => {
          clearTimeout(force)
          resolve()
        })
        server.closeIdleConnections()
        plain?.close()
        plain?.closeIdleConnections()
        secure?.http2?.close()
        for (const socket of upgraded) socket.end()
      }),
  }
}

const STATUS_LINES: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** What the parser refuses ends its connection; where an answer is under way it gets no second one. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  // Bytes behind the last request of a connection are no request: they are dropped, and the answer under way still goes out whole.
  if (error.code === 'HPE_CLOSED_CONNECTION') return
  const { _httpMessage: answer } = socket as Duplex & { _httpMessage?: { headersSent: boolean } | null }
  if (socket.writable && !answer?.headersSent)
    socket.write(`HTTP/1.1 ${STATUS_LINES[error.code ?? ''] ?? '400 Bad Request'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  socket.destroy()
}
