// `s3://bucket/key`: objects of an S3 server, by the AWS SDK, which is loaded with the first of them.
import type { Readable } from 'node:stream'
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3'
import type { WorkerSettings } from '../settings.ts'
import { drop, type Fetched, gather, tooLarge, unreachable, type Wanted } from './source.ts'

export class S3Sources {
  readonly #settings: WorkerSettings
  #client: Promise<S3Client> | undefined

  constructor(settings: WorkerSettings) {
    this.#settings = settings
  }

  async read(url: string, wanted: Wanted): Promise<Fetched> {
    const { maxBytes, downloadTimeoutMs } = this.#settings
    const [, Bucket = '', Key = ''] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(url) ?? []
    if (Key === '') throw unreachable('an S3 source names a bucket and a key')
    const { GetObjectCommand } = await import('@aws-sdk/client-s3')
    this.#client ??= this.#connect()
    const command = new GetObjectCommand({
      Bucket,
      Key,
      ...(wanted.etag !== undefined && { IfNoneMatch: wanted.etag }),
      ...(wanted.modifiedSince !== undefined && { IfModifiedSince: new Date(wanted.modifiedSince) }),
    })
    let answer: GetObjectCommandOutput
    try {
      answer = await (await this.#client).send(command, { abortSignal: AbortSignal.timeout(downloadTimeoutMs) })
    } catch (error) {
      const { $metadata } = error as { $metadata?: { httpStatusCode?: number } }
      if ($metadata?.httpStatusCode === 304) return { unchanged: { etag: wanted.etag } }
      throw unreachable(`the S3 server refused: ${(error as Error).name}`, error)
    }
    const body = answer.Body as Readable
    // Not every server knows the condition.
    if (wanted.etag !== undefined && answer.ETag === wanted.etag) {
      drop(body)
      return { unchanged: { etag: wanted.etag } }
    }
    if ((answer.ContentLength ?? 0) > maxBytes) {
      drop(body)
      throw tooLarge(maxBytes)
    }
    return {
      source: {
        bytes: await gather(body, maxBytes),
        etag: answer.ETag,
        lastModified: answer.LastModified?.toUTCString(),
        cacheControl: answer.CacheControl,
        expires: answer.ExpiresString,
      },
    }
  }

  async #connect(): Promise<S3Client> {
    const { S3Client } = await import('@aws-sdk/client-s3')
    const { region, endpoint, credentials } = this.#settings.s3!
    return new S3Client({
      region,
      // Servers of one's own have no name for each bucket.
      ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
      ...(credentials !== undefined && { credentials: { ...credentials } }),
      maxAttempts: 2,
    })
  }
}
