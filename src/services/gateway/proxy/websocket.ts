// A WebSocket to a service over the network: the handshake as a request of its own, then a tunnel that ends when either side does
// or when nothing has passed for the service's time-outs.
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import { HeaderTable } from '../header-table.ts'
import type { Service } from '../plan.ts'
import { SilenceError } from './failure.ts'
import type { Place } from './place.ts'

export interface TunnelCall {
  readonly service: Pick<Service, 'connectTimeoutMs' | 'readTimeoutMs' | 'writeTimeoutMs' | 'tlsVerify'> &
    Partial<Pick<Service, 'clientTls'>>
  readonly place: Extract<Place, { at: 'network' }>
  readonly path: string
  readonly headers: readonly string[]
  readonly socket: Duplex
  readonly head: Buffer
  finishHead(status: number, headers: HeaderTable): { status: number; headers: string[] }
  /** The service answered, but did not upgrade: its answer passes as it is. */
  refused(answer: IncomingMessage): void
  fail(error: unknown): void
}

/** Returns what ends the tunnel, or the attempt to open it. */
export function tunnel(call: TunnelCall): () => void {
  const { service, place, socket } = call
  let settled = false
  const outgoing = (place.scheme === 'https' ? httpsRequest : httpRequest)({
    host: place.host.replace(/^\[|\]$/g, ''),
    port: place.port,
    path: call.path,
    method: 'GET',
    headers: call.headers as string[],
    setHost: false,
    agent: false,
    ...(place.scheme === 'https'
      ? {
          rejectUnauthorized: service.tlsVerify,
          ca: service.clientTls?.ca?.slice(),
          cert: service.clientTls?.cert,
          key: service.clientTls?.key,
        }
      : {}),
  })
  const settle = (): boolean => {
    if (settled) return false
    settled = true
    socket.off('close', gone)
    return true
  }
  const gone = () => {
    settled = true
    outgoing.destroy()
  }
  socket.once('close', gone)
  outgoing.setTimeout(Math.max(service.connectTimeoutMs, service.readTimeoutMs), () => {
    outgoing.destroy(new SilenceError('no answer to the handshake within the time-out'))
  })
  outgoing.once('error', (error) => {
    if (settle()) call.fail(error)
  })
  outgoing.once('response', (answer) => {
    if (settle()) call.refused(answer)
    else answer.destroy()
  })
  outgoing.once('upgrade', (answer, upstream, upstreamHead) => {
    if (!settle()) {
      upstream.destroy()
      return
    }
    // Connection and Upgrade are of this very hop, and make the tunnel.
    const head = call.finishHead(answer.statusCode ?? 101, HeaderTable.fromRaw(answer.rawHeaders))
    socket.write(headText(head.status, [...head.headers, 'Connection', 'Upgrade', 'Upgrade', 'websocket']))
    if (upstreamHead.length > 0) socket.write(upstreamHead)
    if (call.head.length > 0) upstream.write(call.head)
    join(socket, upstream, Math.max(service.readTimeoutMs, service.writeTimeoutMs))
  })
  outgoing.end()
  return () => {
    outgoing.destroy()
    socket.destroy()
  }
}

function join(client: Duplex, upstream: Duplex & { setTimeout?: (ms: number, callback: () => void) => unknown }, idleMs: number): void {
  const end = () => {
    client.destroy()
    upstream.destroy()
  }
  for (const side of [client, upstream]) {
    // An error is always followed by close, where both sides end.
    side.on('error', () => {})
    side.once('close', end)
  }
  upstream.setTimeout?.(idleMs, end)
  client.pipe(upstream)
  upstream.pipe(client)
}

function headText(status: number, raw: readonly string[]): string {
  let text = `HTTP/1.1 ${status} Switching Protocols\r\n`
  for (let i = 0; i + 1 < raw.length; i += 2) text += `${raw[i]}: ${raw[i + 1]}\r\n`
  return `${text}\r\n`
}
