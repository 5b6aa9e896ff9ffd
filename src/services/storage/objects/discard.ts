// Bytes that no row speaks of are removed, and then the note of them. Never the other way round, and never on a guess: where it is not
// known whether a transaction took effect, the database is asked first.
import type { ObjectVersion } from '../backend/backend.ts'
import type { StorageContext } from '../context.ts'
import { forget } from '../database/intents.ts'
import { rows, run } from '../database/sql.ts'

/** Of versions that are noted as garbage. Never rejects: the note of what could not be removed stays, and housekeeping tries again. */
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

/** Of a version that was to be written: its note becomes one of garbage unless a row speaks of it after all. Never rejects. */
export async function abandon(ctx: StorageContext, of: ObjectVersion): Promise<void> {
  if (!(await tryToAbandon(ctx, of))) ctx.leftovers.add(of)
}

/** False where the database could not be asked. */
export async function tryToAbandon(ctx: StorageContext, of: ObjectVersion): Promise<boolean> {
  try {
    const [noted] = await ctx.database.transaction([
      rows(
        `update plinth_storage.intents set kind = 'remove', created_at = now()
          where version = $3 and bucket_id = $1 and name = $2
            and not exists (select from storage.objects where bucket_id = $1 and name = $2 and version = $3) returning version`,
        [of.bucket, of.name, of.version],
      ),
    ])
    if (noted!.length > 0) await discard(ctx, [of])
    return true
  } catch (error) {
    ctx.log.warn({ err: error }, 'an upload that failed could not be cleared away yet')
    return false
  }
}
