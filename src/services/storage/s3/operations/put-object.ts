// PutObject: always takes the place of what was there, unless the client says that nothing may be there.

import { preconditionFailed } from '../../backend/conditions.ts'
import { bucketForService } from '../../buckets/bucket.ts'
import { errors, StorageError } from '../../errors.ts'
import { checkMimeType, PLACEHOLDER, sizeLimit } from '../../objects/limits.ts'
import { upload } from '../../objects/upload.ts'
import type { Operation } from '../exchange.ts'
import { userMetadataOf } from '../user-metadata.ts'

export const putObject: Operation = {
  name: 'storage.s3.upload',
  async run({ ctx, call, bucket: bucketId, key, headers, payload, payloadRules, signal }) {
    const { size } = payloadRules
    const name = key.endsWith('/') && size === 0 ? key + PLACEHOLDER : key
    const bucket = await bucketForService(ctx, call, bucketId)
    const mimetype = headers['content-type'] ?? 'application/octet-stream'
    checkMimeType(bucket, name, mimetype)
    const maxSize = sizeLimit(ctx.config, bucket, name, 'standard')
    if (size !== undefined && size > maxSize) throw errors.entityTooLarge()
    const onlyNew = headers['if-none-match'] === '*'
    const body = payload()
    try {
      const { row } = await upload(
        ctx,
        call,
        {
          bucket: bucketId,
          name,
          upsert: !onlyNew,
          mimetype,
          contentLength: size,
          size,
          contentType: mimetype,
          cacheControl: headers['cache-control'] ?? 'no-cache',
          userMetadata: userMetadataOf(headers),
          maxSize,
          body,
          uploadType: 's3',
        },
        signal,
      )
      return { status: 200, headers: { etag: row.metadata?.eTag } }
    } catch (error) {
      throw onlyNew && error instanceof StorageError && error.code === 'KeyAlreadyExists' ? preconditionFailed(error) : error
    } finally {
      body.destroy()
    }
  },
}
