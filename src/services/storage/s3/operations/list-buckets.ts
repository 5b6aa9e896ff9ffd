// ListBuckets: those that the caller may see.
import { rows } from '../../database/sql.ts'
import { iso } from '../../objects/object.ts'
import type { Operation } from '../exchange.ts'

export const listBuckets: Operation = {
  name: 'storage.s3.bucket.list',
  async run({ ctx, call }) {
    const buckets = await ctx.database.rowsAs<{ name: string; created_at: string | null }>(
      call,
      rows('select name, created_at from storage.buckets order by name'),
    )
    const Bucket = buckets.map(({ name, created_at }) => ({ Name: name, CreationDate: created_at === null ? undefined : iso(created_at) }))
    return { status: 200, tree: { ListAllMyBucketsResult: { Buckets: { Bucket } } } }
  },
}
