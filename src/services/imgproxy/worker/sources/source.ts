// What a source gives: its bytes and what was said about them, or that nothing has changed since the client's copy.
import type { Readable } from 'node:stream'
import { ImgproxyError } from '../../errors.ts'

export interface Source {
  readonly bytes: Buffer
  /** As the source says it; of sources that say none, undefined. */
  readonly etag?: string | undefined
  readonly lastModified?: string | undefined
  readonly cacheControl?: string | undefined
  readonly expires?: string | undefined
}

export interface Wanted {
  /** The ETag of the source that the client's copy was made from. */
  readonly etag?: string | undefined
  readonly modifiedSince?: string | undefined
}

export type Fetched = { readonly source: Source } | { readonly unchanged: Omit<Source, 'bytes'> }

export const unreachable = (detail: string, cause?: unknown): ImgproxyError => new ImgproxyError('unreachable', detail, { cause })
export const tooLarge = (bytes: number): ImgproxyError => new ImgproxyError('invalid_image', `the source has more than ${bytes} bytes`)

/** Gathers a stream up to a bound. */
export async function gather(stream: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of stream) {
    size += piece.length
    if (size > maxBytes) throw tooLarge(maxBytes)
    pieces.push(piece)
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
}

/** Whether a source that has this time is the client's copy. */
export function unchangedSince(time: Date, modifiedSince: string | undefined): boolean {
  const since = modifiedSince === undefined ? Number.NaN : Date.parse(modifiedSince)
  return Math.floor(time.getTime() / 1_000) * 1_000 <= since
}

/** Ends a body that nobody wants any more. Its error is no news then, and nobody else listens for it. */
export function drop(body: Readable): void {
  body.on('error', () => {})
  body.destroy()
}
