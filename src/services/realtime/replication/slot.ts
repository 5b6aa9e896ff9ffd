// A logical replication slot: which name is ours, whether it can still be used, making and dropping it.
import type { Executor } from '../../../pg/executor.ts'
import { literal } from '../../../pg/quote.ts'
import { parseLsn } from './lsn.ts'

/** Whoever holds this lock of the database owns the slot of that name. */
const lockKey = (slot: string): string => `hashtextextended('plinth realtime slot ' || ${slot}, 0)`

/** Slots beyond the first are for further instances on the same database. */
export const MOST_SLOTS = 4

/** Names of slots are at most 63 characters of a-z, 0-9 and _; what does not fit is replaced. */
export function slotNames(base: string, suffix?: string): readonly string[] {
  const name = (suffix ? `${base}_${suffix}` : base)
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '_')
    .slice(0, 60)
  return Array.from({ length: MOST_SLOTS }, (_, index) => (index === 0 ? name : `${name}_${index + 1}`))
}

/** One question to the database, answered as text. */
export type Ask = (text: string) => Promise<(string | null)[][]>

export interface Slot {
  readonly name: string
  /** Made just now: the stream begins here, and what was before is lost. */
  readonly fresh: boolean
}

export interface TakeOptions {
  readonly names: readonly string[]
  readonly maxLagBytes: number
  /** The name is locked; its slot may be made from now on. */
  readonly onName: (name: string) => void
  /** A position that was read before: a slot that is made now leaves a gap. */
  readonly onDropped: (reason: string) => void
}

/** Locks the first free name and makes its slot where there is none. Undefined while all names are taken. */
export async function takeSlot(ask: Ask, options: TakeOptions): Promise<Slot | undefined> {
  for (const name of options.names) {
    const [locked] = await ask(`select pg_try_advisory_lock(${lockKey(literal(name))})`)
    if (locked?.[0] !== 't') continue
    options.onName(name)
    const [row] = await ask(
      `select plugin, database = current_database(), active, wal_status, temporary,
              pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) > ${options.maxLagBytes}
         from pg_replication_slots where slot_name = ${literal(name)}`,
    )
    if (row !== undefined) {
      const [plugin, here, active, walStatus, , lagging] = row
      if (here !== 't' || active === 't') {
        // Of another database, or in use by a program that does not know the lock.
        await ask(`select pg_advisory_unlock(${lockKey(literal(name))})`)
        continue
      }
      if (plugin === 'pgoutput' && walStatus !== 'lost' && lagging !== 't') return { name, fresh: false }
      options.onDropped(
        plugin !== 'pgoutput' ? 'it belongs to another output plugin' : walStatus === 'lost' ? 'its log is gone' : 'it lags too far behind',
      )
      await ask(`select pg_drop_replication_slot(${literal(name)})`)
    }
    await ask(`CREATE_REPLICATION_SLOT "${name}" LOGICAL pgoutput NOEXPORT_SNAPSHOT`)
    return { name, fresh: true }
  }
  return undefined
}

export const startStatement = (slot: string, publication: string): string =>
  `START_REPLICATION SLOT "${slot}" LOGICAL 0/0 (proto_version '1', publication_names ${literal(`"${publication.replaceAll('"', '""')}"`)})`

/** Our own connection may have broken without the server's notice: it would hold the slot until it times out. */
export const endLeftSender = (slot: string, processId: number): string =>
  `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = ${literal(slot)} and active_pid = ${processId}`

export interface SlotState {
  readonly lagBytes: number
  readonly lost: boolean
}

/** How far the slot is behind; undefined when it is gone. */
export async function slotState(executor: Executor, name: string): Promise<SlotState | undefined> {
  const [result] = await executor.run({
    statements: [
      {
        text: `select pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), wal_status from pg_replication_slots where slot_name = $1`,
        values: [name],
      },
    ],
  })
  const row = result?.rows[0]
  return row === undefined ? undefined : { lagBytes: Number(row[0]), lost: String(row[1]) === 'lost' }
}

/** Drops the slots of instances that have died: nobody holds their lock, nobody reads them. */
export async function dropAbandoned(executor: Executor, names: readonly string[]): Promise<readonly string[]> {
  const [result] = await executor.run({
    statements: [
      {
        text: `select slot_name, pg_drop_replication_slot(slot_name) from (
                 select slot_name from pg_replication_slots
                  where slot_name = any ($1::name[]) and not active and database = current_database()
                    and pg_try_advisory_xact_lock(${lockKey('slot_name::text')}) offset 0) as free`,
        values: [`{${names.join(',')}}`],
      },
    ],
  })
  return result!.rows.map((row) => String(row[0]))
}

/** Ends a connection whose other end nobody holds any more: the server would finish what was asked on it. True when it is gone. */
export async function endSender(executor: Executor, processId: number): Promise<boolean> {
  const [result] = await executor.run({
    statements: [
      {
        text: `select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and backend_type = 'walsender'`,
        values: [String(processId)],
      },
    ],
  })
  return result!.rows.length === 0
}

/** Those of the names whose slots exist and are read by nobody. */
export async function idleSlots(executor: Executor, names: readonly string[]): Promise<ReadonlySet<string>> {
  const [result] = await executor.run({
    statements: [
      {
        text: 'select slot_name from pg_replication_slots where slot_name = any ($1::name[]) and not active and database = current_database()',
        values: [`{${names.join(',')}}`],
      },
    ],
  })
  return new Set(result!.rows.map((row) => String(row[0])))
}

/** Drops a slot whose reader has gone or is about to: ends what still reads it if that is `processId`. True when it is gone. */
export async function dropSlot(executor: Executor, name: string, processId: number): Promise<boolean> {
  const [result] = await executor.run({
    statements: [
      {
        text: `select case when active then pg_terminate_backend(active_pid) and false else pg_drop_replication_slot(slot_name) is not null end
                 from pg_replication_slots where slot_name = $1 and (not active or active_pid = $2)`,
        values: [name, String(processId)],
      },
    ],
  })
  return result!.rows.length === 0 || String(result!.rows[0]![0]) === 't'
}

export const lsnOf = (text: Buffer | null | undefined): bigint => parseLsn(String(text))
