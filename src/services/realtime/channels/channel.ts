// One socket on one topic: its rights, its token, the frames it takes in strict order, and how it ends.
import type { Asker } from '../authorization/probe.ts'
import { handleBroadcast } from '../broadcast/handle.ts'
import { handlePresence } from '../presence/handle.ts'
import type { ClientFrame, Ref } from '../socket/client-frame.ts'
import type { Connection } from '../socket/connection.ts'
import { encode } from '../socket/server-frame.ts'
import type { Tenant } from '../tenants/tenant.ts'
import { refreshToken } from '../token/refresh.ts'
import { onChannel, TokenRefused } from '../token/refusal.ts'
import type { VerifiedToken } from '../token/verify.ts'
import type { ChannelChanges } from './changes.ts'
import type { JoinConfig } from './config.ts'
import type { Topic } from './topic.ts'

/** Undefined: nobody has asked yet. Only private channels are asked about. */
export interface Rights {
  broadcastRead?: boolean
  presenceRead?: boolean
  broadcastWrite?: boolean
  presenceWrite?: boolean
}

/** A token is looked at again after so long, whenever it expires. */
const CONFIRM_MS = 300_000
/** Frames that wait for an answer of the database; then the socket is not read until there is room again. */
const MAX_WAITING = 64

export interface ChannelOptions {
  readonly connection: Connection
  readonly topic: Topic
  readonly joinRef: Ref
  readonly config: JoinConfig
  readonly token: VerifiedToken
  readonly rights: Rights
  readonly presenceKey: string
  readonly presenceEnabled: boolean
  readonly replayed: ReadonlySet<string> | undefined
}

export class Channel {
  readonly connection: Connection
  readonly topic: Topic
  readonly joinRef: Ref
  readonly config: JoinConfig
  readonly presenceKey: string
  /** Messages that it was given by replay. */
  readonly replayed: ReadonlySet<string> | undefined
  readonly presenceCalls = { until: 0, calls: 0 }
  presenceEnabled: boolean
  token: VerifiedToken
  rights: Rights
  changes: ChannelChanges | undefined
  closed = false
  #waiting: ClientFrame[] | undefined
  #paused = false
  #timer: NodeJS.Timeout | undefined
  #ended: AbortController | undefined

  constructor(options: ChannelOptions) {
    this.connection = options.connection
    this.topic = options.topic
    this.joinRef = options.joinRef
    this.config = options.config
    this.token = options.token
    this.rights = options.rights
    this.presenceKey = options.presenceKey
    this.presenceEnabled = options.presenceEnabled
    this.replayed = options.replayed
    this.#confirmLater()
  }

  get tenant(): Tenant {
    return this.connection.tenant
  }

  /** Aborted when the channel ends. */
  get ended(): AbortSignal {
    this.#ended ??= new AbortController()
    if (this.closed) this.#ended.abort()
    return this.#ended.signal
  }

  /** Its place on the topic, by its rights. */
  place(): void {
    const open = !this.topic.private
    this.topic.set(this, {
      hears: open || this.rights.broadcastRead === true,
      watches: open || (this.presenceEnabled && this.rights.presenceRead === true),
    })
  }

  /** Who asks the policies. */
  asker(): Asker {
    return { topic: this.topic.subTopic, token: this.token, headers: this.connection.headers }
  }

  receive(frame: ClientFrame): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push(frame)
      if (this.#waiting.length >= MAX_WAITING && !this.#paused) {
        this.#paused = true
        this.connection.hold()
      }
      return
    }
    const work = this.#handle(frame)
    if (work !== undefined) {
      this.#waiting = []
      void this.#drain(work)
    }
  }

  async #drain(first: Promise<void>): Promise<void> {
    let work: void | Promise<void> = first
    for (;;) {
      try {
        await work
      } catch (error) {
        this.crash(error)
      }
      const frame = this.closed ? undefined : this.#waiting?.shift()
      if (frame === undefined) break
      work = this.#handle(frame)
    }
    this.#waiting = undefined
    if (this.#paused) {
      this.#paused = false
      this.connection.unhold()
    }
  }

  #handle(frame: ClientFrame): void | Promise<void> {
    if (this.closed) return undefined
    try {
      switch (frame.event) {
        case 'broadcast':
          return handleBroadcast(this, frame)
        case 'presence':
          return handlePresence(this, frame)
        case 'access_token':
          return refreshToken(this, frame.payload)
        case 'phx_leave':
          return this.leave(frame)
        default:
          this.tenant.rates.events.add()
          return undefined
      }
    } catch (error) {
      this.crash(error)
      return undefined
    }
  }

  /** `payload` is JSON text. */
  push(event: string, payload: string): void {
    const { connection, topic } = this
    connection.transport.send(encode(connection.version, this.joinRef, null, topic.name, event, payload))
  }

  /** `response` is JSON text. */
  reply({ ref }: ClientFrame, status: 'ok' | 'error', response: string): void {
    this.connection.reply(this.joinRef, ref, this.topic.name, status, response)
  }

  system(extension: 'system' | 'postgres_changes', status: 'ok' | 'error', message: string): void {
    this.push('system', JSON.stringify({ channel: this.topic.subTopic, extension, status, message }))
  }

  leave(frame: ClientFrame): void {
    this.reply(frame, 'ok', '{}')
    this.close()
    this.farewell('phx_close', '{}')
  }

  /** Ends the channel with a word to the client; its socket stays. */
  shutdown(message: string): void {
    if (this.closed) return
    this.log('ChannelShutdown', message)
    this.system('system', 'error', message)
    this.close()
    this.farewell('phx_close', '{}')
  }

  /** A bug: the channel alone ends, and clients join again by themselves. */
  crash(error: unknown): void {
    this.tenant.log.error({ err: error, topic: this.topic.name }, 'a channel failed by a bug')
    this.tenant.countError('UnknownErrorOnChannel')
    if (this.closed) return
    this.close()
    this.farewell('phx_error', '{"reason":"channel_crash"}')
  }

  farewell(event: 'phx_close' | 'phx_error', payload: string): void {
    const { connection, joinRef, topic } = this
    connection.transport.send(encode(connection.version, joinRef, joinRef, topic.name, event, payload))
  }

  /** Takes everything of the channel away, without a word. */
  close(): void {
    if (this.closed) return
    this.closed = true
    clearTimeout(this.#timer)
    this.#ended?.abort()
    this.connection.forget(this)
    this.tenant.leave(this)
    this.changes?.close()
  }

  log(code: string, message: string): void {
    this.tenant.countError(code)
    this.tenant.log.warn({ code, topic: this.topic.name }, `${code}: ${message}`)
  }

  /** Another token, with what it may do. */
  renew(token: VerifiedToken, rights: Rights): void {
    this.token = token
    this.rights = rights
    this.place()
    this.changes?.claims(token)
    this.#confirmLater()
  }

  #confirmLater(): void {
    clearTimeout(this.#timer)
    const left = this.token.exp * 1_000 - Date.now()
    this.#timer = setTimeout(() => void this.#confirm(), Math.min(CONFIRM_MS, Math.max(0, left) + 1)).unref()
  }

  async #confirm(): Promise<void> {
    const { token } = this
    try {
      await this.tenant.verifier.verify(token.token)
    } catch (error) {
      if (this.closed || this.token !== token) return
      if (error instanceof TokenRefused) return this.shutdown(onChannel(error.problem))
      return this.crash(error)
    }
    if (!this.closed && this.token === token) this.#confirmLater()
  }
}
