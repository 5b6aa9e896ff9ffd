// Which object is meant, and whether the caller may read it: one round trip, whatever the route asks.
import { BUCKET_COLUMNS, type BucketRow } from '../buckets/bucket.ts'
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { rows, run } from '../database/sql.ts'
import { errors } from '../errors.ts'
import { pathOf } from './names.ts'
import { OBJECT_COLUMNS, type ObjectRow } from './object.ts'

const OBJECT = `select ${OBJECT_COLUMNS} from storage.objects where bucket_id = $1 and name = $2`
const BUCKET = `select ${BUCKET_COLUMNS} from storage.buckets where id = $1`
const PUBLIC = `select b.public, o.id, o.name, o.bucket_id, o.version, o.created_at, o.updated_at, o.metadata, o.user_metadata
  from storage.buckets b left join storage.objects o on o.bucket_id = b.id and o.name = $2 where b.id = $1`

const mustBeReadable = (bucket: string, name: string): void => {
  // Postgres knows no such text, so there can be no such row.
  if (bucket.includes('\0') || name.includes('\0')) throw errors.invalidKey(name.replaceAll('\0', '\\0'))
}

/** As the caller may see it. Throws NoSuchKey. */
export async function objectAs({ database }: StorageContext, call: Call, bucket: string, name: string): Promise<ObjectRow> {
  mustBeReadable(bucket, name)
  const [row] = await database.rowsAs<ObjectRow>(call, rows(OBJECT, [bucket, name]))
  if (row === undefined) throw errors.noSuchKey(pathOf(bucket, name))
  return row
}

/** Asked of no policy: for whoever holds a signature. Throws NoSuchKey. */
export async function objectForService({ database }: StorageContext, call: Call, bucket: string, name: string): Promise<ObjectRow> {
  mustBeReadable(bucket, name)
  const [row] = await database.rowsUnchecked<ObjectRow>(call, rows(OBJECT, [bucket, name]))
  if (row === undefined) throw errors.noSuchKey(pathOf(bucket, name))
  return row
}

/** Of a public bucket, for everybody. Throws NoSuchBucket, also for a bucket that is not public, and NoSuchKey. */
export async function publicObject({ database }: StorageContext, call: Call, bucket: string, name: string): Promise<ObjectRow> {
  mustBeReadable(bucket, name)
  const [row] = await database.rowsUnchecked<ObjectRow & { public: boolean }>(call, rows(PUBLIC, [bucket, name]))
  if (!row?.public) throw errors.noSuchBucket(bucket)
  if (row.id === null) throw errors.noSuchKey(pathOf(bucket, name))
  return row
}

/**
 * Of a public bucket without further ado, of another one as the caller may see it; without a caller public buckets are all there are.
 * Throws NoSuchBucket and NoSuchKey.
 */
export async function readableObject(ctx: StorageContext, call: Call, bucket: string, name: string): Promise<ObjectRow> {
  mustBeReadable(bucket, name)
  const { database } = ctx
  const results = await database.transaction([
    database.asService(call),
    rows(`select b.*, set_config('plinth.open', case when b.public then '1' else '' end, true) as open from (${BUCKET}) b`, [bucket]),
    rows(`${OBJECT} and current_setting('plinth.open', true) = '1'`, [bucket, name]),
    database.as(call),
    // A condition without columns is looked at before the table is: of a public bucket no policy is asked.
    rows(`${OBJECT} and current_setting('plinth.open', true) = ''`, [bucket, name]),
    run("select set_config('plinth.open', '', true)"),
  ])
  const found = results[1]?.[0] as BucketRow | undefined
  if (found === undefined) throw errors.noSuchBucket(bucket)
  const row = (found.public ? results[2]?.[0] : results[4]?.[0]) as ObjectRow | undefined
  if (row === undefined) throw errors.noSuchKey(pathOf(bucket, name))
  return row
}
