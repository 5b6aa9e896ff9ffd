// Intents whose instance is gone are settled: bytes that no row speaks of are removed, then the note of them.
import type pg from 'pg'
import type { Backend, ObjectVersion } from '../backend/backend.ts'
import { INSTANCE_LOCK_CLASS } from '../database/instance.ts'
import { abandoned, forget } from '../database/intents.ts'
import { rowsOf } from './connection.ts'

/** Bytes that a living instance was to remove: it has failed, and will not come back to them. */
const REMOVAL_SECONDS = 60
/** Whose notes are locked at once. An upload of them that wants to finish waits for the lock. */
const BATCH = 50

/** Returns how many were settled. Several instances may be at it: none takes what another one holds. */
export async function settleIntents(client: pg.Client, backend: Backend, signal?: AbortSignal): Promise<number> {
  let settled = 0
  for (;;) {
    signal?.throwIfAborted()
    await client.query('begin')
    try {
      const found = await rowsOf<ObjectVersion & { hasRow: boolean }>(client, abandoned(INSTANCE_LOCK_CLASS, REMOVAL_SECONDS, BATCH))
      const garbage = found.filter(({ hasRow }) => !hasRow)
      for (const { version } of garbage) await backend.leftovers.sweep({ version })
      await backend.remove(garbage)
      if (found.length > 0) await rowsOf(client, forget(found))
      await client.query('commit')
      settled += found.length
      if (found.length < BATCH) return settled
    } catch (error) {
      await client.query('rollback').catch(() => undefined)
      throw error
    }
  }
}
