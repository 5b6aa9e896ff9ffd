// AbortMultipartUpload: for whoever could have finished it.
import { tryUpload } from '../../objects/upload.ts'
import type { Operation } from '../exchange.ts'
import { deleteUpload, findUpload, requestOf, versionOfUpload } from '../multipart/uploads.ts'

export const abortMultipartUpload: Operation = {
  name: 'storage.s3.upload.abort_multipart',
  async run({ ctx, call, bucket, key, query }) {
    const { upload } = await findUpload(ctx, call, { uploadId: query.get('uploadId') ?? '', bucket, key })
    await tryUpload(ctx, call, requestOf(upload))
    await ctx.backend.multipart.abort(versionOfUpload(upload), upload.id)
    await deleteUpload(ctx, call, upload.id)
    return { status: 200 }
  },
}
