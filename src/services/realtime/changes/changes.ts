// Changes of tables from the log to the channels: takes rows from the stream, settles them batch by batch, hands them on in order, and lets
// the server forget what was handed on.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../../log/log.ts'
import type { ConnectionOptions } from '../../../pg/connection-options.ts'
import { Executor } from '../../../pg/executor.ts'
import { TEXT_SETTINGS } from '../replication/connection.ts'
import type { Begin, Change, Relation } from '../replication/pgoutput.ts'
import { SlotReader, type StreamSink } from '../replication/reader.ts'
import { slotNames } from '../replication/slot.ts'
import { parseBinding } from './binding.ts'
import { Catalog } from './catalog.ts'
import { type ChangesFeed, type Subscribed, type SubscribeRequest, SubscriptionRefused } from './feed.ts'
import { EndlessFilters } from './match.ts'
import { Row } from './row.ts'
import { untilSeen } from './seen.ts'
import { type Delivery, type SettleContext, settle } from './settle.ts'
import { type Subscriber, Subscribers } from './subscribers.ts'
import { deleteLeftRows, deleteRows, deleteRowsBeyond, publishedTables, writeClaims, writeRows } from './subscription-rows.ts'

export interface ChangesOptions {
  readonly connection: ConnectionOptions
  readonly log: Logger
  /** Upstream's SLOT_NAME_SUFFIX. */
  readonly slotSuffix?: string
  readonly slotName?: string
  readonly publication?: string
  readonly maxRecordBytes?: number
  readonly maxLagBytes?: number
  readonly idleMs?: number
  readonly watchMs?: number
}

const SLOT = 'supabase_realtime_replication_slot'
const PUBLICATION = 'supabase_realtime'
const APPLICATION = 'realtime_rls'
const MAX_RECORD_BYTES = 1_048_576
/** One for the rights of a batch, others for conversions and for subscribing beside it. */
const CONNECTIONS = 3
const BATCH = { rows: 1_000, bytes: 1_048_576 }
/** Rows that wait beyond this stop the reading of the socket, and with it the server. */
const QUEUE_BYTES = { high: 8_388_608, low: 2_097_152 }
/** How long a subscriber without room may hold up the others. */
const ROOM_MS = 500
/** Whatever has no shorter bound of its own. */
const STATEMENT_TIMEOUT = '15s'
const RETRY_MS = { first: 100, most: 2_000 }
const FORGET_ROWS_MS = 100
const PUBLICATION_MS = 30_000
/** Somebody who changes the token without end is not waited for. */
const RENEWALS = 10
/** As long as upstream waits for the database when a channel subscribes. */
const UNREACHABLE = 'Unable to subscribe to changes with given parameters. The database cannot be reached: '

export const openChanges = (options: ChangesOptions): ChangesFeed => new Changes(options)

class Changes implements ChangesFeed, StreamSink {
  readonly #log: Logger
  readonly #executor: Executor
  readonly #reader: SlotReader
  readonly #publication: string
  readonly #slots: readonly string[]
  readonly #subscribers = new Subscribers()
  readonly #context: SettleContext
  readonly #stop = new AbortController()
  readonly #followed = new WeakSet<Relation>()
  #queue: (Row | { readonly confirm: bigint })[] = []
  #queuedBytes = 0
  #settling: Promise<void> | undefined
  #users = 0
  #cleaned: Promise<void> | undefined
  #lost = false
  #tables = ''
  readonly #gone: string[] = []
  #forgetting: NodeJS.Timeout | undefined
  readonly #poll: NodeJS.Timeout

