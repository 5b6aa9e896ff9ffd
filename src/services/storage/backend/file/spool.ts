// A body on its way to the disk: written to a temporary file with one write under way while the next is gathered, counted, hashed and
// flushed. Where it fails, nothing of it stays.
import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, lstat, open, opendir, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { errors, StorageError } from '../../errors.ts'

export interface SpoolLimits {
  readonly maxSize: number
  /** A body of another length is refused. */
  readonly size?: number
}

export interface Spooled {
  readonly path: string
  readonly handle: FileHandle
  readonly size: number
  /** Hex; undefined where nobody asked. */
  readonly md5: string | undefined
}

/** A write of this size costs the disk little more than a small one; twice this per upload is what memory holds. */
const WRITE_BYTES = 524_288
/** Of a body that comes in crumbs. */
const WRITE_CHUNKS = 1_024

/** What a full disk, or a quota, answers. */
const NO_SPACE = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

export function mediumError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code
  return NO_SPACE.has(code ?? '') ? errors.internal(error, 'No space is left where objects are stored') : error
}

/** A name that no other writer has. It begins with the version, so that what a crash leaves behind is found by it. */
export const temporaryPath = (folder: string, version: string): string => join(folder, `${version}.${randomBytes(6).toString('hex')}`)

/** Hands the open file to `finish` once the bytes are written; closes it in any case, and removes it unless `finish` has moved it. */
export async function spool<Result>(
  path: string,
  body: Readable,
  limits: SpoolLimits,
  hashed: boolean,
  signal: AbortSignal | undefined,
  finish: (spooled: Spooled) => Promise<Result>,
): Promise<Result> {
  // It may fail before the first read of it; then the read says so, and nobody else has to.
  body.on('error', () => undefined)
  let handle: FileHandle
  try {
    handle = await open(path, 'wx')
  } catch (error) {
    body.destroy()
    throw mediumError(error)
  }
  try {
    const { size, md5 } = await pour(handle, body, limits, hashed, signal)
    return await finish({ path, handle, size, md5 })
  } catch (error) {
    // It may have been moved before something else failed.
    await unlink(path).catch(() => undefined)
    throw mediumError(error)
  } finally {
    await handle.close()
  }
}

async function pour(
  handle: FileHandle,
  body: Readable,
  { maxSize, size: announced }: SpoolLimits,
  hashed: boolean,
  signal: AbortSignal | undefined,
): Promise<{ size: number; md5: string | undefined }> {
  const hash = hashed ? createHash('md5') : undefined
  let size = 0
  let gathered: Buffer[] = []
  let gatheredBytes = 0
  let writing: Promise<void> = Promise.resolve()
  const flush = async () => {
    await writing
    if (gatheredBytes === 0) return
    writing = writeAll(handle, gathered, gatheredBytes)
    // Whoever awaits it next takes the error; meanwhile it is not nobody's.
    writing.catch(() => undefined)
    gathered = []
    gatheredBytes = 0
  }
  const abort = () => body.destroy(errors.aborted(signal?.reason))
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  let reading = true
  try {
    for await (const piece of body) {
      reading = false
      const chunk: Buffer = typeof piece === 'string' ? Buffer.from(piece) : piece
      size += chunk.length
      if (size > maxSize) throw errors.entityTooLarge()
      if (announced !== undefined && size > announced) throw lengthError(announced, size)
      hash?.update(chunk)
      gathered.push(chunk)
      gatheredBytes += chunk.length
      if (gatheredBytes >= WRITE_BYTES || gathered.length >= WRITE_CHUNKS) await flush()
      reading = true
    }
    reading = false
    if (signal?.aborted) throw errors.aborted(signal.reason)
    await flush()
    await writing
  } catch (error) {
    await writing.catch(() => undefined)
    // A body that breaks off is its sender's doing, not the disk's.
    throw reading && !(error instanceof StorageError) ? errors.aborted(error) : error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
  if (announced !== undefined && size !== announced) throw lengthError(announced, size)
  return { size, md5: hash?.digest('hex') }
}

const lengthError = (announced: number, size: number): StorageError =>
  errors.invalidRequest(
    `The body has ${size > announced ? 'more than ' : ''}${Math.min(size, announced)} bytes, ${announced} were announced`,
  )

async function writeAll(handle: FileHandle, chunks: Buffer[], bytes: number): Promise<void> {
  const { bytesWritten } = await handle.writev(chunks)
  if (bytesWritten === bytes) return
  // A short write: the disk is nearly full, or the system cut it. The rest goes piece by piece and meets the reason.
  let skip = bytesWritten
  for (const chunk of chunks) {
    if (skip >= chunk.length) {
      skip -= chunk.length
      continue
    }
    for (let at = skip; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten
    skip = 0
  }
}

/** Removes what uploads that never ended have left: of one version, or of any when they are that old. Returns how many. */
export async function sweep(folder: string, of: { readonly version: string } | { readonly before: Date }): Promise<number> {
  let swept = 0
  for await (const entry of await opendir(folder)) {
    if ('version' in of && !entry.name.startsWith(`${of.version}.`)) continue
    const path = join(folder, entry.name)
    const file = await lstat(path).catch(() => undefined)
    if (!file || ('before' in of && file.mtime >= of.before)) continue
    await rm(path, { force: true })
    swept++
  }
  return swept
}
