// DeleteObject: what is not there counts as deleted, as long as its bucket is.
import { bucketForService } from '../../buckets/bucket.ts'
import { StorageError } from '../../errors.ts'
import { removeOne } from '../../objects/remove.ts'
import type { Operation } from '../exchange.ts'

export const deleteObject: Operation = {
  name: 'storage.s3.object.delete',
  async run({ ctx, call, bucket, key }) {
    try {
      await removeOne(ctx, call, bucket, key)
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== 'NoSuchKey') throw error
      await bucketForService(ctx, call, bucket)
    }
    return { status: 204 }
  },
}
