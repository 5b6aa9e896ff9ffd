// Reads one publication from its own slot for as long as somebody wants it: comes back when the connection breaks, tells nobody anything twice,
// lets the server forget what has been handed on, and drops the slot when it is idle, at the end, or too far behind.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../../log/log.ts'
import type { ConnectionOptions } from '../../../pg/connection-options.ts'
import type { Executor } from '../../../pg/executor.ts'
import { ReplicationConnection, ReplicationError } from './connection.ts'
import { type Begin, type Change, type Relation, readPgoutput, rowOf } from './pgoutput.ts'
import { dropAbandoned, dropSlot, endLeftSender, endSender, idleSlots, type Slot, slotState, startStatement, takeSlot } from './slot.ts'

/** Whoever takes what the stream brings. Nothing here may throw. */
export interface StreamSink {
  /** Whether anybody wants rows of this table; those of others are not even read. */
  wants(relation: Relation, kind: Change['kind']): boolean
  row(change: Change, relation: Relation, transaction: Begin): void
  /** Everything before has been handed over; `confirm` may be called with this position once it has been delivered. */
  upTo(lsn: bigint): void
  /** What came at once has come: a good moment to begin work. */
  rest(): void
  /** Changes were lost; the stream goes on with those that are committed from now on. */
  gap(reason: string): void
  /** The stream runs, for the first time or again. */
  running(): void
}

export interface ReaderOptions {
  readonly connection: ConnectionOptions
  readonly executor: Executor
  readonly slots: readonly string[]
  readonly publication: string
  readonly applicationName: string
  readonly log: Logger
  readonly sink: StreamSink
  /** The publication is made where it is missing. */
  readonly prepare?: () => Promise<void>
  readonly maxLagBytes?: number
  readonly idleMs?: number
  readonly watchMs?: number
}

/** Upstream's pauses between attempts. */
const RETRY_MS = { first: 100, most: 5_000 }
const MAX_LAG_BYTES = 1_073_741_824
const LEFT_BEHIND_BYTES = 16_777_216
const IDLE_MS = 600_000
const WATCH_MS = 10_000
/** All slots of this name are taken by other instances, or the last one still lets go. */
const TAKEN_MS = 250
/** For this long after its connection broke a reader waits for its own slot before it takes another one: changes since then are only there. */
const OWN_SLOT_MS = 20_000
/** A peer that is silent for this long is taken for dead by the server, and its slot is free. */
const SENDER_TIMEOUT = '10s'
const END_STREAM_MS = 1_500
const STOP_MS = 5_000
/** "the publication does not exist": at the position where the slot stands, it did not. */
const UNDEFINED_OBJECT = '42704'

export class SlotReader {
  readonly #options: ReaderOptions
  readonly #relations = new Map<number, Relation>()
  #wanted = false
  #stopping = new AbortController()
  #running: Promise<void> | undefined
  #idle: NodeJS.Timeout | undefined
  #connection: ReplicationConnection | undefined
  /** The slot that was taken last, or is being made. */
  #name: string | undefined
  /** Why it had to be dropped. */
  #dropped: string | undefined
  #streaming = false
  #waiters: { resolve(): void; reject(error: Error): void }[] = []
  #trouble: Error | undefined
  #paused = false
  /** The last row that was handed over: the position of its transaction, and its number in that. */
  #seen = { lsn: 0n, index: 0 }
  #had = false
  /** The connection that was lost, when that was. */
  #last: { readonly slot: string; readonly processId: number; readonly at: number } | undefined

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  get streaming(): boolean {
    return this.#streaming
  }

  /** The last reason why there is no stream. */
  get trouble(): Error | undefined {
    return this.#trouble
  }

