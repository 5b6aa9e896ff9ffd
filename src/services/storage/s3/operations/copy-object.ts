// CopyObject: within the server, with the source's metadata or with what the request says instead.
import { errors } from '../../errors.ts'
import { copy } from '../../objects/copy.ts'
import { copyConditionsOf, copySourceOf } from '../copy-source.ts'
import type { Operation } from '../exchange.ts'
import { userMetadataOf } from '../user-metadata.ts'

export const copyObject: Operation = {
  name: 'storage.s3.object.copy',
  async run({ ctx, call, bucket, key, headers }) {
    const directive = headers['x-amz-metadata-directive'] ?? 'COPY'
    if (directive !== 'COPY' && directive !== 'REPLACE')
      throw errors.invalidShape('Headers, x-amz-metadata-directive must be equal to one of the allowed values')
    const { facts } = await copy(ctx, call, {
      from: copySourceOf(headers),
      to: { bucket, name: key },
      upsert: true,
      copyMetadata: directive === 'COPY',
      metadata: { mimetype: headers['content-type'], cacheControl: headers['cache-control'] },
      userMetadata: userMetadataOf(headers),
      conditions: copyConditionsOf(headers),
      uploadType: 's3',
    })
    return { status: 200, tree: { CopyObjectResult: { ETag: facts.etag, LastModified: facts.lastModified } } }
  },
}
