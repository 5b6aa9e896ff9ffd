// Objects in a bucket of an S3 server (AWS, MinIO, ...), under upstream's keys, by the AWS SDK.
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Readable } from 'node:stream'
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { errors } from '../../errors.ts'
import type {
  Backend,
  CopyConditions,
  Download,
  Leftovers,
  Multipart,
  ObjectFacts,
  ObjectHead,
  ObjectVersion,
  PutHead,
  StoredVersion,
  Wanted,
} from '../backend.ts'
import { checkConditions } from '../conditions.ts'
import { type Separator, versionOfKey, withVersion } from '../keys.ts'
import { sendBody } from './body.ts'
import { answered } from './s3-errors.ts'
import { factsOf, headOf, removeUpload, s3Multipart, uploadsOf } from './s3-multipart.ts'

export interface S3BackendOptions {
  readonly bucket: string
  readonly tenantId: string
  readonly region: string | undefined
  readonly endpoint: string | undefined
  readonly forcePathStyle: boolean
  /** What imgproxy is told instead of `endpoint`. */
  readonly privateAssetEndpoint: string | undefined
  /** Undefined: the SDK's own chain. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string } | undefined
  readonly maxSockets: number
  /** Of one request; 0 for none. */
  readonly timeoutMs: number
  readonly partSize: number
  /** Parts of one upload under way at once. */
  readonly queueSize: number
  readonly requestChecksum: 'WHEN_SUPPORTED' | 'WHEN_REQUIRED' | undefined
  readonly responseChecksum: 'WHEN_SUPPORTED' | 'WHEN_REQUIRED' | undefined
  readonly versionSeparator?: boolean
}

const MIB = 1_048_576
/** S3's own limits. */
const MIN_PART_BYTES = 5 * MIB
const MAX_PARTS = 10_000
const MAX_KEY_BYTES = 1_024
const MAX_DELETED = 1_000
const MAX_COPY_BYTES = 5_120 * MIB
const ADDRESS_SECONDS = 600
const CONNECT_MS = 5_000

/** The SDK would write to the console what it rejects with anyway. */
const nowhere = () => undefined
const silent = { trace: nowhere, debug: nowhere, info: nowhere, warn: nowhere, error: nowhere }

const resourceOf = (of: ObjectVersion): string => `${of.bucket}/${of.name}`

export class S3Backend implements Backend {
  readonly multipart: Multipart
  readonly leftovers: Leftovers
  readonly #client: S3Client
  /** Signs what imgproxy asks for. */
  readonly #signer: S3Client
  readonly #options: S3BackendOptions
  readonly #separator: Separator

