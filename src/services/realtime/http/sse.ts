// GET /sse?topic=room: one topic as server-sent events, for whoever only listens. A join like any other, with the same token, rights and
// limits; each event's data is the message as version 1 of the protocol writes it.
import type { ServerResponse } from 'node:http'
import { Connection } from '../socket/connection.ts'
import { type Admitted, admit } from '../socket/handshake.ts'
import type { Transport } from '../socket/transport.ts'
import { messageOf, type WireFrame } from '../socket/wire.ts'
import type { RealtimeState } from '../state.ts'
import { answerJson } from './answer.ts'
import type { Exchange } from './app.ts'
import { refuseHandshake } from './websocket-request.ts'

/** Proxies end what is silent for a minute. */
const COMMENT_MS = 25_000

export async function listen({ req, res, query }: Exchange, state: RealtimeState): Promise<void> {
  let admitted: Admitted
  try {
    admitted = await admit(req, query, state)
  } catch (error) {
    return refuseHandshake(error, { res }, state)
  }
  // Gone meanwhile: nothing would ever end the connection.
  if (res.destroyed) return
  const { tenant, token, headers } = admitted
  const transport = new EventStream(res, state.env.WEBSOCKET_MAX_HEAP_SIZE)
  const connection = new Connection({ tenant, transport, version: 1, token, headers })
  transport.connection = connection
  res.once('close', () => connection.ended())
  const payload = {
    config: { private: query.get('private') === 'true', presence: { enabled: query.get('presence') === 'true' } },
    ...(query.has('access_token') ? { access_token: query.get('access_token') } : {}),
  }
  const join = { topic: `realtime:${query.get('topic') ?? ''}`, event: 'phx_join', payload, ref: '1', join_ref: '1' }
  connection.receive(Buffer.from(JSON.stringify(join)), false)
}

class EventStream implements Transport {
  connection: Connection | undefined
  readonly #res: ServerResponse
  readonly #maxBytes: number
  #comments: NodeJS.Timeout | undefined

  constructor(res: ServerResponse, maxBytes: number) {
    this.#res = res
    this.#maxBytes = maxBytes
  }

  send(frame: WireFrame): void {
    const res = this.#res
    if (res.destroyed || res.writableEnded) return
    const text = messageOf(frame).toString()
    if (!res.headersSent) {
      this.#begin(text)
      return
    }
    if (res.writableLength > this.#maxBytes) {
      this.connection?.tenant.countError('SlowConsumer')
      res.destroy()
      return
    }
    res.write(`data: ${text}\n\n`)
    const { event } = JSON.parse(`${text.slice(0, text.indexOf(',"payload":'))}}`) as { event?: unknown }
    // The channel has ended (its token is over, a limit was reached): so has the only thing that this stream is for.
    if (event === 'phx_close' || event === 'phx_error') this.connection?.close(1000, '')
  }

  /** The first message is the answer to the join. */
  #begin(text: string): void {
    const { payload } = JSON.parse(text) as { payload: { status: string; response: { reason?: string } } }
    if (payload.status !== 'ok') {
      answerJson(this.#res, 403, { error: payload.response.reason }, { 'access-control-allow-origin': '*' })
      return
    }
    this.#res.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'access-control-allow-origin': '*',
      'x-accel-buffering': 'no',
    })
    this.#res.write(`data: ${text}\n\n`)
    this.#comments = setInterval(() => this.#res.write(':\n\n'), COMMENT_MS).unref()
    this.#res.once('close', () => clearInterval(this.#comments))
  }

  room(): Promise<void> | undefined {
    return undefined
  }

  close(): void {
    clearInterval(this.#comments)
    this.#res.end()
  }

  pause(): void {}
  resume(): void {}
}
