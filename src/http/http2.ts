// HTTP/2 for the handlers of this program, which are written for HTTP/1.1: a stream becomes the request and the response that they
// know, with what only a connection of the older version has taken off.

import { IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import {
  constants,
  createServer,
  type Http2ServerRequest,
  Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { applyRewrite } from './dispatch.ts'
import type { Handler } from './handler.ts'

export interface Http2Limits {
  readonly maxHeaderBytes: number
  /** A connection on which nothing moves for so long is closed once its streams have ended. */
  readonly idleMs: number
}

export interface Http2Connections {
  /** Takes a connection whose client has agreed to `h2`. */
  accept(socket: Duplex): void
  /** No new streams; those under way end. */
  close(): void
  /** Ends everything at once. */
  destroy(): void
}

// What nginx allows by default (https://nginx.org/en/docs/http/ngx_http_v2_module.html).
const MAX_STREAMS = 128

export function http2Connections(handle: Handler, { maxHeaderBytes, idleMs }: Http2Limits): Http2Connections {
  const sessions = new Set<ServerHttp2Session>()
  const server = createServer(
    {
      settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: maxHeaderBytes, enableConnectProtocol: false },
      Http2ServerResponse: Answer,
    },
    (req, res) => {
      const message = new Message(req)
      if (message.impossible) {
        res.writeHead(400).end()
        return
      }
      // An answer that is complete before its request asks the client to stop sending (RFC 9113, 8.1).
      res.once('finish', () => {
        if (!message.complete) req.stream.close(constants.NGHTTP2_NO_ERROR)
      })
      handle(message, res as unknown as ServerResponse)
    },
  )
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    session.setTimeout(idleMs, () => session.close())
  })
  // Whatever a peer does wrong ends its connection; there is nobody to tell.
  server.on('sessionError', (_, session) => session.destroy())
  return {
    accept: (socket) => {
      server.emit('connection', socket)
    },
    close: () => {
      for (const session of sessions) session.close()
    },
    destroy: () => {
      for (const session of sessions) session.destroy()
    },
  }
}

const OF_THE_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings'])

/** A request as HTTP/1.1 would have brought it, fed from a stream. */
class Message extends IncomingMessage {
  readonly #stream: Http2ServerRequest
  /** A CONNECT, or a request without a path: nothing here answers those. */
  readonly impossible: boolean

  constructor(req: Http2ServerRequest) {
    super(connectionOf(req))
    this.#stream = req
    this.httpVersion = '2.0'
    this.httpVersionMajor = 2
    this.httpVersionMinor = 0
    this.method = req.method
    this.impossible = req.method === 'CONNECT' || typeof req.url !== 'string' || req.url === ''
    applyRewrite(this, { url: req.url, headers: headerLines(req) })
    req.on('data', (chunk: Buffer) => {
      if (!this.destroyed && !this.push(chunk)) req.pause()
    })
    req.pause()
    req.once('end', () => {
      this.complete = true
      this.rawTrailers = req.rawTrailers
      this.push(null)
    })
    req.once('aborted', () => this.#cut())
    req.once('close', () => {
      if (!this.complete) this.#cut()
    })
    req.on('error', () => this.#cut())
  }

  override _read(): void {
    this.#stream.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // What nobody reads any more is let go, so that the answer can still be sent on the stream.
    this.#stream.resume()
    process.nextTick(() => done(error && this.listenerCount('error') > 0 ? error : null))
  }

  #cut(): void {
    if (this.complete || this.destroyed) return
    this.aborted = true
    this.emit('aborted')
    this.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }))
  }
}

/** The header lines without the version's own ones; Host first, the cookies in one line, and the framing that a body has in HTTP/1.1. */
function headerLines(req: Http2ServerRequest): string[] {
  const { rawHeaders } = req
  const lines: string[] = []
  const cookies: string[] = []
  let host = req.authority as string | undefined
  let length = false
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name, value] = [rawHeaders[i]!, rawHeaders[i + 1]!]
    if (name.startsWith(':') || OF_THE_CONNECTION.has(name)) continue
    if (name === 'host') host ??= value
    else if (name === 'cookie') cookies.push(value)
    else {
      if (name === 'content-length') length = true
      lines.push(name, value)
    }
  }
  if (cookies.length > 0) lines.push('cookie', cookies.join('; '))
  if (!length && !req.stream.endAfterHeaders) lines.push('transfer-encoding', 'chunked')
  return host === undefined ? lines : ['host', host, ...lines]
}

/** What handlers ask of a socket. It is shared by many requests: one that gives up ends its stream, never the connection. */
function connectionOf(req: Http2ServerRequest): Socket {
  const real = req.stream.session?.socket as (Socket & { encrypted?: boolean; servername?: string }) | undefined
  return Object.create(null, {
    remoteAddress: { value: real?.remoteAddress },
    remotePort: { value: real?.remotePort },
    remoteFamily: { value: real?.remoteFamily },
    localAddress: { value: real?.localAddress },
    localPort: { value: real?.localPort },
    encrypted: { value: real?.encrypted === true },
    servername: { value: real?.servername },
    readable: { get: () => req.readable },
    writable: { get: () => req.stream.writable },
    destroyed: { get: () => req.stream.destroyed },
    destroy: { value: () => req.stream.destroy() },
    // Timeouts are the session's.
    setTimeout: { value: () => {} },
    setNoDelay: { value: () => {} },
    setKeepAlive: { value: () => {} },
  }) as Socket
}

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[]

/** An answer that drops what HTTP/2 has no place for instead of failing on it: reason phrases and the connection's own headers. */
class Answer extends Http2ServerResponse {
  constructor(stream: ServerHttp2Stream) {
    super(stream)
    stream.once('finish', () => {
      if (!stream.aborted) super.emit('finish')
    })
  }

  // Node says `finish` when the stream closes, also of an answer that was cut; handlers tell the two apart by it.
  override emit(event: string | symbol, ...given: unknown[]): boolean {
    return event === 'finish' ? false : super.emit(event, ...given)
  }

  override setHeader(name: string, value: number | string | readonly string[]): void {
    if (!OF_THE_CONNECTION.has(name.toLowerCase())) super.setHeader(name, value)
  }

  override appendHeader(name: string, value: string | string[]): void {
    if (!OF_THE_CONNECTION.has(name.toLowerCase())) super.appendHeader(name, value)
  }

  override writeHead(status: number, reason?: string | Headers, headers?: Headers): this {
    const given = typeof reason === 'object' ? reason : headers
    return super.writeHead(status, (given && withoutConnection(given)) as OutgoingHttpHeaders)
  }
}

// Node warns about each reason phrase; handlers set them for the clients that have a place for one.
Object.defineProperty(Answer.prototype, 'statusMessage', { get: () => '', set: () => {} })
Object.defineProperty(Answer.prototype, 'writableFinished', {
  get(this: Answer) {
    return this.stream.writableFinished && !this.stream.aborted
  },
})

function withoutConnection(headers: Headers): Headers {
  if (!Array.isArray(headers))
    return Object.fromEntries(
      Object.entries(headers).filter(([name, value]) => value !== undefined && !OF_THE_CONNECTION.has(name.toLowerCase())),
    )
  if (Array.isArray(headers[0]))
    return (headers as unknown as [string, OutgoingHttpHeader][]).filter(
      ([name]) => !OF_THE_CONNECTION.has(name.toLowerCase()),
    ) as unknown as OutgoingHttpHeader[]
  const kept: OutgoingHttpHeader[] = []
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (!OF_THE_CONNECTION.has(String(headers[i]).toLowerCase())) kept.push(headers[i]!, headers[i + 1]!)
  return kept
}