  constructor(options: S3BackendOptions) {
    this.#options = options
    this.#separator = options.versionSeparator ? '-$v-' : '/'
    this.#client = new S3Client(clientConfig(options, options.endpoint))
    this.#signer = options.privateAssetEndpoint ? new S3Client(clientConfig(options, options.privateAssetEndpoint)) : this.#client
    const { bucket, tenantId } = options
    this.multipart = s3Multipart({
      client: this.#client,
      bucket,
      keyOf: (of) => this.#keyOf(of),
      sourceOf: (of) => this.#sourceOf(of),
      head: (of) => this.head(of),
    })
    this.leftovers = {
      // The server shows nothing half-written but uploads in parts.
      sweep: async () => 0,
      uploads: (before) => uploadsOf(this.#client, bucket, `${tenantId}/`, before),
      removeUpload: (upload) => removeUpload(this.#client, bucket, upload),
    }
  }

  accept(name: string): void {
    // What stands around it: tenant, bucket (100) and version.
    if (Buffer.byteLength(name) > MAX_KEY_BYTES - this.#options.tenantId.length - 142) {
      throw errors.invalidKey(name, ' is too long to be stored')
    }
  }

  async put(of: ObjectVersion, body: Readable, head: PutHead, signal?: AbortSignal): Promise<ObjectFacts> {
    const { bucket, partSize, queueSize } = this.#options
    const { contentType, cacheControl } = head
    const largest = head.size ?? head.maxSize
    const sending = sendBody(body, head, signal, (counted) =>
      // Never told to abort: it would leave what is under way to itself. Its body fails, and it clears up behind itself.
      new Upload({
        client: this.#client,
        params: { Bucket: bucket, Key: this.#keyOf(of), Body: counted, ContentType: contentType, CacheControl: cacheControl },
        partSize: Math.max(MIN_PART_BYTES, partSize, Number.isFinite(largest) ? Math.ceil(largest / MAX_PARTS) : 0),
        queueSize,
      }).done(),
    )
    const { result, size } = await answered(sending, resourceOf(of))
    // Upstream found some servers slow to show an empty object.
    if (size === 0) return { contentType, cacheControl, size, etag: result.ETag ?? '', lastModified: new Date() }
    return this.head(of)
  }

  async get(of: ObjectVersion, { range, facts }: Wanted = {}, signal?: AbortSignal): Promise<Download> {
    const command = new GetObjectCommand({
      Bucket: this.#options.bucket,
      Key: this.#keyOf(of),
      ...(range && { Range: `bytes=${range.start}-${range.end}` }),
    })
    const found = await answered(this.#client.send(command, signal && { abortSignal: signal }), resourceOf(of))
    const total = Number(/\/(\d+)$/.exec(found.ContentRange ?? '')?.[1] ?? found.ContentLength ?? 0)
    return { facts: facts?.size === total ? facts : factsOf(found, total), body: found.Body as Readable }
  }

  head(of: ObjectVersion): Promise<ObjectFacts> {
    return headOf(this.#client, this.#options.bucket, this.#keyOf(of), resourceOf(of))
  }

  async copy(
    from: ObjectVersion,
    to: ObjectVersion,
    head: Partial<ObjectHead> = {},
    conditions: CopyConditions = {},
  ): Promise<ObjectFacts> {
    const source = await this.head(from)
    const contentType = head.contentType ?? source.contentType
    const cacheControl = head.cacheControl ?? source.cacheControl
    const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions
    if (source.size > MAX_COPY_BYTES) {
      checkConditions(conditions, source)
      return this.#copyInParts(from, to, source, { contentType, cacheControl })
    }
    const command = new CopyObjectCommand({
      Bucket: this.#options.bucket,
      Key: this.#keyOf(to),
      CopySource: this.#sourceOf(from),
      MetadataDirective: 'REPLACE',
      ContentType: contentType,
      CacheControl: cacheControl,
      ...(ifMatch !== undefined && { CopySourceIfMatch: ifMatch }),
      ...(ifNoneMatch !== undefined && { CopySourceIfNoneMatch: ifNoneMatch }),
      ...(ifModifiedSince && { CopySourceIfModifiedSince: ifModifiedSince }),
      ...(ifUnmodifiedSince && { CopySourceIfUnmodifiedSince: ifUnmodifiedSince }),
    })
    const { CopyObjectResult: copied } = await answered(this.#client.send(command), resourceOf(from))
    return {
      contentType,
      cacheControl,
      size: source.size,
      etag: copied?.ETag ?? source.etag,
      lastModified: copied?.LastModified ?? new Date(),
    }
  }

  async #copyInParts(from: ObjectVersion, to: ObjectVersion, { size }: ObjectFacts, head: ObjectHead): Promise<ObjectFacts> {
    const uploadId = await this.multipart.create(to, head)
    try {
      const step = Math.max(512 * MIB, Math.ceil(size / MAX_PARTS))
      const parts = []
      for (let start = 0, number = 1; start < size; start += step, number++) {
        const { etag } = await this.multipart.partCopy(to, uploadId, number, from, { start, end: Math.min(start + step, size) - 1 })
        parts.push({ number, etag })
      }
      return await this.multipart.complete(to, uploadId, parts)
    } catch (error) {
      await this.multipart.abort(to, uploadId).catch(() => undefined)
      throw error
    }
  }

  async remove(many: readonly ObjectVersion[]): Promise<void> {
    // Resumable uploads of upstream leave their state beside the bytes.
    const keys = many.flatMap((of) => [this.#keyOf(of), `${this.#keyOf(of)}.info`])
    for (let at = 0; at < keys.length; at += MAX_DELETED) {
      const Objects = keys.slice(at, at + MAX_DELETED).map((Key) => ({ Key }))
      const command = new DeleteObjectsCommand({ Bucket: this.#options.bucket, Delete: { Objects, Quiet: true } })
      const { Errors = [] } = await answered(this.#client.send(command), this.#options.bucket)
      const failed = Errors.find(({ Code }) => Code !== 'NoSuchKey')
      if (failed) throw errors.internal(new Error(`${failed.Key}: ${failed.Code} ${failed.Message ?? ''}`))
    }
  }

  addressFor(of: ObjectVersion): Promise<string> {
    const command = new GetObjectCommand({ Bucket: this.#options.bucket, Key: this.#keyOf(of) })
    return getSignedUrl(this.#signer, command, { expiresIn: ADDRESS_SECONDS })
  }

  async *versions(bucket?: string): AsyncGenerator<StoredVersion> {
    const { tenantId } = this.#options
    const prefix = bucket === undefined ? `${tenantId}/` : `${tenantId}/${bucket}/`
    let token: string | undefined
    do {
      const command: ListObjectsV2Command = new ListObjectsV2Command({
        Bucket: this.#options.bucket,
        Prefix: prefix,
        ...(token !== undefined && { ContinuationToken: token }),
      })
      const page = await answered(this.#client.send(command), this.#options.bucket)
      for (const { Key = '', Size = 0, LastModified = new Date(0) } of page.Contents ?? []) {
        const [, in_ = '', ...rest] = Key.slice(tenantId.length).split('/')
        const of = versionOfKey(in_, rest.join('/'), this.#separator)
        if (of) yield { ...of, size: Size, lastModified: LastModified }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  async close(): Promise<void> {
    this.#client.destroy()
    if (this.#signer !== this.#client) this.#signer.destroy()
  }

  #keyOf(of: ObjectVersion): string {
    return `${this.#options.tenantId}/${of.bucket}/${withVersion(of.name, of.version, this.#separator)}`
  }

  #sourceOf(of: ObjectVersion): string {
    return `${this.#options.bucket}/${this.#keyOf(of)}`.split('/').map(encodeURIComponent).join('/')
  }
}

function clientConfig(options: S3BackendOptions, endpoint: string | undefined): S3ClientConfig {
  const { region, forcePathStyle, credentials, maxSockets, timeoutMs, requestChecksum, responseChecksum } = options
  const sockets = { keepAlive: true, maxSockets }
  return {
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && { credentials }),
    ...(requestChecksum && { requestChecksumCalculation: requestChecksum }),
    ...(responseChecksum && { responseChecksumValidation: responseChecksum }),
    forcePathStyle,
    logger: silent,
    requestStreamBufferSize: 32_768,
    requestHandler: new NodeHttpHandler({
      httpAgent: new HttpAgent(sockets),
      httpsAgent: new HttpsAgent(sockets),
      connectionTimeout: CONNECT_MS,
      requestTimeout: timeoutMs,
    }),
  }
}
