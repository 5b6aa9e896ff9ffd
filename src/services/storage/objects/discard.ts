// Bytes that no row speaks of any more are removed, and then the note of them.
import type { ObjectVersion } from '../backend/backend.ts'
import type { StorageContext } from '../context.ts'
import { forget } from '../database/intents.ts'
import { run } from '../database/sql.ts'

/** Never rejects: the note of what could not be removed stays, and housekeeping tries again. */
export async function discard({ backend, database, log }: StorageContext, many: readonly ObjectVersion[]): Promise<void> {
  if (many.length === 0) return
  try {
    await backend.remove(many)
    // A note that survives a crash of the server is settled again, at the cost of a look: no need to wait for the disk.
    await database.transaction([run('set local synchronous_commit = off'), forget(many)], { waits: true })
  } catch (error) {
    log.warn({ err: error, versions: many.length }, 'bytes without a row are left for housekeeping')
  }
}
