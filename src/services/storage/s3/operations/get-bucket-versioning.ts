// GetBucketVersioning: objects have one version, so it is suspended.
import { bucketAs } from '../../buckets/bucket.ts'
import type { Operation } from '../exchange.ts'

export const getBucketVersioning: Operation = {
  name: 'storage.s3.bucket.get_versioning',
  async run({ ctx, call, bucket }) {
    await bucketAs(ctx, call, bucket)
    return { status: 200, tree: { VersioningConfiguration: { Status: 'Suspended', MfaDelete: 'Disabled' } } }
  },
}
