// CreateMultipartUpload: the caller must be able to make or replace the object.
import { randomUUID } from 'node:crypto'
import { bucketForService } from '../../buckets/bucket.ts'
import { checkMimeType } from '../../objects/limits.ts'
import { tryUpload } from '../../objects/upload.ts'
import type { Operation } from '../exchange.ts'
import { insertUpload } from '../multipart/uploads.ts'
import { userMetadataOf } from '../user-metadata.ts'

export const createMultipartUpload: Operation = {
  name: 'storage.s3.upload.create_multipart',
  async run({ ctx, call, bucket: bucketId, key, headers }) {
    const bucket = await bucketForService(ctx, call, bucketId)
    const mimetype = headers['content-type'] ?? 'application/octet-stream'
    checkMimeType(bucket, key, mimetype)
    const userMetadata = userMetadataOf(headers)
    await tryUpload(ctx, call, { bucket: bucketId, name: key, upsert: true, mimetype, userMetadata })
    ctx.backend.accept(key)
    const of = { bucket: bucketId, name: key, version: randomUUID() }
    const head = { contentType: mimetype, cacheControl: headers['cache-control'] ?? 'no-cache' }
    const id = await ctx.backend.multipart.create(of, head)
    try {
      await insertUpload(ctx, call, {
        id,
        bucket_id: bucketId,
        key,
        version: of.version,
        user_metadata: userMetadata ?? null,
        metadata: { mimetype },
      })
    } catch (error) {
      await ctx.backend.multipart.abort(of, id).catch((left: unknown) => ctx.log.warn({ err: left }, 'an upload without a row is left'))
      throw error
    }
    return { status: 200, tree: { InitiateMultipartUploadResult: { Bucket: bucketId, Key: key, UploadId: id } } }
  },
}
