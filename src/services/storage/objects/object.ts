// An object's row, and what it says of the bytes.
import type { ObjectFacts, ObjectVersion } from '../backend/backend.ts'

export interface ObjectMetadata {
  readonly eTag?: string
  readonly size?: number
  readonly mimetype?: string
  readonly cacheControl?: string
  readonly lastModified?: string
  readonly contentLength?: number
  readonly httpStatusCode?: number
  readonly xRobotsTag?: string
}

export interface ObjectRow {
  readonly id: string
  readonly name: string
  readonly bucket_id: string
  readonly owner: string | null
  readonly owner_id: string | null
  /** Null in rows of very old servers, whose bytes lie under the bare name. */
  readonly version: string | null
  readonly created_at: string
  readonly updated_at: string
  readonly last_accessed_at: string
  readonly metadata: ObjectMetadata | null
  readonly user_metadata: Readonly<Record<string, unknown>> | null
}

export const OBJECT_COLUMNS =
  'id, name, bucket_id, owner, owner_id, version, created_at, updated_at, last_accessed_at, metadata, user_metadata'

export const versionOf = (row: Pick<ObjectRow, 'bucket_id' | 'name' | 'version'>): ObjectVersion => ({
  bucket: row.bucket_id,
  name: row.name,
  version: row.version ?? '',
})

export const metadataOf = (facts: ObjectFacts, xRobotsTag?: string): ObjectMetadata => ({
  eTag: facts.etag,
  size: facts.size,
  mimetype: facts.contentType,
  cacheControl: facts.cacheControl,
  lastModified: facts.lastModified.toISOString(),
  contentLength: facts.size,
  httpStatusCode: 200,
  ...(xRobotsTag !== undefined && { xRobotsTag }),
})

/** What the row says of the bytes; undefined where it does not say enough, and the file has to be asked. */
export function factsOf({ metadata }: Pick<ObjectRow, 'metadata'>): ObjectFacts | undefined {
  if (!metadata || typeof metadata.eTag !== 'string' || typeof metadata.size !== 'number' || !metadata.lastModified) return undefined
  const lastModified = new Date(metadata.lastModified)
  if (Number.isNaN(lastModified.getTime())) return undefined
  return {
    contentType: metadata.mimetype ?? 'application/octet-stream',
    cacheControl: metadata.cacheControl ?? 'no-cache',
    size: metadata.size,
    etag: metadata.eTag,
    lastModified,
  }
}

/** As upstream writes times: milliseconds, and `Z`. */
export const iso = (time: string): string => new Date(time).toISOString()
