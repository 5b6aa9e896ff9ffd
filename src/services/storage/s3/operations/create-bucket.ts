// CreateBucket: private, unless the client asks for a public one.
import { createBucket as create } from '../../buckets/manage.ts'
import type { Operation } from '../exchange.ts'

export const createBucket: Operation = {
  name: 'storage.s3.bucket.create',
  async run({ ctx, call, bucket, headers }) {
    const open = /^public-read(?:-write)?$/.test(String(headers['x-amz-acl'] ?? ''))
    await create(ctx, call, bucket, bucket, { public: open })
    return { status: 200, headers: { location: `/${bucket}` } }
  },
}
