// Phoenix' long polling: frames fetched by GET and sent by POST, for those who get no WebSocket through.
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { Connection } from '../socket/connection.ts'
import { admit, HandshakeRefused, versionOf } from '../socket/handshake.ts'
import type { Transport } from '../socket/transport.ts'
import { messageOf, type WireFrame } from '../socket/wire.ts'
import type { RealtimeState } from '../state.ts'
import type { Exchange } from './app.ts'
import { BodyTooLarge, readBody } from './body.ts'

/** How long a poll waits for a message. */
const WAIT_MS = 10_000
/** A session that nobody polls for so long is over. */
const LIFE_MS = 25_000
const MAX_BODY_BYTES = 5_000_000

export class LongPolls {
  readonly #state: RealtimeState
  readonly #sessions = new Map<string, Session>()

  constructor(state: RealtimeState) {
    this.#state = state
  }

  async poll({ req, res, query }: Exchange): Promise<void> {
    const token = tokenOf(req, query)
    if (token === undefined) return this.#open({ req, res, query, params: [] })
    const session = this.#sessions.get(token)
    if (session === undefined) return this.#open({ req, res, query, params: [] })
    const messages = await session.take(res)
    if (messages !== undefined) answer(res, messages.length > 0 ? 200 : 204, { token, messages })
  }

  async publish({ req, res, query }: Exchange): Promise<void> {
    const body = await readBody(req, MAX_BODY_BYTES).catch((error: unknown) => {
      if (error instanceof BodyTooLarge) return undefined
      throw error
    })
    const session = this.#sessions.get(tokenOf(req, query) ?? '')
    if (session === undefined) return answer(res, 410)
    if (body === undefined) return answer(res, 413)
    const lines = /^application\/x-ndjson\b/i.test(req.headers['content-type'] ?? '') ? body.toString().split('\n') : [body.toString()]
    for (const line of lines) {
      if (line.trim() === '') continue
      await session.turn()
      const binary = session.version === 2 && !line.startsWith('[')
      session.connection?.receive(binary ? Buffer.from(line, 'base64') : Buffer.from(line), binary)
    }
    answer(res, 200)
  }

  close(): void {
    for (const session of this.#sessions.values()) session.end()
    this.#sessions.clear()
  }

  async #open({ req, res, query }: Exchange): Promise<void> {
    const version = versionOf(query)
    if (version === undefined) return answer(res, 403)
    try {
      const { tenant, token, headers } = await admit(req, query, this.#state)
      const id = randomBytes(24).toString('base64url')
      const session = new Session(version, this.#state.env.WEBSOCKET_MAX_HEAP_SIZE, () => this.#sessions.delete(id))
      this.#sessions.set(id, session)
      session.connection = new Connection({ tenant, transport: session, version, token, headers })
      answer(res, 410, { token: id, messages: [] })
    } catch (error) {
      if (!(error instanceof HandshakeRefused)) throw error
      answer(res, error.status === 401 ? 403 : error.status)
    }
  }
}

class Session implements Transport {
  connection: Connection | undefined
  readonly version: 1 | 2
  readonly #maxBytes: number
  readonly #onEnd: () => void
  #messages: string[] = []
  #bytes = 0
  #wake: (() => void) | undefined
  #expiry: NodeJS.Timeout | undefined
  #held: Promise<void> | undefined
  #release: (() => void) | undefined
  #ended = false

  constructor(version: 1 | 2, maxBytes: number, onEnd: () => void) {
    this.version = version
    this.#maxBytes = maxBytes
    this.#onEnd = onEnd
    this.#expireLater()
  }

  /** What has come, or what comes first; nothing where a later poll takes over. Undefined when the poller has gone. */
  async take(res: ServerResponse): Promise<string[] | undefined> {
    clearTimeout(this.#expiry)
    this.#wake?.()
    if (this.#messages.length === 0 && !this.#ended) {
      let wake: (() => void) | undefined
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, WAIT_MS).unref()
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
        this.#wake = wake
        res.once('close', wake)
      })
      // A later poll waits: what comes is for that one.
      if (this.#wake !== wake) return []
    }
    this.#wake = undefined
    this.#expireLater()
    if (res.destroyed) return undefined
    const messages = this.#messages
    this.#messages = []
    this.#bytes = 0
    return messages
  }

  /** Resolves when the connection looks at frames again. */
  async turn(): Promise<void> {
    await this.#held
  }

  send(frame: WireFrame): void {
    if (this.#ended) return
    const message = messageOf(frame)
    this.#bytes += message.length
    if (this.#bytes > this.#maxBytes) {
      this.connection?.tenant.countError('SlowConsumer')
      this.connection?.close(1008, 'too slow')
      return
    }
    this.#messages.push(message.toString(frame.binary ? 'base64' : 'utf8'))
    this.#wake?.()
  }

  room(): undefined {
    return undefined
  }

  pause(): void {
    this.#held ??= new Promise((resolve) => {
      this.#release = resolve
    })
  }

  resume(): void {
    this.#release?.()
    this.#held = undefined
  }

  /** What was sent before can still be fetched. */
  close(): void {
    this.#ended = true
    this.#wake?.()
    this.resume()
  }

  end(): void {
    clearTimeout(this.#expiry)
    this.#onEnd()
    this.connection?.ended()
    this.close()
  }

  #expireLater(): void {
    clearTimeout(this.#expiry)
    if (this.#ended) this.#onEnd()
    else this.#expiry = setTimeout(() => this.end(), LIFE_MS).unref()
  }
}

function tokenOf(req: Exchange['req'], query: URLSearchParams): string | undefined {
  const header = req.headers['x-phoenix-longpoll-token']
  return query.get('token') ?? (typeof header === 'string' ? header : undefined)
}

/** The status is in the body: that of the answer itself is always 200. */
function answer(res: ServerResponse, status: number, more: object = {}): void {
  const body = Buffer.from(JSON.stringify({ status, ...more }))
  res
    .writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': body.length,
      'cache-control': 'max-age=0, private, must-revalidate',
      'access-control-allow-origin': '*',
    })
    .end(body)
}
