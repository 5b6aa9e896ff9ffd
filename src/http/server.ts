// Gives an endpoint a socket: limits on headers and time, and a stop that lets running requests end within a bound.
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect, type ListenOptions } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Endpoint, ListenAddress } from '../service/definition.ts'
import { createTlsServer } from './tls-server.ts'

export interface ListeningServer {
  readonly host: string
  readonly port: number
  /** Where it listens, for people: `0.0.0.0:3000`, `[::1]:3000`, `/run/rest.sock`. */
  readonly address: string
  /** Resolves when a connection to it can be made. */
  reach(): Promise<void>
  /** Stops accepting, lets running requests end for `graceMs`, then ends every connection. */
  close(graceMs?: number): Promise<void>
}

// Header block of one request, request line included: what nginx in front of upstream's services allows (4 x 8 KiB).
const MAX_HEADER_BYTES = 32 * 1024
const HEADERS_TIMEOUT_MS = 60_000
// Longer than the idle time of load balancers in front (AWS 60 s), so that they and not we close first.
const KEEP_ALIVE_MS = 75_000
const SLOW_CHECK_MS = 30_000
const GRACE_MS = 1_000
const SWEEP_MS = 50

/** Listens on `host:port` (port 0: a free one). Rejects with the socket's error (EADDRINUSE, EACCES, ...). */
export async function serveEndpoint(
  endpoint: Endpoint,
  host: string,
  port: number,
  onBug: (error: unknown) => void = () => {},
  { socket, reusePort = false }: Pick<ListenAddress, 'socket' | 'reusePort'> = {},
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
  const { requestMs = 0, idleMs = KEEP_ALIVE_MS, maxRequests = 0, maxHeaderBytes = MAX_HEADER_BYTES } = endpoint.limits ?? {}
  const options = {
    maxHeaderSize: Math.min(maxHeaderBytes, MAX_HEADER_BYTES),
    headersTimeout: requestMs > 0 ? Math.min(HEADERS_TIMEOUT_MS, requestMs) : HEADERS_TIMEOUT_MS,
    requestTimeout: requestMs,
    // How late a request that takes too long is found.
    connectionsCheckingInterval: requestMs > 0 ? Math.min(SLOW_CHECK_MS, Math.max(Math.ceil(requestMs / 4), 50)) : SLOW_CHECK_MS,
    keepAliveTimeout: idleMs,
    noDelay: true,
  }
  const secure = endpoint.tls ? createTlsServer(endpoint.tls, options, handle) : undefined
  const server: Server = secure?.server ?? createServer(options, handle)
  server.maxRequestsPerSocket = maxRequests
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
  if (plain) plain.maxRequestsPerSocket = maxRequests
  for (const one of plain ? [server, plain] : [server])
    one.on('clientError', refuseMalformed).on('upgrade', takeUpgrade).on('connect', refuseConnect)
  if (socket === undefined) await listenOnPort(server, host, port, reusePort)
  else await listenOnSocket(server, socket.path, socket.mode)
  const bound = server.address() as AddressInfo | string
  return {
    host,
    port: typeof bound === 'string' ? 0 : bound.port,
    address: typeof bound === 'string' ? bound : `${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    reach: () =>
      typeof bound === 'string'
        ? reachable({ path: bound })
        : reachable({ host: LOOPBACK.get(bound.address) ?? bound.address, port: bound.port }),
    close: (graceMs = GRACE_MS) =>
      new Promise((resolve) => {
        const force = setTimeout(() => {
          server.closeAllConnections()
          plain?.closeAllConnections()
          secure?.http2?.destroy()
          for (const socket of upgraded) socket.destroy()
        }, graceMs)
        // A connection whose last answer goes out meanwhile is idle only then.
        const sweep = setInterval(() => {
          server.closeIdleConnections()
          plain?.closeIdleConnections()
        }, SWEEP_MS)
        server.close(() => {
          clearTimeout(force)
          clearInterval(sweep)
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

const LOOPBACK: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])
const REACH_MS = 1_000

function reachable(address: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = connect(address)
    probe.setTimeout(REACH_MS, () => probe.destroy(new Error('no connection within a second')))
    probe.once('error', reject)
    probe.once('connect', () => {
      probe.destroy()
      resolve()
    })
  })
}

/** Any address of a family by PostgREST's words: `*4` and `*6` prefer one, `!4` and `!6` allow no other. */
const ANY: ReadonlyMap<string, readonly { readonly host: string; readonly ipv6Only?: boolean }[]> = new Map([
  ['*', [{ host: '::' }, { host: '0.0.0.0' }]],
  ['*4', [{ host: '0.0.0.0' }, { host: '::' }]],
  ['!4', [{ host: '0.0.0.0' }]],
  ['*6', [{ host: '::' }, { host: '0.0.0.0' }]],
  ['!6', [{ host: '::', ipv6Only: true }]],
])

async function listenOnPort(server: Server, host: string, port: number, reusePort: boolean): Promise<void> {
  const candidates = ANY.get(host) ?? [{ host }]
  for (const [index, candidate] of candidates.entries()) {
    try {
      await listening(server, { port, ...(reusePort && { reusePort }), ...candidate })
      return
    } catch (error) {
      // A machine without IPv6 has no such address.
      const { code } = error as NodeJS.ErrnoException
      if (index === candidates.length - 1 || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error
    }
  }
}

/** What a dead process left at the path is removed; a living one's socket, or a file, is not. */
async function listenOnSocket(server: Server, path: string, mode: number): Promise<void> {
  try {
    await listening(server, { path })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || !lstatSync(path).isSocket() || (await isAlive(path))) throw error
    unlinkSync(path)
    await listening(server, { path })
  }
  chmodSync(path, mode)
}

const isAlive = (path: string): Promise<boolean> =>
  reachable({ path }).then(
    () => true,
    () => false,
  )

function listening(server: Server, options: ListenOptions & { reusePort?: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Nothing here is a proxy for other hosts; without an answer a client would only see its connection end. */
function refuseConnect(_: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => socket.destroy())
  socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
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
