// ListObjects and ListObjectsV2: the same page, told in two ways.
import { bucketForService } from '../../buckets/bucket.ts'
import type { Exchange, Operation } from '../exchange.ts'
import { contentsOf } from '../list-entry.ts'
import { listPage } from '../listing.ts'
import { continuationToken, encodingOf, pageSize, readContinuationToken } from '../parameters.ts'
import type { XmlTree } from '../xml/write.ts'

const NAME = 'storage.s3.object.list'

export const listObjectsV2: Operation = {
  name: NAME,
  async run(exchange) {
    const { query } = exchange
    const token = query.get('continuation-token') || undefined
    const startAfter = query.get('start-after')
    const { tree, last } = await page(exchange, token === undefined ? (startAfter ?? '') : readContinuationToken(token))
    const { encode } = encodingOf(query)
    return {
      status: 200,
      tree: {
        ListBucketResult: {
          ...tree,
          KeyCount: tree.Contents.length + tree.CommonPrefixes.length,
          ContinuationToken: token,
          StartAfter: startAfter && encode(startAfter),
          NextContinuationToken: last === undefined ? undefined : continuationToken(last),
        },
      },
    }
  },
}

export const listObjects: Operation = {
  name: NAME,
  async run(exchange) {
    const { query } = exchange
    const marker = query.get('marker') ?? ''
    const { tree, last } = await page(exchange, marker)
    const { encode } = encodingOf(query)
    // Without a delimiter the last key is the next marker, and S3 does not repeat it.
    const next = last !== undefined && query.get('delimiter') ? encode(last) : undefined
    return { status: 200, tree: { ListBucketResult: { ...tree, Marker: encode(marker), NextMarker: next } } }
  },
}

async function page({ ctx, call, bucket, query }: Exchange, after: string): Promise<{ tree: Listed; last: string | undefined }> {
  const limit = pageSize(query, 'max-keys')
  const { type, encode } = encodingOf(query)
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  await bucketForService(ctx, call, bucket)
  const { entries, truncated } = await listPage(ctx, call, { bucket, prefix, delimiter, after, limit })
  return {
    tree: {
      Name: bucket,
      Prefix: encode(prefix),
      Delimiter: delimiter === '' ? undefined : encode(delimiter),
      MaxKeys: limit,
      EncodingType: type,
      IsTruncated: truncated,
      Contents: entries.filter(({ folder }) => !folder).map((entry) => contentsOf(entry, encode)),
      CommonPrefixes: entries.filter(({ folder }) => folder).map(({ name }) => ({ Prefix: encode(name) })),
    },
    last: truncated ? entries.at(-1)?.name : undefined,
  }
}

interface Listed extends XmlTree {
  readonly Contents: readonly XmlTree[]
  readonly CommonPrefixes: readonly XmlTree[]
}
