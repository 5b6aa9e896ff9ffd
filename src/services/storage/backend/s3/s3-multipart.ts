// Uploads in parts: the server's own, one to one.
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { errors } from '../../errors.ts'
import type { Multipart, ObjectFacts, ObjectVersion, StoredUpload } from '../backend.ts'
import { sendBody } from './body.ts'
import { answered } from './s3-errors.ts'

export interface Objects {
  readonly client: S3Client
  readonly bucket: string
  keyOf(of: ObjectVersion): string
  sourceOf(of: ObjectVersion): string
  head(of: ObjectVersion): Promise<ObjectFacts>
}

export function s3Multipart({ client, bucket: Bucket, keyOf, sourceOf, head }: Objects): Multipart {
  const upload = (of: ObjectVersion, UploadId: string) => {
    // An empty parameter would make another operation of it, and no server gives out a path.
    if (UploadId === '' || UploadId.includes('..')) throw errors.noSuchUpload(UploadId)
    return { Bucket, Key: keyOf(of), UploadId }
  }
  return {
    async create(of, { contentType, cacheControl }) {
      const sent = client.send(
        new CreateMultipartUploadCommand({ Bucket, Key: keyOf(of), ContentType: contentType, CacheControl: cacheControl }),
      )
      const { UploadId } = await answered(sent, keyOf(of))
      if (!UploadId) throw errors.invalidUploadId()
      return UploadId
    },

    async part(of, uploadId, number, body, limits, signal) {
      const into = upload(of, uploadId)
      if (limits.size === undefined) throw errors.missingContentLength()
      if (limits.size > limits.maxSize) throw errors.entityTooLarge()
      const send = sendBody(body, limits, signal, (counted, abortSignal) =>
        client.send(new UploadPartCommand({ ...into, PartNumber: number, Body: counted, ContentLength: limits.size }), { abortSignal }),
      )
      const { result, size } = await answered(send, uploadId)
      return { etag: result.ETag ?? '', size }
    },

    async partCopy(of, uploadId, number, from, range) {
      const into = upload(of, uploadId)
      const source = await head(from)
      if (range && (range.start > range.end || range.end >= source.size)) throw errors.invalidCopyRange()
      const sent = client.send(
        new UploadPartCopyCommand({
          ...into,
          PartNumber: number,
          CopySource: sourceOf(from),
          ...(range && { CopySourceRange: `bytes=${range.start}-${range.end}` }),
        }),
      )
      const { CopyPartResult } = await answered(sent, uploadId)
      return {
        etag: CopyPartResult?.ETag ?? '',
        size: range ? range.end - range.start + 1 : source.size,
        lastModified: CopyPartResult?.LastModified ?? new Date(),
      }
    },

    async complete(of, uploadId, parts) {
      const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: `"${etag.replaceAll('"', '')}"` }))
      const sent = client.send(new CompleteMultipartUploadCommand({ ...upload(of, uploadId), MultipartUpload: { Parts } }))
      await answered(sent, uploadId)
      return head(of)
    },

    async abort(of, uploadId) {
      await abortUpload(client, upload(of, uploadId))
    },
  }
}

async function abortUpload(client: S3Client, of: { Bucket: string; Key: string; UploadId: string }): Promise<void> {
  try {
    await answered(client.send(new AbortMultipartUploadCommand(of)), of.UploadId)
  } catch (error) {
    if ((error as { code?: string }).code !== 'NoSuchUpload') throw error
  }
}

/** Begun before that moment and never ended. The server does not say when the last part came. */
export async function* uploadsOf(client: S3Client, Bucket: string, prefix: string, before: Date): AsyncGenerator<StoredUpload> {
  let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {}
  while (marker) {
    const page: Awaited<ReturnType<typeof list>> = await list(client, { Bucket, Prefix: prefix, ...marker })
    for (const { UploadId, Key, Initiated } of page.Uploads ?? []) {
      if (UploadId && Key && Initiated && Initiated < before) yield { uploadId: UploadId, key: Key, lastModified: Initiated }
    }
    marker = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined
  }
}

const list = (client: S3Client, input: ConstructorParameters<typeof ListMultipartUploadsCommand>[0]) =>
  answered(client.send(new ListMultipartUploadsCommand(input)), input.Bucket ?? '')

export const removeUpload = (client: S3Client, Bucket: string, { key, uploadId }: StoredUpload): Promise<void> =>
  abortUpload(client, { Bucket, Key: key, UploadId: uploadId })

/** One look at the bytes of a version, as the row will speak of them. */
export async function headOf(client: S3Client, Bucket: string, Key: string, resource: string): Promise<ObjectFacts> {
  const found = await answered(client.send(new HeadObjectCommand({ Bucket, Key })), resource)
  return factsOf(found, found.ContentLength ?? 0)
}

export const factsOf = (
  found: {
    ContentType?: string | undefined
    CacheControl?: string | undefined
    ETag?: string | undefined
    LastModified?: Date | undefined
  },
  size: number,
): ObjectFacts => ({
  contentType: found.ContentType || 'application/octet-stream',
  cacheControl: found.CacheControl || 'no-cache',
  size,
  etag: found.ETag ?? '',
  lastModified: found.LastModified ?? new Date(0),
})
