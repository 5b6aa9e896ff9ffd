// HeadBucket: whether it is there for the caller, and in which region.
import { bucketAs } from '../../buckets/bucket.ts'
import type { Operation } from '../exchange.ts'

export const headBucket: Operation = {
  name: 'storage.s3.bucket.head',
  async run({ ctx, call, bucket, region }) {
    await bucketAs(ctx, call, bucket)
    return { status: 200, headers: { 'x-amz-bucket-region': region } }
  },
}
