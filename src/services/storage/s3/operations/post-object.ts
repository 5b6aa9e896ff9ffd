// POST Object: what a browser's form uploads under a signed policy.
import { PassThrough } from 'node:stream'
import { bucketForService } from '../../buckets/bucket.ts'
import { errors, StorageError } from '../../errors.ts'
import { checkMimeType, sizeLimit } from '../../objects/limits.ts'
import { upload } from '../../objects/upload.ts'
import type { Operation } from '../exchange.ts'
import { refusals } from '../refusals.ts'
import { userMetadataOf } from '../user-metadata.ts'

export const postObject: Operation = {
  name: 'storage.s3.upload',
  async run({ ctx, call, bucket: bucketId, form, signal }) {
    // A signed request with a form as its body: S3 knows the signature in the form alone.
    if (form === undefined) throw refusals.accessDenied('Missing signature')
    const { fields, file, fileName, minSize, maxSize } = form
    const key = fields.get('key')
    if (!key) throw errors.missingParameter('Key')
    const name = key.replaceAll('${filename}', fileName)
    const bucket = await bucketForService(ctx, call, bucketId)
    const mimetype = fields.get('content-type') ?? 'application/octet-stream'
    checkMimeType(bucket, name, mimetype)
    let size = 0
    const body = new PassThrough()
    const fail = (error: Error) => body.destroy(error)
    file.on('data', (piece: Buffer) => {
      size += piece.length
    })
    if (file.errored) fail(file.errored)
    file.once('error', fail).pipe(body)
    try {
      const { row } = await upload(
        ctx,
        call,
        {
          bucket: bucketId,
          name,
          upsert: true,
          mimetype,
          contentType: mimetype,
          cacheControl: fields.get('cache-control') ?? 'no-cache',
          userMetadata: userMetadataOf(fields),
          maxSize: Math.min(maxSize, sizeLimit(ctx.config, bucket, name, 'standard')),
          body,
          uploadType: 's3',
          check: () => {
            if (size < minSize) throw tooSmall()
          },
        },
        signal,
      )
      return answerFor(fields.get('success_action_status'), { Bucket: bucketId, Key: name, ETag: row.metadata?.eTag })
    } finally {
      body.destroy()
    }
  },
}

const tooSmall = () =>
  new StorageError({
    code: 'EntityTooSmall',
    status: 400,
    message: 'Your proposed upload is smaller than the minimum allowed object size.',
  })

interface Made {
  readonly Bucket: string
  readonly Key: string
  readonly ETag: string | undefined
}

function answerFor(status: string | undefined, made: Made) {
  const headers = { etag: made.ETag }
  if (status === '201') return { status: 201, headers, tree: { PostResponse: { Location: `${made.Bucket}/${made.Key}`, ...made } } }
  return { status: status === '204' ? 204 : 200, headers }
}
