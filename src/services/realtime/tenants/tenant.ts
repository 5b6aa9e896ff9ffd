// One tenant at work: its record, its database, and everything of it that lives in this process.
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from '../../../log/log.ts'
import { ConnectError, Executor } from '../../../pg/executor.ts'
import { ProbeError } from '../authorization/probe.ts'
import { type ChangesFeed, type DatabaseBroadcasts, type DatabaseMessage, SubscriptionRefused } from '../changes/feed.ts'
import { ChangeFrames } from '../channels/changes.ts'
import type { Channel } from '../channels/channel.ts'
import { Topic } from '../channels/topic.ts'
import type { Cluster, ClusterLink } from '../cluster/cluster.ts'
import type { RealtimeEnv } from '../env.ts'
import { Rate, SAMPLE_MS } from '../limits/rate.ts'
import type { Connection } from '../socket/connection.ts'
import { type Fanout, TextFanout, UserFanout } from '../socket/server-frame.ts'
import { TokenVerifier } from '../token/verify.ts'
import { connectionOf, type DatabaseAddress, tenantDatabase } from './database.ts'
import { type Feeds, openFeeds } from './feeds.ts'
import { settingsOf, type TenantRecord, type TenantSettings } from './record.ts'

export type Timed = 'read' | 'write' | 'replay'

/** Told as it happens; everything that is merely counted lies in the tenant's own counts. */
export interface Measured {
  payload(tenant: string, kind: 'broadcast' | 'presence', bytes: number): void
  took(tenant: string, what: Timed, seconds: number): void
  fromDatabase(tenant: string, seconds: number): void
}

/** A message for the other instances. */
export interface SharedBroadcast {
  readonly kind: 'text' | 'json' | 'binary'
  readonly topic: Topic
  readonly event: string
  /** The payload's JSON text, or the bytes of a user broadcast. */
  readonly data: string | Buffer
}

export interface TenantContext {
  readonly env: RealtimeEnv
  readonly log: Logger
  readonly measured: Measured
  readonly cluster: Cluster | undefined
  decrypt(value: string): string
}

/** For the questions of channels; the service's own pool and the feeds hold so many others of the same server. */
const LEAST_CONNECTIONS = 2
const OTHER_CONNECTIONS = 6
const NO_DATABASE = 'Realtime was unable to connect to the project database'

export class Tenant {
  readonly id: string
  readonly log: Logger
  readonly env: RealtimeEnv
  readonly connections = new Set<Connection>()
  /** Those that have joined a channel. */
  readonly users = new Set<Connection>()
  readonly topics = new Map<string, Topic>()
  readonly frames = new ChangeFrames()
  readonly counts = { joins: 0, events: 0, presenceEvents: 0, changes: 0, inputBytes: 0, outputBytes: 0 }
  readonly errors = new Map<string, number>()
  readonly rates: { readonly events: Rate; readonly presence: Rate; readonly joins: Rate; readonly changes: Rate }
  draining = false
  removed = false
  #record: TenantRecord
  #verifier: TokenVerifier
  #executor: Executor | undefined
  #feeds: Feeds | undefined
  #listening: (() => void) | undefined
  #sockets = 0
  readonly #context: TenantContext
  readonly #sampling: NodeJS.Timeout
  readonly #closed = new AbortController()
  /** The other instances, where there may be some. */
  #link: ClusterLink | undefined

  constructor(record: TenantRecord, context: TenantContext) {
    this.id = record.externalId
    this.env = context.env
    this.log = context.log.child({ tenant: record.externalId })
    this.#context = context
    this.#record = record
    this.#verifier = this.#verifierOf(record)
    this.rates = {
      events: new Rate(record.maxEventsPerSecond),
      presence: new Rate(record.maxPresenceEventsPerSecond),
      joins: new Rate(record.maxJoinsPerSecond),
      changes: new Rate(record.maxEventsPerSecond),
    }
    this.#link = context.cluster?.join(this)
    this.#sampling = setInterval(() => this.#sample(), SAMPLE_MS).unref()
  }

  get record(): TenantRecord {
    return this.#record
  }

  get verifier(): TokenVerifier {
    return this.#verifier
  }

