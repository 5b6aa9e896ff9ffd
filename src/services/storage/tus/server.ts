// The protocol is @tus/server's; what is storage's own hangs on its hooks: names, rights, limits, locks, errors in upstream's words.
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { Server, type Upload } from '@tus/server'
import { type BucketRow, bucketForService } from '../buckets/bucket.ts'
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { errors, StorageError } from '../errors.ts'
import { checkMimeType, sizeLimit } from '../objects/limits.ts'
import { pathOf } from '../objects/names.ts'
import { tryUpload } from '../objects/upload.ts'
import { openUpload } from '../sign/signed-url.ts'
import { locationOf } from './location.ts'
import { UploadLocks } from './locks.ts'
import { type TusMetadata, uploadRequestOf, withCacheControl } from './metadata.ts'
import { findUpload } from './state.ts'
import { ResumableStore, type Worker } from './store.ts'
import { decodeId, idOf, mustBeNames, readId } from './upload-id.ts'

/** One request on its way through the hooks. */
interface Exchange {
  call: Call
  readonly signed: boolean
  readonly signature: string | undefined
  upsert: boolean
  owner: string | undefined
  /** The signature has been looked at. */
  verified: boolean
  /** Of the request that creates. */
  metadata: TusMetadata | undefined
  bucket: BucketRow | undefined
  readonly method: string
  readonly headers: IncomingHttpHeaders
}

export interface TusRequest {
  readonly call: Call
  readonly signed: boolean
}

export interface TusServer {
  handle(req: IncomingMessage, res: ServerResponse, request: TusRequest): Promise<void>
  close(): Promise<void>
}

/** How long a request that holds a lock may go on when another one asks for it. */
const DRAIN_MS = 1_000

export function openTusServer(ctx: StorageContext): TusServer {
  const { config, env } = ctx
  const exchanges = new AsyncLocalStorage<Exchange>()
  const current = (): Exchange => exchanges.getStore()!
  const locks = new UploadLocks(env.DATABASE_URL, ctx.log)
  const read = (id: string) => readId(id, config.versionSeparator)

  const server = new Server({
    path: env.TUS_URL_PATH,
    datastore: new ResumableStore(ctx, (): Worker => {
      const { call, upsert, owner, signed } = current()
      return { call, upsert, owner, signed }
    }),
    locker: { newLock: (id) => locks.newLock(id) },
    lockDrainTimeout: DRAIN_MS,
    disableTerminationForFinishedUploads: true,
    respectForwardedHeaders: true,
    allowedHeaders: ['Authorization', 'X-Upsert', 'Upload-Expires', 'ApiKey', 'x-signature'],
    namingFunction(_request, metadata) {
      if (!metadata) throw text(400, 'Metadata header is required')
      const of = { bucket: metadata['bucketName'] ?? '', name: metadata['objectName'] ?? '', version: randomUUID() }
      mustBeNames(of.bucket, of.name)
      current().metadata = metadata
      return idOf(of, config.versionSeparator)
    },
    getFileIdFromRequest: (_request, segment) =>
      segment === undefined ? undefined : idOf(decodeId(segment, config.versionSeparator), config.versionSeparator),
    async maxSize(_request, id) {
      if (id === null) return config.uploads.limit
      const of = read(id)
      await verify(id)
      const exchange = current()
      exchange.bucket = await bucketForService(ctx, exchange.call, of.bucket)
      const limit = sizeLimit(config, exchange.bucket, of.name, 'resumable')
      // The library takes 0 for no limit at all.
      const announced = exchange.headers['upload-length']
      if (limit === 0 && !(exchange.method === 'POST' && Number(announced ?? 1) === 0)) throw text(413, 'Maximum size exceeded\n')
      return limit
    },
    async onIncomingRequest(_request, id) {
      const exchange = current()
      await verify(id)
      if (exchange.method === 'HEAD') return
      const of = read(id)
      const stored = exchange.metadata === undefined ? await findUpload(ctx.database, of) : undefined
      const announced = exchange.headers['upload-length']
      const length = typeof announced === 'string' && /^\d{1,15}$/.test(announced) ? Number(announced) : undefined
      const request = uploadRequestOf(of, exchange.metadata ?? stored?.metadata ?? {}, stored?.length ?? length, exchange.upsert)
      await tryUpload(ctx, exchange.call, exchange.signed ? { ...request, owner: exchange.owner } : request)
    },
    async onUploadCreate(_request, upload) {
      const { name } = read(upload.id)
      const metadata = withCacheControl(upload.metadata ?? {})
      const { bucket } = current()
      if (metadata['contentType'] && bucket) checkMimeType(bucket, name, metadata['contentType'])
      return { metadata }
    },
    // The store has completed it, under its lock.
    onUploadFinish: async () => ({ headers: { 'Tus-Complete': '1' } }),
    generateUrl: (_request, { proto, host, path, id }) => {
      const { headers, signed } = current()
      return locationOf({ proto, host, path, id, signed, headers }, config)
    },
    onResponseError: (_request, error) => told(error),
  })

  /** Whoever holds a signed token needs no other right, and acts as the service for the one object that it names. */
  async function verify(id: string): Promise<void> {
    const exchange = current()
    if (!exchange.signed || exchange.verified) return
    if (exchange.signature === undefined) throw errors.invalidSignature('Missing x-signature header')
    const { bucket, name } = read(id)
    const { owner, upsert } = await openUpload(ctx, exchange.signature, pathOf(bucket, name))
    exchange.owner = owner
    exchange.upsert = upsert
    exchange.verified = true
  }

  function told(error: unknown): { status_code: number; body: string } | undefined {
    if (error instanceof StorageError) {
      if (error.status >= 500 && error.code !== 'LockTimeout') ctx.log.error({ err: error.cause ?? error }, error.message)
      return { status_code: error.status, body: error.message }
    }
    if (!(error instanceof Error)) return undefined
    ctx.log.error({ err: error, request_id: current().call.request.id }, 'a resumable upload failed')
    return { status_code: 500, body: 'Something went wrong with that request\n' }
  }

  return {
    async handle(req, res, { call, signed }) {
      const signature = req.headers['x-signature']
      const exchange: Exchange = {
        call,
        signed,
        signature: typeof signature === 'string' && signature !== '' ? signature : undefined,
        upsert: req.headers['x-upsert'] === 'true',
        owner: undefined,
        verified: false,
        metadata: undefined,
        bucket: undefined,
        method: req.method ?? '',
        headers: req.headers,
      }
      closeAfterRefusal(req, res)
      await exchanges.run(exchange, () => server.handle(req, res))
    },
    close: () => locks.close(),
  }
}

const text = (status_code: number, body: string): { status_code: number; body: string } => ({ status_code, body })

/** A body that nobody reads to its end would be taken for the next request. */
function closeAfterRefusal(req: IncomingMessage, res: ServerResponse): void {
  const writeHead = res.writeHead
  res.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    if (Number(args[0]) >= 400 && !req.complete) this.setHeader('connection', 'close')
    return (writeHead as (...given: unknown[]) => ServerResponse).apply(this, args)
  } as ServerResponse['writeHead']
}

export type { Upload }
