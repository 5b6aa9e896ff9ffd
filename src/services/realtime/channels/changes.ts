// The postgres_changes of one channel: subscribed after the join, given the claims of new tokens, delivered within the tenant's limits.
import { type ChangeMessage, type ChangeSubscription, type Subscribed, SubscriptionRefused } from '../changes/feed.ts'
import type { Version } from '../socket/client-frame.ts'
import { textFrameOf, type WireFrame } from '../socket/wire.ts'
import type { VerifiedToken } from '../token/verify.ts'
import type { Channel } from './channel.ts'
import { JoinRefused } from './join-refused.ts'
import { phash2 } from './phash2.ts'

const RETRY_MIN_MS = 5_000
const RETRY_MAX_MS = 10_000

/** The entries of a join, with their ids, and what its reply says of them (JSON text). Throws JoinRefused. */
export function readEntries(given: readonly unknown[]): { entries: ChangeSubscription[]; echo: string } {
  const entries = given.map((raw): ChangeSubscription => {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
      throw new JoinRefused('UnknownErrorOnChannel', `expected a map, got: ${JSON.stringify(raw).slice(0, 100)}`)
    const part = raw as Readonly<Record<string, unknown>>
    const text = (name: string): Record<string, string> => {
      const value = Object.hasOwn(part, name) ? part[name] : undefined
      return typeof value === 'string' ? { [name]: value } : {}
    }
    const select = Object.hasOwn(part, 'select') ? part['select'] : undefined
    const columns = Array.isArray(select) && select.every((column) => typeof column === 'string') ? { select } : {}
    return { entry: { ...text('event'), ...text('schema'), ...text('table'), ...text('filter'), ...columns, raw }, id: phash2(raw) }
  })
  return { entries, echo: JSON.stringify(entries.map(({ entry, id }) => ({ ...(entry.raw as object), id }))) }
}

/** `schema[:table[:filter]]`: the topic of the old API is the subscription. */
export function legacyEntry(subTopic: string): Record<string, string> {
  const [schema = '', table, ...filter] = subTopic.split(':')
  return { schema, ...(table === undefined ? {} : { table }), ...(filter.length === 0 ? {} : { filter: filter.join(':') }) }
}

export class ChannelChanges {
  readonly #channel: Channel
  readonly #entries: readonly ChangeSubscription[]
  #subscribed: Subscribed | undefined
  #retry: NodeJS.Timeout | undefined
  #closed = false
  /** What was begun before the last one counts no more. */
  #attempt = 0

  constructor(channel: Channel, entries: readonly ChangeSubscription[]) {
    this.#channel = channel
    this.#entries = entries
    void this.#subscribe()
  }

  claims(token: VerifiedToken): void {
    const subscribed = this.#subscribed
    // Whatever is under way was asked for with the token before.
    if (subscribed === undefined) return void this.#again(0)
    subscribed.claims(token.claims, token.role, token.token, token.claimsText).then(
      () => this.#say(),
      (error: unknown) => {
        this.#subscribed = undefined
        this.#refused(error)
      },
    )
  }

  /** What it was subscribed to is gone. */
  renew(): void {
    this.#subscribed = undefined
    this.#again(0)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    const subscribed = this.#subscribed
    this.#subscribed = undefined
    void subscribed?.close().catch((error: unknown) => this.#channel.tenant.log.warn({ err: error }, 'a subscription could not be ended'))
  }

  async #subscribe(): Promise<void> {
    const attempt = ++this.#attempt
    const channel = this.#channel
    const { token, tenant } = channel
    try {
      const subscribed = await tenant.changesOrThrow().subscribe({
        topic: channel.topic.name,
        socketId: channel.connection.id,
        claims: token.claims,
        role: token.role,
        token: token.token,
        claimsText: token.claimsText,
        entries: this.#entries,
        deliver: (message) => (this.#closed || attempt !== this.#attempt ? undefined : deliver(channel, message)),
        fail: (message) => {
          if (!this.#closed) channel.system('postgres_changes', 'error', message)
        },
        restored: () => this.#say(),
      })
      if (this.#closed || attempt !== this.#attempt) return await subscribed.close()
      this.#subscribed = subscribed
      this.#say()
    } catch (error) {
      if (attempt === this.#attempt) this.#refused(error)
    }
  }

  #say(): void {
    if (!this.#closed) this.#channel.system('postgres_changes', 'ok', 'Subscribed to PostgreSQL')
  }

  #refused(error: unknown): void {
    if (this.#closed) return
    const known = error instanceof SubscriptionRefused
    if (!known) this.#channel.tenant.log.error({ err: error, topic: this.#channel.topic.name }, 'a subscription to changes failed')
    const message = known ? error.message : 'Realtime was unable to connect to the project database'
    this.#channel.log('RealtimeDisabledForConfiguration', message)
    this.#channel.system('postgres_changes', 'error', message)
    if (!known || error.again) this.#again(RETRY_MIN_MS + Math.random() * (RETRY_MAX_MS - RETRY_MIN_MS))
  }

  #again(delayMs: number): void {
    clearTimeout(this.#retry)
    this.#attempt++
    this.#retry = setTimeout(() => void this.#subscribe(), delayMs).unref()
  }
}

function deliver(channel: Channel, { ids, type, data }: ChangeMessage): void | Promise<void> {
  const { tenant, connection, topic, config } = channel
  // Skipped without a word, as upstream does, until the average has fallen.
  if (tenant.rates.changes.tripped) return undefined
  tenant.rates.changes.add()
  tenant.counts.changes++
  const event = config.legacy ? type : 'postgres_changes'
  const frame = tenant.frames.of(data, `${connection.version}${event}[${ids}]${topic.name}`, () =>
    around(connection.version, topic.name, event, config.legacy ? undefined : ids),
  )
  tenant.counts.outputBytes += frame.bytes.length
  connection.transport.send(frame)
  return connection.transport.room()
}

/** What stands before and after the data in a message. */
interface Around {
  readonly before: Buffer
  readonly after: Buffer
}

function around(version: Version, topic: string, event: string, ids: readonly number[] | undefined): Around {
  const [open, close] = ids === undefined ? ['', ''] : [`{"ids":[${ids.join(',')}],"data":`, '}']
  const [before, after] =
    version === 2
      ? [`[null,null,${JSON.stringify(topic)},"${event}",${open}`, `${close}]`]
      : [`{"topic":${JSON.stringify(topic)},"event":"${event}","payload":${open}`, `${close},"ref":null}`]
  return { before: Buffer.from(before), after: Buffer.from(after) }
}

const AROUND_LIMIT = 10_000
/** Names of topics have no bound; only those of ordinary length are kept. */
const KEPT_KEY = 1_024

/** The frames made of the last change: subscribers of one topic get the same bytes. */
export class ChangeFrames {
  #data: Buffer | undefined
  readonly #frames = new Map<string, WireFrame>()
  readonly #around = new Map<string, Around>()

  of(data: Buffer, key: string, make: () => Around): WireFrame {
    if (this.#data !== data) {
      this.#data = data
      this.#frames.clear()
    }
    let frame = this.#frames.get(key)
    if (frame === undefined) {
      let parts = this.#around.get(key)
      if (parts === undefined) {
        if (this.#around.size >= AROUND_LIMIT) this.#around.clear()
        parts = make()
        if (key.length <= KEPT_KEY) this.#around.set(key, parts)
      }
      frame = textFrameOf([parts.before, data, parts.after])
      this.#frames.set(key, frame)
    }
    return frame
  }
}
