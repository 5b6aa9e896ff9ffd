// GetBucketLocation: the region of the server.
import { bucketAs } from '../../buckets/bucket.ts'
import type { Operation } from '../exchange.ts'

export const getBucketLocation: Operation = {
  name: 'storage.s3.bucket.get_location',
  async run({ ctx, call, bucket, region }) {
    await bucketAs(ctx, call, bucket)
    return { status: 200, tree: { LocationConstraint: region } }
  },
}
