// ListMultipartUploads: those under way, as the caller may see them. Keys that share what stands before the delimiter are one entry.
import { bucketForService } from '../../buckets/bucket.ts'
import { type Query, rows } from '../../database/sql.ts'
import { errors } from '../../errors.ts'
import { iso } from '../../objects/object.ts'
import type { Operation } from '../exchange.ts'
import { encodingOf, numberParameter } from '../parameters.ts'

interface Found {
  readonly name: string
  /** Null of a common prefix. */
  readonly id: string | null
  readonly created_at: string | null
}

const MAX_UPLOADS = 1_000

export const listMultipartUploads: Operation = {
  name: 'storage.s3.upload.list_multipart',
  async run({ ctx, call, bucket, query }) {
    const limit = numberParameter(query, 'max-uploads') ?? MAX_UPLOADS
    if (limit < 1 || limit > MAX_UPLOADS) throw errors.invalidParameter('MaxUploads')
    const { type, encode } = encodingOf(query)
    const prefix = query.get('prefix') ?? ''
    const delimiter = query.get('delimiter') ?? ''
    const keyMarker = query.get('key-marker') ?? ''
    const idMarker = keyMarker === '' ? '' : (query.get('upload-id-marker') ?? '')
    if ([prefix, delimiter, keyMarker, idMarker].some((text) => text.includes('\0'))) throw errors.invalidParameter('prefix')
    await bucketForService(ctx, call, bucket)
    const found = await ctx.database.rowsAs<Found>(call, uploads({ bucket, prefix, delimiter, keyMarker, idMarker, limit }))
    const shown = found.slice(0, limit)
    const last = found.length > limit ? shown.at(-1) : undefined
    return {
      status: 200,
      tree: {
        ListMultipartUploadsResult: {
          Bucket: bucket,
          KeyMarker: encode(keyMarker),
          UploadIdMarker: idMarker,
          NextKeyMarker: last && encode(last.name),
          NextUploadIdMarker: last?.id ?? undefined,
          Delimiter: delimiter === '' ? undefined : encode(delimiter),
          Prefix: encode(prefix),
          EncodingType: type,
          MaxUploads: limit,
          IsTruncated: last !== undefined,
          Upload: shown.flatMap(({ name, id, created_at }) =>
            id === null
              ? []
              : [
                  {
                    Key: encode(name),
                    UploadId: id,
                    Initiated: created_at === null ? undefined : iso(created_at),
                    StorageClass: 'STANDARD',
                  },
                ],
          ),
          CommonPrefixes: shown.flatMap(({ name, id }) => (id === null ? [{ Prefix: encode(name) }] : [])),
        },
      },
    }
  },
}

interface Page {
  readonly bucket: string
  readonly prefix: string
  readonly delimiter: string
  readonly keyMarker: string
  readonly idMarker: string
  readonly limit: number
}

/** By key, then by age. A marker whose upload has ended meanwhile shows the others of its key once more rather than never. */
const uploads = ({ bucket, prefix, delimiter, keyMarker, idMarker, limit }: Page): Query =>
  rows(
    `with pending as (
       select u.key, u.id, u.created_at,
              case when $3 <> '' then left(u.key, char_length($2) + nullif(position($3 in substr(u.key, char_length($2) + 1)), 0) - 1 + char_length($3)) end as folder
         from storage.s3_multipart_uploads u where u.bucket_id = $1 and starts_with(u.key, $2)
     ), entry as (
       select key as name, id, created_at from pending where folder is null
       union all
       select distinct folder, null, null::timestamptz from pending where folder is not null
     )
     select name, id, created_at from entry
      where $4 = '' or name collate "C" > $4
         or (name = $4 and $5 <> '' and (created_at, id) > (coalesce((select m.created_at from storage.s3_multipart_uploads m where m.id = $5), '-infinity'), $5))
      order by name collate "C", created_at, id limit $6::integer`,
    [bucket, prefix, delimiter, keyMarker, idMarker, limit + 1],
  )
