// Resumable uploads that nobody has added to within their time: their bytes go, then their row. Those that are complete are only forgotten.
import type { Backend, ObjectVersion } from '../backend/backend.ts'
import { withConnection } from '../housekeeping/connection.ts'
import type { Chore } from '../housekeeping/housekeeping.ts'
import { lockKey } from '../objects/names.ts'
import { idOf } from './upload-id.ts'

export interface ExpiryOptions {
  readonly url: string
  readonly backend: Backend
  readonly expiryMs: number
  readonly versionSeparator: boolean
}

const BATCH = 100

export const uploadExpiry = ({ url, backend, expiryMs, versionSeparator }: ExpiryOptions): Chore => ({
  name: 'expired uploads',
  run: (signal) =>
    withConnection(url, async (client) => {
      const { rows } = await client.query<ObjectVersion>(
        `select bucket_id as bucket, name, version from plinth_storage.resumable_uploads
          where touched_at < now() - make_interval(secs => $1) order by touched_at limit $2`,
        [expiryMs / 1_000, BATCH],
      )
      let removed = 0
      for (const upload of rows) {
        if (signal.aborted) break
        const key = lockKey(idOf(upload, versionSeparator))
        // Somebody is at work on it, however slowly.
        const { rows: locked } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1::bigint) as held', [key])
        if (!locked[0]!.held) continue
        try {
          const named = [upload.version, upload.bucket, upload.name]
          // Somebody may have gone on with it before the lock was ours.
          const { rows: expired } = await client.query<{ upload_id: string; state: string }>(
            `select upload_id, state from plinth_storage.resumable_uploads
              where version = $1 and bucket_id = $2 and name = $3 and touched_at < now() - make_interval(secs => $4)`,
            [...named, expiryMs / 1_000],
          )
          const [found] = expired
          if (found === undefined) continue
          if (found.state !== 'done') await backend.multipart.abort(upload, found.upload_id)
          await client.query('delete from plinth_storage.resumable_uploads where version = $1 and bucket_id = $2 and name = $3', named)
          removed++
        } finally {
          await client.query('select pg_advisory_unlock($1::bigint)', [key])
        }
      }
      return removed
    }),
})
