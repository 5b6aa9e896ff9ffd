// GetObjectTagging: objects have no tags.
import { objectAs } from '../../objects/find.ts'
import type { Operation } from '../exchange.ts'

export const getObjectTagging: Operation = {
  name: 'storage.s3.object.get_tagging',
  async run({ ctx, call, bucket, key }) {
    await objectAs(ctx, call, bucket, key)
    return { status: 200, tree: { Tagging: { TagSet: {} } } }
  },
}