  /** Somebody wants the stream, or nobody any more: then it goes on for a while. */
  want(wanted: boolean): void {
    this.#wanted = wanted
    clearTimeout(this.#idle)
    if (wanted) this.#running ??= this.#run(this.#stopping.signal)
    else if (this.#running !== undefined) {
      this.#idle = setTimeout(() => void this.#rest(), this.#options.idleMs ?? IDLE_MS)
      this.#idle.unref()
    }
  }

  /** Resolves when the stream runs. Rejects when it is stopped, or at the next failure to open it. */
  ready(): Promise<void> {
    if (this.#streaming) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  confirm(lsn: bigint): void {
    this.#connection?.confirm(lsn)
  }

  /** Gives the connection up and makes another: a server that shuts down waits for as long as we have not confirmed everything. */
  reconnect(): void {
    this.#connection?.destroy(new ReplicationError('the database is away'))
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#connection?.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#connection?.resume()
  }

  /** Ends the stream and drops the slot. */
  async stop(): Promise<void> {
    clearTimeout(this.#idle)
    await this.#end()
    this.#tellWaiters(new Error('the stream was stopped'))
  }

  async #rest(): Promise<void> {
    if (this.#wanted) return
    this.#options.log.debug({ slot: this.#name }, 'nobody listens to the database any more: its replication slot is dropped')
    await this.#end()
    this.#stopping = new AbortController()
    if (this.#wanted) this.want(true)
  }

  async #end(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    this.#stopping.abort()
    await running
    await this.#dropLeft()
    this.#running = undefined
    this.#last = undefined
    this.#dropped = undefined
    this.#seen = { lsn: 0n, index: 0 }
    this.#had = false
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { log } = this.#options
    let waitMs = RETRY_MS.first
    while (!signal.aborted) {
      let reason: Error | undefined
      const before = this.#last
      try {
        const streamed = await this.#session(signal)
        if (streamed === undefined) {
          reason = new Error(`all replication slots of this name are in use: ${this.#options.slots.join(', ')}`)
          waitMs = TAKEN_MS
        }
      } catch (error) {
        reason = error as Error
        if (!signal.aborted) log.warn({ err: reason }, 'the replication connection was lost or could not be made; trying again')
      }
      if (signal.aborted) return
      // There was a stream: this is the first failure since.
      if (this.#last !== before) waitMs = RETRY_MS.first
      if (reason !== undefined) {
        this.#trouble = reason
        this.#tellWaiters(reason)
      }
      await sleep(waitMs, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
      waitMs = Math.min(waitMs * 2, RETRY_MS.most)
    }
  }

  /** One connection, from its opening to its end. Undefined: there was no slot to be had. */
  async #session(signal: AbortSignal): Promise<boolean | undefined> {
    const { options, sink, log } = { options: this.#options, sink: this.#options.sink, log: this.#options.log }
    await options.prepare?.()
    if (signal.aborted) return false
    const connection = await ReplicationConnection.open(options.connection, {
      application_name: options.applicationName,
      wal_sender_timeout: SENDER_TIMEOUT,
    })
    const aborted = new Promise<'aborted'>((resolve) => {
      if (signal.aborted) resolve('aborted')
      signal.addEventListener('abort', () => resolve('aborted'), { once: true })
    })
    let watch: NodeJS.Timeout | undefined
    try {
      let dropped = this.#dropped ?? 'the replication slot was gone'
      const own = this.#last?.slot
      const last = this.#last !== undefined && Date.now() - this.#last.at < OWN_SLOT_MS ? this.#last : undefined
      if (last !== undefined) await connection.query(endLeftSender(last.slot, last.processId))
      // Making a slot waits for every transaction that runs, however long; giving up must not.
      const slot = await Promise.race([
        takeSlot((text) => connection.query(text), {
          names: last !== undefined ? [last.slot] : own === undefined ? options.slots : [...new Set([own, ...options.slots])],
          // Nobody here waits for what an earlier process left behind; reading through a lot of it would only cost time.
          maxLagBytes: this.#had ? (options.maxLagBytes ?? MAX_LAG_BYTES) : LEFT_BEHIND_BYTES,
          onName: (name) => {
            this.#name = name
          },
          onDropped: (reason) => {
            dropped = `the replication slot had to be dropped: ${reason}`
          },
        }),
        aborted,
      ])
      if (slot === 'aborted') {
        await this.#abandon(connection)
        return false
      }
      if (slot === undefined) return undefined
      this.#relations.clear()
      if (slot.fresh) {
        this.#seen = { lsn: 0n, index: 0 }
        if (this.#had) sink.gap(dropped)
      } else if (this.#had && slot.name !== own) sink.gap('another replication slot had to be taken')
      this.#dropped = undefined
      await connection.stream(startStatement(slot.name, options.publication), this.#events())
      this.#had = true
      this.#connection = connection
      if (this.#paused) connection.pause()
      this.#streaming = true
      this.#trouble = undefined
      log.debug({ slot: slot.name, fresh: slot.fresh }, 'the replication stream runs')
      sink.running()
      this.#tellWaiters(undefined)
      watch = this.#watch(connection, slot)
      const error = await Promise.race([connection.ended, aborted])
      this.#streaming = false
      this.#last = { slot: slot.name, processId: connection.processId, at: Date.now() }
      if (error === 'aborted') {
        await this.#leave(connection, slot)
        return true
      }
      if ((error as ReplicationError).code === UNDEFINED_OBJECT || isLost(error)) {
        if (error instanceof LagError) this.#dropped = error.message
        await this.#discard(connection, slot)
      }
      throw error
    } finally {
      this.#streaming = false
      this.#connection = undefined
      clearInterval(watch)
      connection.close()
    }
  }

  /** The stream's messages, without those that were handed over before the connection broke. */
  #events() {
    const { sink } = this.#options
    let transaction: Begin | undefined
    let index = 0
    return {
      message: (body: Buffer): void => {
        const row = rowOf(body)
        if (row !== undefined) {
          index++
          const relation = this.#relations.get(row.relation)
          if (transaction === undefined || relation === undefined) return
          const seen = this.#seen
          if (transaction.lsn < seen.lsn || (transaction.lsn === seen.lsn && index <= seen.index)) return
          this.#seen = { lsn: transaction.lsn, index }
          if (sink.wants(relation, row.kind)) sink.row(readPgoutput(Buffer.from(body)) as Change, relation, transaction)
          return
        }
        const message = readPgoutput(body)
        if (message.kind === 'begin') {
          transaction = message
          index = 0
        } else if (message.kind === 'relation') this.#relations.set(message.oid, message)
        else if (message.kind === 'commit') {
          transaction = undefined
          sink.upTo(message.endLsn)
        }
      },
      sentUpTo: (lsn: bigint): void => {
        if (transaction === undefined) sink.upTo(lsn)
      },
      rest: () => sink.rest(),
    }
  }

  /** Looks now and then how far the slot is behind, and after the slots of instances that have died. */
  #watch(connection: ReplicationConnection, slot: Slot): NodeJS.Timeout {
    const { executor, slots, maxLagBytes = MAX_LAG_BYTES, log } = this.#options
    const others = slots.filter((name) => name !== slot.name)
    let abandoned: ReadonlySet<string> = new Set()
    let looking = false
    const look = async (): Promise<void> => {
      const state = await slotState(executor, slot.name)
      if (state === undefined || state.lost || state.lagBytes > maxLagBytes) {
        connection.destroy(new LagError(state))
        return
      }
      // Twice in a row: an instance whose connection has just broken comes back for its slot.
      const idle = await idleSlots(executor, others)
      const dead = [...idle].filter((name) => abandoned.has(name))
      abandoned = idle
      if (dead.length === 0) return
      const dropped = await dropAbandoned(executor, dead)
      if (dropped.length > 0) log.info({ slots: dropped }, 'replication slots of an instance that has died were dropped')
    }
    const timer = setInterval(() => {
      if (looking) return
      looking = true
      look()
        .catch((error: Error) => log.debug({ err: error }, 'the state of the replication slot could not be asked'))
        .finally(() => {
          looking = false
        })
    }, this.#options.watchMs ?? WATCH_MS)
    timer.unref()
    return timer
  }

  /** In good order: the stream ends, the slot goes while the lock is held. Where that takes too long, from outside. */
  async #leave(connection: ReplicationConnection, slot: Slot): Promise<void> {
    const quietly = connection.endStream().then(() => connection.query(`DROP_REPLICATION_SLOT "${slot.name}"`))
    const deadline = new AbortController()
    const done = await Promise.race([
      quietly.then(
        () => true,
        () => false,
      ),
      sleep(END_STREAM_MS, false, { signal: deadline.signal }).catch(() => false), // the stream ended first
    ])
    deadline.abort()
    if (!done) await this.#discard(connection, slot)
  }

  /** While the slot is being made: the server would go on with that, however long it takes, and keep what it has made. */
  async #abandon(connection: ReplicationConnection): Promise<void> {
    connection.destroy(new Error('stopped'))
    const end = Date.now() + STOP_MS
    // A database that is away has ended the connection by itself.
    while (!(await endSender(this.#options.executor, connection.processId).catch(() => true)) && Date.now() < end) await sleep(50)
  }

  /** Whatever became of the stream, the slot goes: it may have been between two connections. */
  async #dropLeft(): Promise<void> {
    const name = this.#name
    if (name === undefined) return
    this.#name = undefined
    const { executor, log } = this.#options
    const late = AbortSignal.timeout(STOP_MS)
    try {
      await Promise.race([
        dropAbandoned(executor, [name]),
        new Promise((_, reject) => late.addEventListener('abort', () => reject(late.reason), { once: true })),
      ])
    } catch (error) {
      log.warn({ err: error as Error, slot: name }, 'the replication slot could not be dropped: the database keeps its log until it is')
    }
  }

  async #discard(connection: ReplicationConnection, slot: Slot): Promise<void> {
    const { executor, log } = this.#options
    connection.destroy(new Error('the slot is dropped'))
    const end = Date.now() + STOP_MS
    for (;;) {
      try {
        if (await dropSlot(executor, slot.name, connection.processId)) return
      } catch (error) {
        if (Date.now() >= end) {
          log.warn(
            { err: error as Error, slot: slot.name },
            'the replication slot could not be dropped: the database keeps its log until it is',
          )
          return
        }
      }
      if (Date.now() >= end) return
      await sleep(50)
    }
  }

  #tellWaiters(error: Error | undefined): void {
    for (const { resolve, reject } of this.#waiters.splice(0)) {
      if (error === undefined) resolve()
      else reject(error)
    }
  }
}

/** The slot is too far behind, or the server has taken its log away. */
class LagError extends Error {
  constructor(state: { lagBytes: number } | undefined) {
    super(
      state === undefined
        ? 'ReplicationSlotLagTooHigh: the replication slot is gone'
        : `ReplicationSlotLagTooHigh: the replication slot is ${Math.round(state.lagBytes / 1_048_576)} MB behind`,
    )
    this.name = 'LagError'
  }
}

const isLost = (error: Error): boolean =>
  error instanceof LagError || ((error as ReplicationError).code === '55000' && /can no longer|invalidat|lost/i.test(error.message))