  get settings(): TenantSettings | undefined {
    return settingsOf(this.#record, this.#context.decrypt)
  }

  get address(): DatabaseAddress | undefined {
    const { settings } = this
    return settings && tenantDatabase(settings, this.env)
  }

  /** Upstream's: kilobytes of a thousand, and some room for what surrounds a payload. */
  get maxPayloadBytes(): number {
    return this.#record.maxPayloadSizeInKb * 1_000 + 500
  }

  /** In all instances. */
  get connectedUsers(): number {
    return this.users.size + (this.#link?.users ?? 0)
  }

  /** The pool of the tenant's database; opened when first asked for. Undefined for a tenant without a database. */
  get executor(): Executor | undefined {
    if (this.#executor === undefined) {
      const { settings, address } = this
      if (settings === undefined || address === undefined || this.#closed.signal.aborted) return undefined
      this.#executor = new Executor({
        connection: connectionOf(address, this.env, 'realtime_connect'),
        max: settings.poolSize ?? Math.max(LEAST_CONNECTIONS, this.env.DB_POOL_SIZE - OTHER_CONNECTIONS),
        acquisitionTimeoutMs: this.env.DB_QUEUE_TARGET,
        onTrouble: (error) => this.log.warn({ err: error }, 'a connection to the database of the tenant failed'),
      })
    }
    return this.#executor
  }

  /** Throws ProbeError. */
  databaseOrThrow(): Executor {
    const { executor } = this
    if (executor === undefined) throw new ProbeError('unavailable', new ConnectError('the tenant has no database'))
    return executor
  }

  get feeds(): Feeds | undefined {
    if (this.#feeds === undefined && !this.#closed.signal.aborted) this.#feeds = openFeeds(this)
    return this.#feeds
  }

  /** Throws SubscriptionRefused. */
  changesOrThrow(): ChangesFeed {
    const { feeds } = this
    if (feeds === undefined) throw new SubscriptionRefused(NO_DATABASE, true)
    return feeds.changes
  }

  broadcastsOrThrow(): DatabaseBroadcasts {
    const { feeds } = this
    if (feeds === undefined) throw new Error(NO_DATABASE)
    return feeds.broadcasts
  }

  // Sockets, channels, topics --------------------------------------------------------------------------------------------------------

  /** Gives the id of the socket. */
  connect(connection: Connection): string {
    this.connections.add(connection)
    return `${this.id}:${++this.#sockets}`
  }

  /** The socket has joined a channel. */
  join(connection: Connection): void {
    this.counts.joins++
    this.users.add(connection)
    this.#listen()
  }

  disconnect(connection: Connection): void {
    this.connections.delete(connection)
    this.users.delete(connection)
    if (this.users.size > 0) return
    this.#listening?.()
    this.#listening = undefined
  }

  topic(subTopic: string, isPrivate: boolean): Topic {
    const key = topicKey(subTopic, isPrivate)
    let topic = this.topics.get(key)
    if (topic === undefined) {
      topic = new Topic(subTopic, isPrivate, (changed, payload) => this.#presenceDiff(changed, payload))
      this.topics.set(key, topic)
    }
    return topic
  }

  findTopic(subTopic: string, isPrivate: boolean): Topic | undefined {
    return this.topics.get(topicKey(subTopic, isPrivate))
  }

  leave(channel: Channel): void {
    const { topic } = channel
    const present = topic.presence.has(channel)
    topic.remove(channel)
    if (present) this.sharePresence(topic, channel)
    this.forgetIfEmpty(topic)
  }

  forgetIfEmpty(topic: Topic): void {
    const key = topicKey(topic.subTopic, topic.private)
    if (topic.empty && this.topics.get(key) === topic) this.topics.delete(key)
  }

  // Messages -------------------------------------------------------------------------------------------------------------------------

  /** To everybody on the topic in this instance but `except`, and but those who were given `id` by replay. */
  broadcast(topic: Topic, message: Fanout, bytes: number, except?: Channel, id?: string): void {
    const sent = topic.broadcast(message, except, id)
    this.counts.events += sent.messages
    this.counts.outputBytes += sent.bytes
    this.rates.events.add(sent.messages)
    this.#context.measured.payload(this.id, 'broadcast', bytes)
    if (!this.rates.events.tripped) return
    for (const channel of [...topic.members]) {
      if (channel === except) continue
      this.countError('MessagePerSecondRateLimitReached')
      channel.shutdown('Too many messages per second')
    }
  }

  share(message: SharedBroadcast): void {
    this.#link?.broadcast(message)
  }

  sharePresence(topic: Topic, channel: Channel): void {
    this.#link?.presence(topic, channel)
  }

  #presenceDiff(topic: Topic, payload: string): void {
    const sent = topic.presenceDiff(new TextFanout(topic.name, 'presence_diff', payload))
    this.counts.presenceEvents += sent.messages
    this.counts.outputBytes += sent.bytes
    this.rates.presence.add(sent.messages)
    this.forgetIfEmpty(topic)
  }

  #fromDatabase(message: DatabaseMessage): void {
    const topic = this.findTopic(message.topic, message.private)
    if (topic === undefined) return
    this.#context.measured.fromDatabase(this.id, (Date.now() - message.committedAt) / 1_000)
    // Dropped as upstream drops them, until the average has fallen.
    if (this.rates.events.tripped) {
      this.countError('MessagePerSecondRateLimitReached')
      return
    }
    const user = { event: message.event, json: !message.binary, data: message.payload }
    const fanout = new UserFanout(topic.name, user, JSON.stringify({ id: message.id }))
    this.broadcast(topic, fanout, message.payload.length, undefined, message.id)
  }

  // Counting -------------------------------------------------------------------------------------------------------------------------

  observePayload(kind: 'broadcast' | 'presence', bytes: number): void {
    this.#context.measured.payload(this.id, kind, bytes)
  }

  async timed<T>(what: Timed, work: Promise<T>): Promise<T> {
    const began = performance.now()
    try {
      return await work
    } finally {
      this.#context.measured.took(this.id, what, (performance.now() - began) / 1_000)
    }
  }

  countError(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1)
  }

