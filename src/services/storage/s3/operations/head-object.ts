// HeadObject: what the row says of the object.
import { objectAs } from '../../objects/find.ts'
import { iso } from '../../objects/object.ts'
import type { Operation } from '../exchange.ts'
import { checkPreconditions, isUnchanged } from '../preconditions.ts'
import { metadataHeaders } from '../user-metadata.ts'

export const headObject: Operation = {
  name: 'storage.s3.object.info',
  async run({ ctx, call, bucket, key, headers }) {
    const row = await objectAs(ctx, call, bucket, key)
    checkPreconditions(headers, row)
    const { metadata } = row
    return {
      status: isUnchanged(headers, row) ? 304 : 200,
      headers: {
        'accept-ranges': 'bytes',
        'created-at': iso(row.created_at),
        'cache-control': metadata?.cacheControl,
        'content-length': String(metadata?.size ?? 0),
        'content-type': metadata?.mimetype,
        etag: metadata?.eTag,
        'last-modified': new Date(row.updated_at).toUTCString(),
        ...metadataHeaders(row.user_metadata),
      },
    }
  },
}
