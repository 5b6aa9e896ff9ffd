// A bucket as the database has it, and the lookups that every operation begins with.
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { rows } from '../database/sql.ts'
import { errors } from '../errors.ts'

export interface BucketRow {
  readonly id: string
  readonly name: string
  readonly owner: string | null
  readonly public: boolean
  readonly file_size_limit: number | null
  readonly allowed_mime_types: readonly string[] | null
  readonly created_at: string
  readonly updated_at: string
  readonly type: string
}

export const BUCKET_COLUMNS = 'id, name, owner, public, file_size_limit, allowed_mime_types, created_at, updated_at, type::text as type'

const FIND = `select ${BUCKET_COLUMNS} from storage.buckets where id = $1`

/** What limits an upload: asked of no policy. Throws NoSuchBucket. */
export async function bucketForService({ database }: StorageContext, call: Call, id: string): Promise<BucketRow> {
  const [bucket] = await database.rowsAsService<BucketRow>(call, rows(FIND, [id]))
  if (bucket === undefined) throw errors.noSuchBucket(id)
  return bucket
}

/** As the caller may see it. Throws NoSuchBucket, also for one that a policy hides. */
export async function bucketAs({ database }: StorageContext, call: Call, id: string): Promise<BucketRow> {
  const [bucket] = await database.rowsAs<BucketRow>(call, rows(FIND, [id]))
  if (bucket === undefined) throw errors.noSuchBucket(id)
  return bucket
}
