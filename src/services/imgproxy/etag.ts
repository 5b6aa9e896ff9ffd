// ETags of results: what was asked for, and which source it was made from, by the source's own ETag or the hash of its bytes.
import { createHash } from 'node:crypto'
import type { SourceFacts } from './pool/messages.ts'
import type { ProcessingOptions } from './url/options.ts'

export interface KnownResult {
  /** The source's ETag, or the hash of its bytes, that the client's copy was made from. */
  readonly sourceEtag?: string
  readonly sourceHash?: string
}

/** Names, attachments and times of expiry change no pixel. */
export function optionsHash(options: ProcessingOptions, buster: string): string {
  const { filename: _, attachment: __, expires: ___, ...pixels } = options
  return createHash('sha256')
    .update(`${buster}\n${JSON.stringify(pixels)}`)
    .digest('base64url')
    .slice(0, 22)
}

export function etagOf(hash: string, { etag, hash: bytes }: SourceFacts): string | undefined {
  if (etag !== undefined) return `"${hash}/R${Buffer.from(etag).toString('base64url')}"`
  return bytes === undefined ? undefined : `"${hash}/D${bytes}"`
}

/** What the client has of the same result. */
export function knownResult(ifNoneMatch: string | undefined, hash: string): KnownResult {
  const match = ifNoneMatch?.match(/"([\w-]{22})\/([RD])([\w-]+)"/)
  if (match?.[1] !== hash) return {}
  return match[2] === 'R' ? { sourceEtag: Buffer.from(match[3]!, 'base64url').toString() } : { sourceHash: match[3]! }
}
