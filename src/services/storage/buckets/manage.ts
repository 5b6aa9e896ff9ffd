// Making, changing, listing, emptying and deleting buckets, as the caller: policies on storage.buckets decide.
import { StatementError } from '../../../pg/executor.ts'
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { likeLiteral, type Param, rows, run } from '../database/sql.ts'
import { errors, StorageError } from '../errors.ts'
import { mustBeValidBucketName } from '../objects/names.ts'
import { removeAll } from '../objects/remove.ts'
import { uuidOrNull } from '../objects/upload.ts'
import { BUCKET_COLUMNS, type BucketRow } from './bucket.ts'

export interface BucketSettings {
  readonly public?: boolean | undefined
  /** Bytes; null: the server's limit alone. */
  readonly fileSizeLimit?: number | null | undefined
  readonly allowedMimeTypes?: readonly string[] | null | undefined
}

const MIME_TYPE = /^[a-zA-Z0-9\-+.]+\/(?:[a-zA-Z0-9\-+.]+|\*)(?:;\s*charset=[a-zA-Z0-9-]+)?$/
const MIME_TYPE_MAX = 1_000

export async function createBucket(ctx: StorageContext, call: Call, id: string, name: string, settings: BucketSettings): Promise<void> {
  mustBeValidBucketName(name)
  if (id !== name) mustBeValidBucketName(id)
  const { limit, types } = checked(ctx, settings)
  const { owner } = call.caller
  const { database } = ctx
  await database
    .transaction([
      database.as(call),
      // Without RETURNING: who may insert need not be one who may read.
      run(
        `insert into storage.buckets (id, name, owner, owner_id, public, file_size_limit, allowed_mime_types)
         values ($1, $2, $3::uuid, $4, $5::boolean, $6::bigint, $7::text[])`,
        [id, name, uuidOrNull(owner), owner ?? null, settings.public ?? false, limit ?? null, types ?? null],
      ),
    ])
    .catch((error: unknown) => {
      throw error instanceof StorageError && error.code === 'ResourceAlreadyExists' ? errors.bucketAlreadyExists(id, error) : error
    })
  await ctx.webhooks.send('Bucket:Created', call, { bucketId: id, name })
}

/** Throws NoSuchBucket, also for one that a policy hides. */
export async function updateBucket(ctx: StorageContext, call: Call, id: string, settings: BucketSettings): Promise<void> {
  const { limit, types } = checked(ctx, settings)
  const values: Param[] = [id]
  const changes: string[] = []
  const set = (column: string, value: Param) => changes.push(`${column} = $${values.push(value)}`)
  if (settings.public !== undefined) set('public', settings.public)
  if (limit !== undefined) set('file_size_limit', limit)
  if (types !== undefined) set('allowed_mime_types', types)
  const found = await ctx.database.rowsAs(
    call,
    rows(`update storage.buckets set ${[...changes, 'updated_at = now()'].join(', ')} where id = $1 returning id`, values),
  )
  if (found.length === 0) throw errors.noSuchBucket(id)
}

export interface BucketList {
  readonly limit?: number | undefined
  readonly offset?: number | undefined
  readonly column?: 'id' | 'name' | 'created_at' | 'updated_at' | undefined
  readonly order?: 'asc' | 'desc' | undefined
  readonly search?: string | undefined
}

export function listBuckets({ database }: StorageContext, call: Call, asked: BucketList): Promise<BucketRow[]> {
  const values: Param[] = []
  const next = (value: Param) => `$${values.push(value)}`
  const parts = [`select ${BUCKET_COLUMNS} from storage.buckets`]
  if (asked.search !== undefined && asked.search !== '')
    parts.push(`where name ilike ${next(`%${likeLiteral(asked.search.replaceAll('\0', ''))}%`)}`)
  if (asked.column !== undefined) parts.push(`order by ${asked.column} ${asked.order ?? 'asc'}`)
  if (asked.limit !== undefined) parts.push(`limit ${next(asked.limit)}::bigint`)
  if (asked.offset !== undefined) parts.push(`offset ${next(asked.offset)}::bigint`)
  return database.rowsAs<BucketRow>(call, rows(parts.join(' '), values))
}

/** Throws NoSuchBucket, ResourceNotEmpty, and ResourceReferenced while an upload in parts has not ended. */
export async function deleteBucket(ctx: StorageContext, call: Call, id: string): Promise<void> {
  const { database } = ctx
  const results = await database
    .transaction(
      [
        database.asService(call),
        rows('select id from storage.buckets where id = $1 for update', [id]),
        rows(
          `select set_config('plinth.full', (exists (select from storage.objects where bucket_id = $1))::text, true) = 'true' as "full"`,
          [id],
        ),
        database.as(call),
        rows(`delete from storage.buckets where id = $1 and current_setting('plinth.full') = 'false' returning id`, [id]),
      ],
      { waits: true },
    )
    .catch((error: unknown) => {
      throw error instanceof StorageError && error.cause instanceof StatementError && error.cause.fields.code === '23503'
        ? errors.bucketHasUploads(error)
        : error
    })
  if (results[1]![0] === undefined) throw errors.noSuchBucket(id)
  if ((results[2]![0] as { full: boolean }).full) throw errors.bucketNotEmpty(id)
  if (results[4]![0] === undefined) throw errors.noSuchBucket(id)
  await ctx.webhooks.send('Bucket:Deleted', call, { bucketId: id, name: id })
}

/** What was there when it was called is gone when it resolves. */
export async function emptyBucket(ctx: StorageContext, call: Call, id: string): Promise<void> {
  const { database, config } = ctx
  const results = await database.transaction([
    database.as(call),
    rows('select id from storage.buckets where id = $1', [id]),
    rows('select count(*) as objects from (select from storage.objects where bucket_id = $1 limit $2::bigint) o', [
      id,
      config.emptyBucketMax + 1,
    ]),
  ])
  if (results[1]![0] === undefined) throw errors.noSuchBucket(id)
  if ((results[2]![0] as { objects: number }).objects > config.emptyBucketMax) throw errors.tooManyToEmpty()
  await removeAll(ctx, call, id)
}

function checked({ config }: StorageContext, { fileSizeLimit, allowedMimeTypes }: BucketSettings) {
  if (typeof fileSizeLimit === 'number' && fileSizeLimit > config.uploads.limit) throw errors.entityTooLarge()
  const types = allowedMimeTypes?.filter((type) => type !== '') ?? allowedMimeTypes
  for (const type of types ?? []) if (type.length > MIME_TYPE_MAX || !MIME_TYPE.test(type)) throw errors.invalidMimeType(type)
  return { limit: fileSizeLimit, types }
}
