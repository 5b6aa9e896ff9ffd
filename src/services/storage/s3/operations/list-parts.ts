// ListParts: as the caller may see them.

import { iso } from '../../objects/object.ts'
import type { Operation } from '../exchange.ts'
import { findUpload, type PartRow, partsQuery } from '../multipart/uploads.ts'
import { numberParameter, pageSize } from '../parameters.ts'

export const listParts: Operation = {
  name: 'storage.s3.upload.list_parts',
  async run({ ctx, call, bucket, key, query }) {
    const limit = pageSize(query, 'max-parts')
    const after = numberParameter(query, 'part-number-marker')
    const { upload } = await findUpload(ctx, call, { uploadId: query.get('uploadId') ?? '', bucket, key })
    const found = await ctx.database.rowsAs<PartRow>(call, partsQuery(upload.id, after ?? 0, limit + 1))
    const parts = found.slice(0, limit)
    return {
      status: 200,
      tree: {
        ListPartsResult: {
          Bucket: bucket,
          Key: key,
          UploadId: upload.id,
          PartNumberMarker: after,
          NextPartNumberMarker: found.length > limit ? parts.at(-1)?.part_number : undefined,
          MaxParts: limit,
          IsTruncated: found.length > limit,
          Part: parts.map(({ part_number, etag, created_at }) => ({ PartNumber: part_number, LastModified: iso(created_at), ETag: etag })),
        },
      },
    }
  },
}
