// What crashes leave in the backend that no intent speaks of: half-written bytes of old, and uploads in parts that the database does not know.
import type pg from 'pg'
import type { Backend, StoredUpload } from '../backend/backend.ts'

const BATCH = 200

/** Uploads in parts without a row, that nobody has added to since `before`. */
export async function* unknownUploads(client: pg.Client, backend: Backend, before: Date): AsyncGenerator<StoredUpload> {
  let batch: StoredUpload[] = []
  for await (const upload of backend.leftovers.uploads(before)) {
    batch.push(upload)
    if (batch.length === BATCH) {
      yield* await withoutRow(client, batch)
      batch = []
    }
  }
  yield* await withoutRow(client, batch)
}

async function withoutRow(client: pg.Client, uploads: readonly StoredUpload[]): Promise<StoredUpload[]> {
  if (uploads.length === 0) return []
  const ids = uploads.map(({ uploadId }) => uploadId)
  const { rows } = await client.query<{ id: string }>(
    `select id from storage.s3_multipart_uploads where id = any($1)
     union all select upload_id from plinth_storage.resumable_uploads where upload_id = any($1)`,
    [ids],
  )
  const known = new Set(rows.map(({ id }) => id))
  return uploads.filter(({ uploadId }) => !known.has(uploadId))
}

/** Returns how many went. */
export async function sweepLeftovers(client: pg.Client, backend: Backend, before: Date, signal?: AbortSignal): Promise<number> {
  let swept = await backend.leftovers.sweep({ before })
  for await (const upload of unknownUploads(client, backend, before)) {
    signal?.throwIfAborted()
    await backend.leftovers.removeUpload(upload)
    swept++
  }
  return swept
}
