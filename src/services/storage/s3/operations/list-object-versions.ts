// ListObjectVersions: objects have one version, which S3 calls null where versioning was never on. Clients ask it to empty a bucket.
import { bucketForService } from '../../buckets/bucket.ts'
import type { Operation } from '../exchange.ts'
import { contentsOf } from '../list-entry.ts'
import { listPage } from '../listing.ts'
import { encodingOf, pageSize } from '../parameters.ts'

export const listObjectVersions: Operation = {
  name: 'storage.s3.object.list',
  async run({ ctx, call, bucket, query }) {
    const limit = pageSize(query, 'max-keys')
    const { type, encode } = encodingOf(query)
    const prefix = query.get('prefix') ?? ''
    const delimiter = query.get('delimiter') ?? ''
    const after = query.get('key-marker') ?? ''
    await bucketForService(ctx, call, bucket)
    const { entries, truncated } = await listPage(ctx, call, { bucket, prefix, delimiter, after, limit })
    const last = truncated ? entries.at(-1) : undefined
    return {
      status: 200,
      tree: {
        ListVersionsResult: {
          Name: bucket,
          Prefix: encode(prefix),
          Delimiter: delimiter === '' ? undefined : encode(delimiter),
          KeyMarker: encode(after),
          VersionIdMarker: '',
          NextKeyMarker: last && encode(last.name),
          NextVersionIdMarker: last && (last.folder ? undefined : 'null'),
          MaxKeys: limit,
          EncodingType: type,
          IsTruncated: truncated,
          Version: entries
            .filter(({ folder }) => !folder)
            .map((entry) => ({ ...contentsOf(entry, encode), VersionId: 'null', IsLatest: true })),
          CommonPrefixes: entries.filter(({ folder }) => folder).map(({ name }) => ({ Prefix: encode(name) })),
        },
      },
    }
  },
}
