// One WebSocket: prebuilt frames go straight to its socket, in one write for each turn of the loop; what its client does not read is bounded.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Connection } from './connection.ts'
import type { Transport } from './transport.ts'
import type { WireFrame } from './wire.ts'

/** A socket on which nothing arrives for so long is closed. */
const IDLE_MS = 60_000
/** How long a closing handshake may take before the socket is cut. */
const CLOSE_MS = 5_000
/** More than this waiting for a client: whoever can wait should. */
const ROOM_BYTES = 1_048_576
const PROTOCOL_ERROR = 1002
const POLICY_VIOLATION = 1008

/** Writes of one turn of the loop go out together: one call of the system for each socket, however many frames it gets. */
export class Flusher {
  #waiting: SocketTransport[] = []

  add(transport: SocketTransport): void {
    if (this.#waiting.push(transport) === 1) setImmediate(this.#flush)
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting
    this.#waiting = []
    for (const transport of waiting) transport.flush()
  }
}

/**
 * `ws` reads, and answers pings and closes; it writes whole frames at once (there is no compression here), so that whole frames of ours
 * may stand between.
 */
export class SocketTransport implements Transport {
  /** Set as soon as there is one. */
  connection: Connection | undefined
  readonly #ws: WebSocket
  readonly #socket: Duplex
  readonly #flusher: Flusher
  readonly #maxBytes: number
  #corked = false
  #ending = false
  #read = 0
  #readAt = performance.now()
  #room: Promise<void> | undefined
  #cut: NodeJS.Timeout | undefined

  constructor(ws: WebSocket, socket: Duplex, flusher: Flusher, maxBytes: number) {
    this.#ws = ws
    this.#socket = socket
    this.#flusher = flusher
    this.#maxBytes = maxBytes
    ws.on('message', (data: Buffer, binary: boolean) => this.connection?.receive(data, binary))
    // An error is followed by close; its words are about the client's bytes.
    ws.on('error', () => undefined)
    ws.on('close', () => {
      this.#ending = true
      clearTimeout(this.#cut)
      this.connection?.ended()
    })
  }

  send({ bytes }: WireFrame): void {
    if (this.#ending) return
    const socket = this.#socket
    if (socket.writableLength + bytes.length > this.#maxBytes && socket.writableLength > 0) {
      this.#tooSlow()
      return
    }
    if (!this.#corked) {
      this.#corked = true
      socket.cork()
      this.#flusher.add(this)
    }
    socket.write(bytes)
  }

  flush(): void {
    this.#corked = false
    this.#socket.uncork()
  }

  room(): Promise<void> | undefined {
    if (this.#ending || this.#socket.writableLength < ROOM_BYTES) return undefined
    this.#room ??= new Promise((resolve) => {
      const over = () => {
        this.#room = undefined
        this.#socket.off('drain', over).off('close', over)
        resolve()
      }
      this.#socket.once('drain', over).once('close', over)
    })
    return this.#room
  }

  #tooSlow(): void {
    const connection = this.connection
    connection?.tenant.countError('SlowConsumer')
    connection?.tenant.log.warn({ waiting: this.#socket.writableLength }, 'a client that reads too slowly was disconnected')
    connection?.close(POLICY_VIOLATION, 'too slow: more was sent than was read')
  }

  close(code: number, reason: string): void {
    if (this.#ending) return
    this.#ending = true
    this.#ws.close(code, reason)
    this.#cut = setTimeout(() => this.#ws.terminate(), CLOSE_MS).unref()
  }

  terminate(): void {
    this.#ws.terminate()
  }

  pause(): void {
    this.#ws.pause()
  }

  resume(): void {
    this.#ws.resume()
  }

  /** To be asked every now and then. */
  endIfIdle(now: number): void {
    const read: number | undefined = (this.#socket as Socket).bytesRead
    if (read === undefined || read !== this.#read) {
      this.#read = read
      this.#readAt = now
    } else if (now - this.#readAt > IDLE_MS) this.connection?.close(PROTOCOL_ERROR, '')
  }

  endIfUnused(): void {
    if (this.connection?.channels.size === 0) this.#ws.terminate()
  }
}
