// A commit is in the log a moment before others can see it: what is asked about a row has to wait for that.
import type { Executor } from '../../../pg/executor.ts'
import type { Row } from './row.ts'

/** A commit that nobody sees after so many looks never comes: the server has lost it. */
const UNSEEN_TRIES = 2_000
const LONGEST_WAIT_MS = 20

/** Whether the answer that came with this snapshot knows of all the rows; otherwise it is to be asked again, after a while. */
export async function sees(snapshot: string, rows: readonly Row[], attempt: number, signal: AbortSignal): Promise<boolean> {
  if (attempt >= UNSEEN_TRIES || signal.aborted) return true
  let last: number | undefined
  const unseen = rows.some(({ transaction: { xid } }) => {
    if (xid === last) return false
    last = xid
    return runsIn(snapshot, xid)
  })
  if (unseen) await new Promise((resolve) => setTimeout(resolve, Math.min(attempt, LONGEST_WAIT_MS)))
  return !unseen
}

export async function untilSeen(rows: readonly Row[], executor: Executor, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const [result] = await executor.run({ statements: [{ text: 'select pg_current_snapshot()::text' }] })
    if (await sees(String(result!.rows[0]![0]), rows, attempt, signal)) return
  }
}

/** Whether a transaction (the low half of its number) has not ended for a snapshot `xmin:xmax:running,...`. */
export function runsIn(snapshot: string, xid: number): boolean {
  const [, xmax, running] = snapshot.split(':')
  const low = (text: string): number => Number(BigInt.asUintN(32, BigInt(text)))
  if (((xid - low(xmax!)) | 0) >= 0) return true
  return running !== undefined && running !== '' && running.split(',').some((other) => low(other) === xid >>> 0)
}
