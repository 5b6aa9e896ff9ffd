// One client: its frames in, its channels, its frames out. What it sends can end a channel, and never more than that.

import type { Channel } from '../channels/channel.ts'
import { type Joined, join } from '../channels/join.ts'
import { JoinRefused } from '../channels/join-refused.ts'
import type { Tenant } from '../tenants/tenant.ts'
import type { VerifiedToken } from '../token/verify.ts'
import { type ClientFrame, MalformedFrame, type Ref, readBinary, readText, type Version } from './client-frame.ts'
import { encode, TextFanout } from './server-frame.ts'
import type { Transport } from './transport.ts'

export interface ConnectionOptions {
  readonly tenant: Tenant
  readonly transport: Transport
  readonly version: Version
  /** Of the handshake. */
  readonly token: VerifiedToken
  /** JSON of the handshake's x- headers. */
  readonly headers: string
}

export const GOING_AWAY = 1001
export const SERVICE_RESTART = 1012
const DISCONNECT = JSON.stringify({ extension: 'system', status: 'ok', message: 'Server requested disconnect' })

export class Connection {
  readonly id: string
  readonly tenant: Tenant
  readonly transport: Transport
  readonly version: Version
  readonly token: VerifiedToken
  readonly headers: string
  readonly channels = new Map<string, Channel>()
  #open = true
  /** Frames that came while a join was not answered yet. */
  #waiting: ClientFrame[] | undefined
  #holds = 0

  constructor(options: ConnectionOptions) {
    this.tenant = options.tenant
    this.transport = options.transport
    this.version = options.version
    this.token = options.token
    this.headers = options.headers
    this.id = options.tenant.connect(this)
  }

  get open(): boolean {
    return this.#open
  }

  receive(data: Buffer, binary: boolean): void {
    if (!this.#open) return
    this.tenant.counts.inputBytes += data.length
    try {
      const frame = binary ? this.#binary(data) : readText(data.toString(), this.version)
      if (this.#waiting === undefined) this.#handle(frame)
      else this.#waiting.push(frame)
    } catch (error) {
      const code = error instanceof MalformedFrame ? 'MalformedWebSocketMessage' : 'UnknownErrorOnWebSocketMessage'
      this.tenant.countError(code)
      this.tenant.log.debug({ code }, `${code}: ${(error as Error).message}`)
    }
  }

  #binary(data: Buffer): ClientFrame {
    if (this.version === 1) throw new MalformedFrame('a binary frame in version 1')
    return readBinary(data)
  }

  #handle(frame: ClientFrame): void {
    const { topic, event, ref, joinRef } = frame
    if (topic === 'phoenix') {
      if (event === 'heartbeat') this.reply(null, ref, topic, 'ok', '{}')
      else this.#unmatched(frame)
      return
    }
    if (event === 'phx_join') {
      if (!topic.startsWith('realtime:')) {
        this.#unmatched(frame)
        return
      }
      void this.#join(frame)
      return
    }
    const channel = this.channels.get(topic)
    if (channel === undefined) {
      if (event === 'phx_leave') this.reply(joinRef, ref, topic, 'ok', '{}')
      else this.#unmatched(frame)
      return
    }
    // Of a channel that was replaced since.
    if (event === 'phx_leave' && joinRef !== channel.joinRef) return
    channel.receive(frame)
  }

  #unmatched({ ref, topic }: ClientFrame): void {
    this.reply(null, ref, topic, 'error', '{"reason":"unmatched topic"}')
  }

  /** Nothing else of the socket is looked at until the join is answered. */
  async #join(frame: ClientFrame): Promise<void> {
    const { topic, ref, joinRef } = frame
    this.#waiting = []
    this.hold()
    const old = this.channels.get(topic)
    old?.close()
    let joined: Joined | undefined
    let disconnect = false
    try {
      joined = await join(this, frame)
      if (this.#open) this.#enter(joined, frame)
      else joined.channel.close()
    } catch (error) {
      const refusal = error instanceof JoinRefused ? error : this.#unknown(error)
      this.tenant.countError(refusal.code)
      this.tenant.log.warn({ code: refusal.code, topic }, refusal.reason)
      await this.tenant.backOff()
      this.reply(joinRef, ref, topic, 'error', JSON.stringify({ reason: refusal.reason }))
      disconnect = refusal.disconnect
    }
    old?.farewell('phx_close', '{}')
    if (disconnect) this.close(GOING_AWAY, '')
    else if (this.#open) this.#begin(joined)
    this.#resume()
  }

  #enter({ channel, response }: Joined, { topic, ref, joinRef }: ClientFrame): void {
    this.channels.set(topic, channel)
    channel.place()
    this.tenant.join(this)
    this.reply(joinRef, ref, topic, 'ok', response)
  }

  #begin(joined: Joined | undefined): void {
    try {
      joined?.begin()
    } catch (error) {
      joined?.channel.crash(error)
    }
  }

  #unknown(error: unknown): JoinRefused {
    this.tenant.log.error({ err: error }, 'a join failed by a bug')
    return new JoinRefused('UnknownErrorOnChannel', 'Unknown Error on Channel')
  }

  #resume(): void {
    this.unhold()
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    while (waiting.length > 0 && this.#open) {
      const frame = waiting.shift()!
      try {
        this.#handle(frame)
      } catch (error) {
        this.tenant.log.error({ err: error }, 'a frame failed by a bug')
      }
      // Another join: the rest waits for that.
      if (this.#waiting !== undefined) {
        ;(this.#waiting as ClientFrame[]).push(...waiting)
        return
      }
    }
  }

  /** Nothing more is read from the client until `unhold` was called as often. */
  hold(): void {
    if (this.#holds++ === 0) this.transport.pause()
  }

  unhold(): void {
    if (--this.#holds === 0 && this.#open) this.transport.resume()
  }

  /** `response` is JSON text. */
  reply(joinRef: Ref, ref: Ref, topic: string, status: 'ok' | 'error', response: string): void {
    if (!this.#open) return
    this.transport.send(encode(this.version, joinRef, ref, topic, 'phx_reply', `{"status":"${status}","response":${response}}`))
  }

  forget(channel: Channel): void {
    if (this.channels.get(channel.topic.name) === channel) this.channels.delete(channel.topic.name)
  }

  /** The tenant has changed, or the service ends: clients come again by themselves. */
  disconnect(): void {
    for (const topic of this.channels.keys()) {
      const frame = new TextFanout(topic, 'system', DISCONNECT).frame(this.version)
      if (frame !== undefined) this.transport.send(frame)
    }
    this.close(SERVICE_RESTART, '')
  }

  close(code: number, reason: string): void {
    this.transport.close(code, reason)
    this.ended()
  }

  /** The client is gone. */
  ended(): void {
    if (!this.#open) return
    this.#open = false
    for (const channel of [...this.channels.values()]) channel.close()
    this.tenant.disconnect(this)
  }
}
