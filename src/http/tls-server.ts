// The server of an endpoint that speaks TLS: the certificate by name, HTTP/2 for clients that offer it, and an authority's validation
// of a domain on the same port.
import { createServer as createPlainServer, type Server as PlainServer } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { TlsMaterial } from '../service/definition.ts'
import type { Handler } from './handler.ts'
import { type Http2Connections, http2Connections } from './http2.ts'

export interface TlsServer {
  readonly server: Server
  readonly http2: Http2Connections | undefined
  /** Gets the connections that begin with no TLS, where they are answered as well. */
  readonly plain: PlainServer | undefined
}

interface Limits {
  readonly maxHeaderSize: number
  readonly keepAliveTimeout: number
}

export function createTlsServer(material: TlsMaterial, options: ServerOptions & Limits, handle: Handler): TlsServer {
  const { cert, key, minVersion = 'TLSv1.2', maxVersion, ciphers, contextFor } = material
  const server = createServer(
    {
      ...options,
      cert,
      key,
      minVersion,
      ...(maxVersion && { maxVersion }),
      ...(ciphers && { ciphers, honorCipherOrder: true }),
      ALPNProtocols: material.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      ...(contextFor && { SNICallback: (name, done) => done(null, contextFor.call(material, name)) }),
    },
    handle,
  )
  const http2 = material.http2
    ? http2Connections(handle, { maxHeaderBytes: options.maxHeaderSize, idleMs: options.keepAliveTimeout })
    : undefined
  if (http2)
    divert(server, 'secureConnection', (socket: TLSSocket, next) => {
      if (socket.alpnProtocol === 'h2') http2.accept(socket)
      else next()
    })
  const { validation } = material
  if (validation)
    divert(server, 'connection', (socket: Socket, next) => {
      if (!validation.awaited()) {
        next()
        return
      }
      peek(socket, HELLO_MS, (hello) => {
        if (!hello.includes(VALIDATION)) next()
        else answerValidation(socket, validation)
      })
    })
  const plain = material.plainToo ? createPlainServer(options, handle) : undefined
  // A server that is given its connections watches over their time-outs, and can end them, from the moment it is told that it listens.
  if (plain) server.once('listening', () => plain.emit('listening'))
  if (plain)
    divert(server, 'connection', (socket: Socket, next) => {
      peek(socket, PLAIN_MS, (first) => {
        if (first[0] === HANDSHAKE) next()
        else plain.emit('connection', socket)
      })
    })
  return { server, http2, plain }
}

/** The first byte of a TLS connection: a record of the handshake. */
const HANDSHAKE = 22
/** A connection that says nothing at all may be one that a browser opened ahead. */
const PLAIN_MS = 60_000

/** Puts a fork in front of the server's own listener of an event. */
function divert<From extends Socket>(server: Server, event: string, fork: (socket: From, next: () => void) => void): void {
  const own = server.listeners(event)
  server.removeAllListeners(event)
  server.on(event, (socket: From) =>
    fork(socket, () => {
      for (const listener of own) listener.call(server, socket)
    }),
  )
}

const PROTOCOL = 'acme-tls/1'
/** The protocol as a ClientHello names it: its length, then its letters. */
const VALIDATION = Buffer.from(`${String.fromCharCode(PROTOCOL.length)}${PROTOCOL}`, 'latin1')
const HELLO_MS = 10_000

/** Shows the first bytes of a connection and puts them back. */
function peek(socket: Socket, withinMs: number, shown: (bytes: Buffer) => void): void {
  const late = setTimeout(() => socket.destroy(), withinMs)
  const broken = () => socket.destroy()
  socket.once('close', () => clearTimeout(late))
  socket.on('error', broken)
  socket.once('readable', () => {
    clearTimeout(late)
    const bytes = socket.read() as Buffer | null
    if (bytes === null) {
      socket.destroy()
      return
    }
    socket.off('error', broken)
    socket.unshift(bytes)
    shown(bytes)
  })
}

/** The handshake alone is the answer. */
function answerValidation(socket: Socket, validation: NonNullable<TlsMaterial['validation']>): void {
  const secure = new TLSSocket(socket, {
    isServer: true,
    ALPNProtocols: [PROTOCOL],
    SNICallback: (name, done) => done(null, validation.contextFor(name)),
  })
  secure.on('error', () => secure.destroy())
  secure.once('secure', () => secure.end())
  secure.setTimeout(HELLO_MS, () => secure.destroy())
}
