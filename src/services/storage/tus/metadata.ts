// Upload-Metadata: which object is meant, and what is said of it.
import type { UploadRequest } from '../objects/upload.ts'
import { jsonObject } from '../routes/path.ts'

export type TusMetadata = Readonly<Record<string, string | null>>

export const uploadRequestOf = (
  of: { readonly bucket: string; readonly name: string },
  metadata: TusMetadata,
  contentLength: number | undefined,
  upsert: boolean,
): UploadRequest => ({
  bucket: of.bucket,
  name: of.name,
  upsert,
  mimetype: metadata['contentType'] || undefined,
  contentLength,
  userMetadata: jsonObject(metadata['metadata'] ?? ''),
})

/** Seconds become `max-age`; anything else is not trusted to be a header. */
export const withCacheControl = (metadata: TusMetadata): Record<string, string | null> => ({
  ...metadata,
  cacheControl: /^-?\d+$/.test(metadata['cacheControl'] ?? '') ? `max-age=${metadata['cacheControl']}` : 'no-cache',
})
