// How large an upload may be, and of which type: the bucket's and the server's word.
import type { BucketRow } from '../buckets/bucket.ts'
import type { StorageConfig } from '../config.ts'
import { errors } from '../errors.ts'

/** A folder without content exists by a file of this name. */
export const PLACEHOLDER = '.emptyFolderPlaceholder'

export type UploadKind = 'standard' | 'resumable' | 's3'

/** Bytes that an upload may have. */
export function sizeLimit({ uploads }: StorageConfig, bucket: BucketRow, name: string, kind: UploadKind): number {
  // Bytes of no type that the bucket has a word on are none.
  if (isPlaceholder(name) && (kind === 'standard' || bucket.allowed_mime_types?.length)) return 0
  const own = bucket.file_size_limit
  return Math.min(
    uploads.limit,
    own === null ? Number.POSITIVE_INFINITY : own,
    (kind === 'standard' ? uploads.standardLimit : undefined) ?? Number.POSITIVE_INFINITY,
  )
}

/** A file that only makes its folder exist. */
export const isPlaceholder = (name: string): boolean => name.endsWith(PLACEHOLDER)

/** Throws InvalidMimeType for a type that the bucket does not allow. */
export function checkMimeType(bucket: BucketRow, name: string, type: string): void {
  const allowed = bucket.allowed_mime_types
  if (!allowed || allowed.length === 0 || isPlaceholder(name)) return
  const [group, kind] = type.split('/')
  const given = (kind ?? '').split(';')[0]!.trim()
  if (kind !== undefined && allowed.some((one) => fits(one, group!.trim(), given, type))) return
  throw errors.invalidMimeType(type)
}

function fits(allowed: string, group: string, kind: string, whole: string): boolean {
  if (allowed === whole) return true
  const [allowedGroup, allowedKind = ''] = allowed.split('/')
  return allowedGroup === group && (allowedKind === '*' || allowedKind.split(';')[0]!.trim() === kind)
}
