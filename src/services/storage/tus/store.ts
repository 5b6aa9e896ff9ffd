// Where the bytes of resumable uploads go: parts of the backend's own uploads in parts, noted in Postgres one by one, so that whoever comes
// after a crash goes on behind the last one. The object has its row before the client is told that the upload is complete.
import { Readable } from 'node:stream'
import { DataStore, ERRORS, Upload } from '@tus/server'
import type { ObjectFacts, ObjectVersion } from '../backend/backend.ts'
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { forget } from '../database/intents.ts'
import { StorageError } from '../errors.ts'
import { abandonUpload, completeUpload, prepareUpload } from '../objects/upload.ts'
import { uploadRequestOf } from './metadata.ts'
import { Pieces } from './pieces.ts'
import {
  createUpload,
  findUpload,
  forgetResumable,
  hasObject,
  type Resumable,
  type StoredPart,
  saveLength,
  saveProgress,
  saveState,
} from './state.ts'
import { readId } from './upload-id.ts'

/** Who works on an upload: known to the routes, asked for by the store. */
export interface Worker {
  readonly call: Call
  readonly upsert: boolean
  /** Of a signed upload: who signed it. */
  readonly owner?: string | undefined
  readonly signed: boolean
}

/** What S3 wants of every part but the last. */
const LEAST_S3_PART = 5 * 1024 * 1024
/** What a crash costs at most on a file system. */
const FILE_PART = 8 * 1024 * 1024
/** Below S3's 10000. */
const MOST_PARTS = 9_000

export class ResumableStore extends DataStore {
  readonly #ctx: StorageContext
  readonly #worker: () => Worker

  constructor(ctx: StorageContext, worker: () => Worker) {
    super()
    this.#ctx = ctx
    this.#worker = worker
    this.extensions = ['creation', 'creation-with-upload', 'creation-defer-length', 'termination', 'expiration']
  }

  override getExpiration(): number {
    return this.#ctx.env.TUS_URL_EXPIRY_MS
  }

  override async create(upload: Upload): Promise<Upload> {
    const of = this.#versionOf(upload.id)
    const { backend, database, metrics } = this.#ctx
    backend.accept(of.name)
    const metadata = upload.metadata ?? {}
    const uploadId = await backend.multipart.create(of, {
      contentType: metadata['contentType'] || 'application/octet-stream',
      cacheControl: metadata['cacheControl'] || 'no-cache',
    })
    try {
      await createUpload(database, of, { length: upload.size ?? null, metadata, uploadId })
    } catch (error) {
      await backend.multipart.abort(of, uploadId).catch(() => undefined)
      throw error
    }
    metrics.uploadStarted('resumable')
    upload.creation_date = new Date().toISOString()
    if (upload.size === 0) await this.#finish(await this.#open(of), [], Buffer.alloc(0))
    return upload
  }

  override async getUpload(id: string): Promise<Upload> {
    const found = await this.#open(this.#versionOf(id))
    return new Upload({
      id,
      ...(found.length !== null && { size: found.length }),
      offset: found.received,
      metadata: { ...found.metadata },
      // What is complete stays so until housekeeping forgets it; what is not expires when nobody has added to it.
      ...(found.state !== 'done' && { creation_date: found.touchedAt.toISOString() }),
    })
  }