  constructor(options: ChangesOptions) {
    const { connection, log, publication = PUBLICATION, maxRecordBytes = MAX_RECORD_BYTES } = options
    this.#log = log
    this.#publication = publication
    this.#slots = slotNames(options.slotName ?? SLOT, options.slotSuffix)
    const parameters = {
      ...connection.parameters,
      ...TEXT_SETTINGS,
      statement_timeout: STATEMENT_TIMEOUT,
      application_name: 'realtime_subscription_manager',
    }
    this.#executor = new Executor({ connection: { ...connection, parameters }, max: CONNECTIONS })
    this.#context = {
      executor: this.#executor,
      catalog: new Catalog(this.#executor),
      subscribers: this.#subscribers,
      log,
      signal: this.#stop.signal,
      maxRecordBytes,
      secured: new Map(),
      endless: new EndlessFilters(),
    }
    this.#reader = new SlotReader({
      connection,
      executor: this.#executor,
      slots: this.#slots,
      publication,
      applicationName: APPLICATION,
      log,
      sink: this,
      ...(options.maxLagBytes === undefined ? {} : { maxLagBytes: options.maxLagBytes }),
      ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
      ...(options.watchMs === undefined ? {} : { watchMs: options.watchMs }),
    })
    this.#poll = setInterval(() => void this.#lookAtPublication(), PUBLICATION_MS)
    this.#poll.unref()
  }

  get connected(): boolean {
    return this.#reader.streaming
  }

  async subscribe(request: SubscribeRequest): Promise<Subscribed> {
    const bindings = request.entries.map(parseBinding)
    if (bindings.length === 0) return { claims: async () => undefined, close: async () => undefined }
    if (this.#stop.signal.aborted) throw new SubscriptionRefused(`${UNREACHABLE}realtime stops`, false)
    // Before a slot of ours is read: then the rows of the first subscriber could not be told from those left behind.
    await this.#cleanUp()
    const claimsText = request.claimsText ?? JSON.stringify(request.claims)
    const subscriber = this.#subscribers.make(request, bindings, this.#subscribers.enter(request.role, claimsText))
    this.#enter()
    try {
      const streaming = this.#reader.ready().then(
        () => undefined,
        (error: Error) => error,
      )
      const { tables, lsn } = await writeRows(this.#executor, this.#publication, subscriber.bindings, claimsText)
      subscriber.from = lsn
      subscriber.bindings.forEach((live, index) => {
        this.#subscribers.setTables(live, tables[index]!)
      })
      this.#subscribers.add(subscriber)
      const trouble = await streaming
      if (trouble !== undefined) throw new SubscriptionRefused(UNREACHABLE + trouble.message, true)
      if (subscriber.closed) throw new SubscriptionRefused(`${UNREACHABLE}realtime stops`, false)
    } catch (error) {
      this.#end(subscriber)
      throw error
    }
    return {
      claims: (claims, role, _token, text = JSON.stringify(claims)) => this.#renew(subscriber, role, text),
      close: async () => this.#end(subscriber),
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    clearInterval(this.#poll)
    for (const subscriber of [...this.#subscribers]) this.#end(subscriber)
    clearTimeout(this.#forgetting)
    await this.#settling
    await this.#forget()
    await this.#reader.stop()
    await this.#executor.close()
  }

  // What the stream brings

  wants(relation: Relation, kind: Change['kind']): boolean {
    const action = kind === 'insert' ? 'INSERT' : kind === 'update' ? 'UPDATE' : 'DELETE'
    for (const _ of this.#subscribers.of(relation.oid, action)) return true
    if (this.#followed.has(relation)) return false
    if (this.#subscribers.missing(relation).length > 0) return true
    // Whoever subscribes from now on finds the table by itself.
    this.#followed.add(relation)
    return false
  }

  row(change: Change, relation: Relation, transaction: Begin): void {
    const row = new Row(change, relation, transaction)
    this.#queue.push(row)
    this.#queuedBytes += row.bytes
    if (this.#queuedBytes > QUEUE_BYTES.high) this.#reader.pause()
  }

  upTo(lsn: bigint): void {
    if (this.#queue.length === 0 && this.#settling === undefined) {
      this.#reader.confirm(lsn)
      return
    }
    const last = this.#queue.at(-1)
    if (last !== undefined && 'confirm' in last) this.#queue.pop()
    this.#queue.push({ confirm: lsn })
  }

  rest(): void {
    if (this.#queue.length === 0 || this.#settling !== undefined) return
    this.#settling = this.#drain().finally(() => {
      this.#settling = undefined
    })
  }

  gap(reason: string): void {
    this.#lost = true
    this.#log.warn({ reason }, 'changes of tables were lost')
    for (const subscriber of [...this.#subscribers]) {
      subscriber.from = 0n
      subscriber.request.fail(`Changes were lost: ${reason}. The subscription goes on with what is committed from now on.`)
    }
  }

  running(): void {
    if (!this.#lost) return
    this.#lost = false
    for (const subscriber of [...this.#subscribers]) subscriber.request.restored()
  }

  // From the queue to the channels

  async #drain(): Promise<void> {
    while (this.#queue.length > 0 && !this.#stop.signal.aborted) {
      const { rows, confirm } = this.#take()
      if (rows.length > 0) {
        await this.#handOn(rows)
        // The sockets get a turn before the next batch.
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (confirm !== undefined) this.#reader.confirm(confirm)
      if (this.#queuedBytes < QUEUE_BYTES.low) this.#reader.resume()
    }
  }

  #take(): { rows: Row[]; confirm: bigint | undefined } {
    const rows: Row[] = []
    let confirm: bigint | undefined
    let bytes = 0
    let at = 0
    for (; at < this.#queue.length; at++) {
      const item = this.#queue[at]!
      if ('confirm' in item) {
        confirm = item.confirm
        continue
      }
      if (rows.length > 0 && (rows.length >= BATCH.rows || bytes + item.bytes > BATCH.bytes)) break
      rows.push(item)
      bytes += item.bytes
    }
    this.#queue.splice(0, at)
    this.#queuedBytes -= bytes
    return { rows, confirm }
  }

  async #handOn(rows: readonly Row[]): Promise<void> {
    let waitMs = RETRY_MS.first
    while (!this.#stop.signal.aborted) {
      try {
        await this.#describe(rows)
        await this.#deliver(rows)
        return
      } catch (error) {
        if (!isAway(error as Error)) {
          this.#log.error({ err: error as Error, rows: rows.length }, 'changes could not be handed on')
          this.gap('they could not be read')
          this.running()
          return
        }
        this.#log.debug({ err: error as Error }, 'the database is away: changes wait')
        if (waitMs === RETRY_MS.first) this.#reader.reconnect()
      }
      await sleep(waitMs, undefined, { signal: this.#stop.signal }).catch(() => undefined) // aborted: the loop ends
      waitMs = Math.min(waitMs * 2, RETRY_MS.most)
    }
  }

  /** What the catalog knows of the tables; and whoever asked for all tables of a schema gets those that are new. */
  async #describe(rows: readonly Row[]): Promise<void> {
    const relations = new Set(rows.map((row) => row.relation))
    // A transaction may have made the table that it fills.
    if ([...relations].some((relation) => !this.#context.catalog.knows(relation))) await untilSeen(rows, this.#executor, this.#stop.signal)
    for (const relation of relations) {
      if (!this.#followed.has(relation)) {
        for (const subscriber of this.#subscribers.missing(relation)) await this.#follow(subscriber)
        this.#followed.add(relation)
      }
      const table = await this.#context.catalog.table(relation)
      for (const row of rows) if (row.relation === relation) row.table = table
    }
  }

  async #deliver(rows: readonly Row[]): Promise<void> {
    const settled = await settle(rows, this.#context)
    const groups = new Map(settled.groups)
    const deliveries = new Map<Row, readonly Delivery[]>(settled.deliveries)
    // Whoever has other claims by now is asked about again, and nobody gets a message before all are settled.
    for (let renewal = 0; renewal < RENEWALS; renewal++) {
      const renewed = new Set(
        [...groups].flatMap(([subscriber, group]) => (subscriber.closed || subscriber.group === group ? [] : [subscriber])),
      )
      if (renewed.size === 0) break
      const again = await settle(rows, this.#context, renewed)
      for (const [subscriber, group] of again.groups) groups.set(subscriber, group)
      for (const row of rows) {
        const kept = deliveries.get(row)?.filter(({ subscriber }) => !renewed.has(subscriber)) ?? []
        deliveries.set(row, [...kept, ...(again.deliveries.get(row) ?? [])])
      }
    }
    const room: Promise<void>[] = []
    for (const row of rows) {
      for (const { subscriber, message } of deliveries.get(row) ?? []) {
        if (subscriber.closed || groups.get(subscriber) !== subscriber.group) continue
        const full = subscriber.request.deliver(message)
        if (full !== undefined) room.push(full)
      }
    }
    if (room.length === 0) return
    const deadline = new AbortController()
    const bound = sleep(ROOM_MS, undefined, { signal: deadline.signal }).catch(() => undefined) // there is room again
    await Promise.race([Promise.allSettled(room), bound])
    deadline.abort()
  }

  // Subscriptions and their rows

  #enter(): void {
    if (this.#users++ === 0) this.#reader.want(true)
  }

  #end(subscriber: Subscriber): void {
    if (subscriber.closed) return
    subscriber.closed = true
    this.#subscribers.remove(subscriber)
    this.#subscribers.leave(subscriber.group)
    if (--this.#users === 0) this.#reader.want(false)
    this.#gone.push(...subscriber.bindings.map(({ uuid }) => uuid))
    this.#forgetting ??= setTimeout(() => void this.#forget(), FORGET_ROWS_MS)
  }

  async #forget(): Promise<void> {
    this.#forgetting = undefined
    const uuids = this.#gone.splice(0)
    if (uuids.length === 0) return
    try {
      await deleteRows(this.#executor, uuids)
    } catch (error) {
      this.#log.debug({ err: error as Error }, 'rows of subscriptions could not be deleted')
      if (this.#stop.signal.aborted) return
      this.#gone.push(...uuids)
      this.#forgetting ??= setTimeout(() => void this.#forget(), RETRY_MS.most)
    }
  }

  async #renew(subscriber: Subscriber, role: string, claims: string): Promise<void> {
    if (subscriber.closed) return
    const before = subscriber.group
    subscriber.group = this.#subscribers.enter(role, claims)
    this.#subscribers.leave(before)
    try {
      await writeClaims(this.#executor, subscriber.bindings, claims)
    } catch (error) {
      this.#end(subscriber)
      throw error
    }
  }

  /** Once, before the first row is written: those of an earlier process go, and what is published is noted. */
  #cleanUp(): Promise<void> {
    this.#cleaned ??= (async () => {
      try {
        await deleteLeftRows(this.#executor, this.#slots)
        this.#tables = await publishedTables(this.#executor, this.#publication)
      } catch (error) {
        this.#cleaned = undefined
        this.#log.debug({ err: error as Error }, 'rows of earlier subscriptions could not be deleted')
      }
    })()
    return this.#cleaned
  }

  /** Every half minute: whether the publication has other tables than before. */
  async #lookAtPublication(): Promise<void> {
    if (this.#subscribers.size === 0) return
    try {
      const tables = await publishedTables(this.#executor, this.#publication)
      if (tables === this.#tables) return
      this.#tables = tables
      for (const subscriber of [...this.#subscribers]) await this.#follow(subscriber)
    } catch (error) {
      this.#log.debug({ err: error as Error }, 'the publication could not be looked at')
    }
  }

  /** Brings a subscription to the tables that its entries reach now. */
  async #follow(subscriber: Subscriber): Promise<void> {
    if (subscriber.closed) return
    const before = subscriber.bindings.map(({ tables }) => [...tables].sort().join())
    try {
      const { tables } = await writeRows(this.#executor, this.#publication, subscriber.bindings, subscriber.group.claims)
      if (subscriber.closed) return
      for (const [index, live] of subscriber.bindings.entries()) {
        this.#subscribers.setTables(live, tables[index]!)
        await deleteRowsBeyond(this.#executor, live.uuid, tables[index]!)
      }
      if (subscriber.bindings.some(({ tables: now }, index) => [...now].sort().join() !== before[index])) subscriber.request.restored()
    } catch (error) {
      if (!(error instanceof SubscriptionRefused) || error.again) throw error
      if (!subscriber.closed) subscriber.request.fail(error.message)
    }
  }
}

const AWAY = new Set(['ConnectError', 'ConnectionLost', 'AcquisitionTimeout'])

const isAway = (error: Error): boolean => AWAY.has(error.name) || (error instanceof SubscriptionRefused && error.again)
