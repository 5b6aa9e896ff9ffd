// Uploads in parts as the database keeps them. The rows are the service's: what a caller may is tried on the object that is to be.
import type { ObjectVersion } from '../../backend/backend.ts'
import type { BucketRow } from '../../buckets/bucket.ts'
import { BUCKET_COLUMNS } from '../../buckets/bucket.ts'
import type { Call } from '../../caller/caller.ts'
import type { StorageContext } from '../../context.ts'
import { type Query, rows, run } from '../../database/sql.ts'
import { errors } from '../../errors.ts'
import type { UploadRequest } from '../../objects/upload.ts'
import { seal } from './progress.ts'

export interface UploadRow {
  readonly id: string
  readonly bucket_id: string
  readonly key: string
  readonly version: string
  readonly user_metadata: Readonly<Record<string, unknown>> | null
  readonly metadata: { readonly mimetype?: string } | null
}

export interface PartRow {
  readonly part_number: number
  readonly etag: string
  readonly created_at: string
}

const FIND = 'select id, bucket_id, key, version, user_metadata, metadata from storage.s3_multipart_uploads where id = $1'
const FIND_BUCKET = `select ${BUCKET_COLUMNS} from storage.buckets where id = $1`

/** Which upload a request speaks of. */
export interface UploadName {
  readonly uploadId: string
  readonly bucket: string
  readonly key: string
}

/** The upload and its bucket. Throws NoSuchUpload, also for one that was begun for another object. */
export async function findUpload(
  { database }: StorageContext,
  call: Call,
  { uploadId, bucket, key }: UploadName,
): Promise<{ upload: UploadRow; bucket: BucketRow }> {
  if (uploadId.includes('\0') || bucket.includes('\0')) throw errors.noSuchUpload(uploadId)
  const results = await database.transaction([database.asService(call), rows(FIND, [uploadId]), rows(FIND_BUCKET, [bucket])])
  const upload = results[1]?.[0] as UploadRow | undefined
  const found = results[2]?.[0] as BucketRow | undefined
  if (upload === undefined || found === undefined || upload.bucket_id !== bucket || upload.key !== key) throw errors.noSuchUpload(uploadId)
  return { upload, bucket: found }
}

export const versionOfUpload = ({ bucket_id, key, version }: UploadRow): ObjectVersion => ({ bucket: bucket_id, name: key, version })

/** What the right to it is tried with: every request of an upload may replace the object. */
export const requestOf = ({ bucket_id, key, metadata, user_metadata }: UploadRow): UploadRequest => ({
  bucket: bucket_id,
  name: key,
  upsert: true,
  mimetype: metadata?.mimetype,
  userMetadata: user_metadata ?? undefined,
})

export async function insertUpload(ctx: StorageContext, call: Call, upload: UploadRow): Promise<void> {
  const { database, config } = ctx
  await database.transaction([
    database.asService(call),
    run(
      `insert into storage.s3_multipart_uploads (id, bucket_id, key, version, upload_signature, owner_id, user_metadata, metadata)
       values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb)`,
      [
        upload.id,
        upload.bucket_id,
        upload.key,
        upload.version,
        seal(0, config.encryptionKey),
        call.caller.owner ?? null,
        { json: upload.user_metadata },
        { json: upload.metadata },
      ],
    ),
  ])
}

/** Its parts go with it. */
export async function deleteUpload({ database }: StorageContext, call: Call, uploadId: string): Promise<void> {
  await database.transaction([database.asService(call), run('delete from storage.s3_multipart_uploads where id = $1', [uploadId])])
}

/** Notes a part; one of the same number is replaced. Gives the bytes of what was replaced. */
export async function insertPart(
  { database }: StorageContext,
  call: Call,
  upload: UploadRow,
  part: { readonly number: number; readonly etag: string; readonly size: number },
): Promise<number> {
  const results = await database.transaction(
    [
      database.asService(call),
      // In turn: two parts of one number that come at once must not both stay.
      run('select from storage.s3_multipart_uploads where id = $1 for update', [upload.id]),
      rows('delete from storage.s3_multipart_uploads_parts where upload_id = $1 and part_number = $2::integer returning size', [
        upload.id,
        part.number,
      ]),
      run(
        `insert into storage.s3_multipart_uploads_parts (upload_id, version, part_number, etag, key, bucket_id, owner_id, size)
         values ($1, $2, $3::integer, $4, $5, $6, $7, $8::bigint)`,
        [upload.id, upload.version, part.number, part.etag, upload.key, upload.bucket_id, call.caller.owner ?? null, part.size],
      ),
    ],
    { waits: true },
  )
  return (results[2] as { size: number }[]).reduce((sum, { size }) => sum + size, 0)
}

/** In their order, from behind `after` on. */
export const partsQuery = (uploadId: string, after: number, limit: number): Query =>
  rows(
    `select distinct on (part_number) part_number, etag, created_at from storage.s3_multipart_uploads_parts
      where upload_id = $1 and part_number > $2::integer order by part_number, created_at desc limit $3::integer`,
    [uploadId, after, limit],
  )
