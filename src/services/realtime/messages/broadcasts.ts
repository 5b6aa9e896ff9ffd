// Messages that SQL sends (`realtime.send`, triggers, plain inserts): rows of realtime.messages, read from the log as they are committed.
import type { Logger } from '../../../log/log.ts'
import type { ConnectionOptions } from '../../../pg/connection-options.ts'
import { Executor } from '../../../pg/executor.ts'
import type { DatabaseBroadcasts, DatabaseMessage } from '../changes/feed.ts'
import type { Begin, Change, Relation } from '../replication/pgoutput.ts'
import { SlotReader, type StreamSink } from '../replication/reader.ts'
import { slotNames } from '../replication/slot.ts'
import { MESSAGES_PUBLICATION, preparePublication } from './publication.ts'

export interface BroadcastsOptions {
  readonly connection: ConnectionOptions
  readonly log: Logger
  /** Upstream's SLOT_NAME_SUFFIX. */
  readonly slotSuffix?: string
  readonly maxLagBytes?: number
  readonly idleMs?: number
  readonly watchMs?: number
}

const SLOT = 'supabase_realtime_messages_replication_slot'
const APPLICATION = 'realtime_replication_connection'

export const openDatabaseBroadcasts = (options: BroadcastsOptions): DatabaseBroadcasts => new Broadcasts(options)

class Broadcasts implements DatabaseBroadcasts, StreamSink {
  readonly #log: Logger
  readonly #executor: Executor
  readonly #reader: SlotReader
  readonly #listeners = new Set<(message: DatabaseMessage) => void>()

  constructor({ connection, log, slotSuffix, ...bounds }: BroadcastsOptions) {
    this.#log = log
    const parameters = { ...connection.parameters, application_name: APPLICATION }
    this.#executor = new Executor({ connection: { ...connection, parameters }, max: 1 })
    this.#reader = new SlotReader({
      connection,
      executor: this.#executor,
      slots: slotNames(SLOT, slotSuffix),
      publication: MESSAGES_PUBLICATION,
      applicationName: APPLICATION,
      log,
      sink: this,
      prepare: () => preparePublication(this.#executor),
      ...bounds,
    })
  }

  get connected(): boolean {
    return this.#reader.streaming
  }

  on(listener: (message: DatabaseMessage) => void): () => void {
    // Each call counts by itself, also with the same function.
    const own = (message: DatabaseMessage): void => listener(message)
    this.#listeners.add(own)
    if (this.#listeners.size === 1) this.#reader.want(true)
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.#reader.want(false)
    }
  }

  async ready(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    aborted.catch(() => undefined) // told below, if anybody still waits
    while (!this.#reader.streaming) {
      // A failure only means that the next attempt is waited for.
      await Promise.race([this.#reader.ready().catch(() => undefined), aborted])
    }
    if (signal.aborted) await aborted
  }

  async stop(): Promise<void> {
    this.#listeners.clear()
    await this.#reader.stop()
    await this.#executor.close()
  }

  // What the stream brings

  wants(_: Relation, kind: Change['kind']): boolean {
    return kind === 'insert'
  }

  row(change: Change, relation: Relation, transaction: Begin): void {
    if (change.kind !== 'insert') return
    const message = readMessage(change.row, relation, transaction)
    if (message === undefined) {
      this.#log.debug('UnableToBroadcastChanges: a row of realtime.messages lacks its payload, event, topic, private, id or inserted_at')
      return
    }
    for (const listener of [...this.#listeners]) listener(message)
  }

  upTo(lsn: bigint): void {
    this.#reader.confirm(lsn)
  }

  rest(): void {
    // Rows are handed on as they come.
  }

  gap(reason: string): void {
    this.#log.warn({ reason }, 'messages from the database were lost')
  }

  running(): void {
    // Messages have no subscriptions to renew.
  }
}

/** Undefined where something is missing that a message needs. */
export function readMessage(
  row: readonly (Buffer | null | undefined)[],
  relation: Pick<Relation, 'columns'>,
  { committedAt }: Pick<Begin, 'committedAt'>,
): DatabaseMessage | undefined {
  const value = (name: string): Buffer | undefined => row[relation.columns.findIndex((column) => column.name === name)] ?? undefined
  const [topic, event, isPrivate, id] = [value('topic'), value('event'), value('private'), value('id')].map((bytes) => bytes?.toString())
  const [json, bytes] = [value('payload'), value('binary_payload')]
  if (topic === undefined || event === undefined || isPrivate === undefined || id === undefined || value('inserted_at') === undefined)
    return undefined
  const payload = json ?? (bytes && Buffer.from(bytes.toString('latin1', 2), 'hex'))
  if (payload === undefined) return undefined
  return { topic, event, id, private: isPrivate === 't', payload, binary: json === undefined, committedAt }
}
