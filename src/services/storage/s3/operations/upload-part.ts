// UploadPart: counted before it comes, so that no sum of parts passes the limit; given back where it does not come.
import { errors } from '../../errors.ts'
import { sizeLimit } from '../../objects/limits.ts'
import { tryUpload } from '../../objects/upload.ts'
import type { Exchange, Operation } from '../exchange.ts'
import { partNumberOf, storePart } from '../multipart/store-part.ts'
import { findUpload, requestOf, versionOfUpload } from '../multipart/uploads.ts'

export const uploadPart: Operation = {
  name: 'storage.s3.upload.part',
  async run(exchange: Exchange) {
    const { ctx, call, bucket: bucketId, key, query, payload, payloadRules, signal } = exchange
    const { size } = payloadRules
    const number = partNumberOf(query)
    if (size === undefined) throw errors.missingContentLength()
    const { upload, bucket } = await findUpload(ctx, call, { uploadId: query.get('uploadId') ?? '', bucket: bucketId, key })
    await tryUpload(ctx, call, requestOf(upload))
    const limit = sizeLimit(ctx.config, bucket, key, 's3')
    const part = await storePart(ctx, call, upload, { number, size, limit }, async () => {
      const body = payload()
      try {
        return await ctx.backend.multipart.part(versionOfUpload(upload), upload.id, number, body, { maxSize: size, size }, signal)
      } finally {
        body.destroy()
      }
    })
    return { status: 200, headers: { etag: part.etag, 'access-control-expose-headers': 'etag' } }
  },
}
