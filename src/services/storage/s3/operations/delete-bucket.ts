// DeleteBucket: an empty one.
import { deleteBucket as remove } from '../../buckets/manage.ts'
import type { Operation } from '../exchange.ts'

export const deleteBucket: Operation = {
  name: 'storage.s3.bucket.delete',
  async run({ ctx, call, bucket }) {
    await remove(ctx, call, bucket)
    return { status: 204 }
  },
}