  #sample(): void {
    for (const rate of Object.values(this.rates)) rate.sample()
  }

  // Life -----------------------------------------------------------------------------------------------------------------------------

  /** Before a join is refused. */
  async backOff(): Promise<void> {
    const { CHANNEL_ERROR_BACKOFF_MS: ms } = this.env
    if (ms > 0) await sleep(ms, undefined, { signal: this.#closed.signal }).catch(() => undefined) // closed: nobody waits any more
  }

  update(record: TenantRecord): void {
    const before = this.#record
    this.#record = record
    this.rates.events.limit = record.maxEventsPerSecond
    this.rates.changes.limit = record.maxEventsPerSecond
    this.rates.presence.limit = record.maxPresenceEventsPerSecond
    this.rates.joins.limit = record.maxJoinsPerSecond
    const keys = before.jwtSecret !== record.jwtSecret || JSON.stringify(before.jwtJwks) !== JSON.stringify(record.jwtJwks)
    if (keys) {
      this.#verifier = this.#verifierOf(record)
      // The others have the new keys, too, or are none of ours.
      this.#link?.close()
      this.#link = this.#context.cluster?.join(this)
    }
    const { decrypt } = this.#context
    if (!isDeepStrictEqual(settingsOf(before, decrypt), settingsOf(record, decrypt)))
      this.restartDatabase().catch((error: unknown) => this.log.error({ err: error }, 'the connections to the database could not be ended'))
    if (keys || before.privateOnly !== record.privateOnly || before.suspend !== record.suspend) this.disconnectAll()
  }

  /** Every socket is told and closed; clients come again by themselves. */
  disconnectAll(): void {
    for (const connection of [...this.connections]) connection.disconnect()
  }

  /** Gives up all connections to the tenant's database. They are made again when somebody needs one, which who subscribes to changes does at once. */
  async restartDatabase(): Promise<void> {
    await this.#stopDatabase()
    for (const connection of this.connections) for (const channel of connection.channels.values()) channel.changes?.renew()
    if (this.users.size > 0) this.#listen()
  }

  #listen(): void {
    this.#listening ??= this.feeds?.broadcasts.on((message) => this.#fromDatabase(message))
  }

  async #stopDatabase(): Promise<void> {
    const [executor, feeds] = [this.#executor, this.#feeds]
    this.#executor = undefined
    this.#feeds = undefined
    this.#listening?.()
    this.#listening = undefined
    await Promise.all([feeds?.changes.stop(), feeds?.broadcasts.stop(), executor?.close(0)])
  }

  /** `connected`: the database answers; only asked where there is reason to be connected. */
  async health(): Promise<{ connected: boolean; replication: boolean; users: number }> {
    const connected =
      this.#executor === undefined && this.users.size === 0
        ? false
        : await (this.executor?.ping() ?? Promise.reject(new Error('no database'))).then(
            () => true,
            () => false,
          )
    return { connected, replication: this.#feeds?.broadcasts.connected ?? false, users: this.connectedUsers }
  }

  /** A stop has begun: nobody joins any more, and whoever is here goes elsewhere. */
  drain(): void {
    this.draining = true
    this.disconnectAll()
  }

  async close(): Promise<void> {
    this.draining = true
    clearInterval(this.#sampling)
    this.#closed.abort()
    this.disconnectAll()
    this.#link?.close()
    await this.#stopDatabase()
  }

  #verifierOf({ jwtSecret, jwtJwks }: TenantRecord): TokenVerifier {
    return new TokenVerifier({ secret: jwtSecret, jwks: jwtJwks }, this.env.JWT_CLAIM_VALIDATORS)
  }
}

const topicKey = (subTopic: string, isPrivate: boolean): string => (isPrivate ? 'private ' : 'public ') + subTopic
