// UploadPartCopy: a part from an object that the caller can read, or from a stretch of it.
import type { ByteRange } from '../../backend/backend.ts'
import { checkConditions } from '../../backend/conditions.ts'
import { errors } from '../../errors.ts'
import { objectAs } from '../../objects/find.ts'
import { sizeLimit } from '../../objects/limits.ts'
import { factsOf, versionOf } from '../../objects/object.ts'
import { tryUpload } from '../../objects/upload.ts'
import { copyConditionsOf, copySourceOf } from '../copy-source.ts'
import type { Operation } from '../exchange.ts'
import { partNumberOf, storePart } from '../multipart/store-part.ts'
import { findUpload, requestOf, versionOfUpload } from '../multipart/uploads.ts'

export const uploadPartCopy: Operation = {
  name: 'storage.s3.upload.part_copy',
  async run({ ctx, call, bucket: bucketId, key, query, headers }) {
    const number = partNumberOf(query)
    const from = copySourceOf(headers)
    const { upload, bucket } = await findUpload(ctx, call, { uploadId: query.get('uploadId') ?? '', bucket: bucketId, key })
    const source = await objectAs(ctx, call, from.bucket, from.name)
    const facts = factsOf(source) ?? (await ctx.backend.head(versionOf(source)))
    checkConditions(copyConditionsOf(headers), facts)
    const range = rangeOfSource(headers['x-amz-copy-source-range'], facts.size)
    const size = range === undefined ? facts.size : range.end - range.start + 1
    await tryUpload(ctx, call, requestOf(upload))
    const limit = sizeLimit(ctx.config, bucket, key, 's3')
    const part = await storePart(ctx, call, upload, { number, size, limit }, () =>
      ctx.backend.multipart.partCopy(versionOfUpload(upload), upload.id, number, versionOf(source), range),
    )
    return { status: 200, tree: { CopyPartResult: { ETag: part.etag, LastModified: part.lastModified } } }
  },
}

/** `bytes=a-b`, both ends in the source. Throws InvalidRange. */
function rangeOfSource(header: string | string[] | undefined, size: number): ByteRange | undefined {
  if (header === undefined) return undefined
  const found = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(String(header))
  const start = Number(found?.[1])
  const end = Number(found?.[2])
  if (found === null || start > end || end >= size) throw errors.invalidCopyRange()
  return { start, end }
}