  override async declareUploadLength(id: string, length: number): Promise<void> {
    await saveLength(this.#ctx.database, this.#versionOf(id), length)
  }

  override async remove(id: string): Promise<void> {
    const found = await this.#open(this.#versionOf(id))
    await this.#ctx.backend.multipart.abort(found, found.uploadId)
    await forgetResumable(this.#ctx.database, found)
  }

  /** Returns the new offset. Runs under the upload's lock. */
  override async write(stream: Readable, id: string, offset: number): Promise<number> {
    const found = await this.#open(this.#versionOf(id), true)
    if (found.state === 'done') return found.received
    if (found.received !== offset) throw ERRORS.INVALID_OFFSET
    const pieces = new Pieces(stream)
    const { length } = found
    const parts = [...found.parts]
    let { received, tail } = found
    const s3 = this.#ctx.config.backend.kind === 's3'
    const partSize = this.#partSize(length)
    for (;;) {
      const room = length === null ? Number.POSITIVE_INFINITY : length - received
      // Also for an upload whose last byte came before its length was told.
      if (room > 0 && !(await pieces.more())) break
      if (s3) {
        const came = await pieces.gather(Math.min(partSize - tail.length, room))
        received += came.length
        tail = tail.length === 0 ? came : Buffer.concat([tail, came])
        if (tail.length >= partSize && received !== length) {
          parts.push(await this.#part(found, parts.length + 1, Readable.from([tail]), tail.length))
          tail = Buffer.alloc(0)
        }
      } else if (room > 0) {
        const part = await this.#part(found, parts.length + 1, pieces.stream(Math.min(partSize, room)), undefined, Math.min(partSize, room))
        parts.push(part)
        received += part.size
      }
      if (received === length) {
        // More than was announced is the end of this request, but not of the upload.
        if (pieces.error === undefined) await this.#finish(found, parts, tail)
        break
      }
      if (!s3 || tail.length === 0) await saveProgress(this.#ctx.database, found, { received, parts, tail })
    }
    if (received !== length && s3) await saveProgress(this.#ctx.database, found, { received, parts, tail })
    if (pieces.error !== undefined) throw pieces.error
    return received
  }

  async #part(of: Resumable, number: number, body: Readable, size: number | undefined, maxSize = size ?? 0): Promise<StoredPart> {
    const limits = { maxSize, ...(size !== undefined && { size }) }
    const stored = await this.#gone(of, this.#ctx.backend.multipart.part(of, of.uploadId, number, body, limits))
    return { number, etag: stored.etag, size: stored.size }
  }

  /** The object gets its bytes and its row, by the rights of whoever sends the last of them. */
  async #finish(found: Resumable, stored: readonly StoredPart[], tail: Buffer): Promise<void> {
    const { database, backend, metrics } = this.#ctx
    const { call, upsert, owner, signed } = this.#worker()
    const parts = [...stored]
    if (tail.length > 0) parts.push(await this.#part(found, parts.length + 1, Readable.from([tail]), tail.length))
    // A note of an attempt that a crash cut off would be in the way of the new one.
    if (found.state === 'finishing') await database.transaction([forget([found])])
    await saveState(database, found, 'finishing')
    try {
      const request = uploadRequestOf(found, found.metadata, found.length ?? undefined, upsert)
      const plan = await prepareUpload(this.#ctx, call, signed ? { ...request, owner } : request, found.version)
      let facts: ObjectFacts
      try {
        facts = await this.#gone(found, this.#wholes(found, parts))
      } catch (error) {
        await abandonUpload(this.#ctx, plan)
        await saveState(database, found, 'open').catch(() => undefined)
        throw error
      }
      try {
        await completeUpload(this.#ctx, call, plan, facts, { uploadType: 'resumable' })
      } catch (error) {
        // The parts have become the object's bytes, and those are gone: there is nothing to resume.
        await backend.multipart.abort(found, found.uploadId).catch(() => undefined)
        await forgetResumable(database, found).catch(() => undefined)
        throw error
      }
    } catch (error) {
      metrics.uploadDone('resumable', 'error')
      throw error
    }
    await saveState(database, found, 'done')
    metrics.uploadDone('resumable', 'success')
  }

  async #wholes(of: Resumable, parts: readonly StoredPart[]): Promise<ObjectFacts> {
    const { backend } = this.#ctx
    if (parts.length > 0) return backend.multipart.complete(of, of.uploadId, parts)
    // No server makes an object of no parts.
    const head = {
      contentType: of.metadata['contentType'] || 'application/octet-stream',
      cacheControl: of.metadata['cacheControl'] || 'no-cache',
    }
    const facts = await backend.put(of, Readable.from([]), { ...head, maxSize: 0, size: 0 })
    await backend.multipart.abort(of, of.uploadId)
    return facts
  }

  /** The backend does not know the upload any more: nor does anybody else from here on. */
  async #gone<T>(of: Resumable, work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (!(error instanceof StorageError) || (error.code !== 'NoSuchUpload' && error.code !== 'MissingPart')) throw error
      await forgetResumable(this.#ctx.database, of)
      throw ERRORS.FILE_NO_LONGER_EXISTS
    }
  }

  /** The row, brought up to date where a crash came between the object's row and this one. */
  async #open(of: ObjectVersion, whole = false): Promise<Resumable> {
    const { database } = this.#ctx
    const found = await findUpload(database, of, whole)
    if (!found) throw ERRORS.FILE_NOT_FOUND
    if (found.state !== 'finishing' || !(await hasObject(database, of))) return found
    await saveState(database, of, 'done')
    return { ...found, state: 'done', received: found.length ?? found.received }
  }

  #partSize(length: number | null): number {
    const { config, env } = this.#ctx
    const least = config.backend.kind === 's3' ? LEAST_S3_PART : FILE_PART
    const most = Math.max(least, env.TUS_PART_SIZE * 1024 * 1024)
    return length === null ? most : Math.max(least, Math.ceil(length / MOST_PARTS))
  }

  #versionOf(id: string): ObjectVersion {
    return readId(id, this.#ctx.config.versionSeparator)
  }
}
