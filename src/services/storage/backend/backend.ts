// What keeps the bytes: one version of one object is written once, whole, and never changed. Which version is the current one, who may
// see it and what it is called is the database's business.
import type { Readable } from 'node:stream'

export interface ObjectVersion {
  /** The bucket's id. */
  readonly bucket: string
  readonly name: string
  /** A UUID, new for each upload. */
  readonly version: string
}

export interface ObjectHead {
  readonly contentType: string
  readonly cacheControl: string
}

export interface ObjectFacts extends ObjectHead {
  readonly size: number
  /** With its quotes, as it is answered. */
  readonly etag: string
  readonly lastModified: Date
}

/** Both ends are of the object, and there: `0-0` is the first byte. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface Wanted {
  readonly range?: ByteRange
  /**
   * What the row says of this version. A backend that gets it need not look the facts up again, and answers with them; it still rejects
   * with `noSuchObject` where the bytes are not there.
   */
  readonly facts?: ObjectFacts
}

export interface Download {
  readonly facts: ObjectFacts
  /** Small objects come whole. A stream has to be read to its end or destroyed. */
  readonly body: Buffer | Readable
}

/** Of a source that is copied, as S3 knows them. */
export interface CopyConditions {
  readonly ifMatch?: string
  readonly ifNoneMatch?: string
  readonly ifModifiedSince?: Date
  readonly ifUnmodifiedSince?: Date
}

export interface PutHead extends ObjectHead {
  /** More bytes are refused with EntityTooLarge, and nothing is left. */
  readonly maxSize: number
  /** Where it is known beforehand. A body of another length is refused. */
  readonly size?: number
}

export interface UploadedPart {
  readonly number: number
  readonly etag: string
}

export interface Multipart {
  /** Returns the backend's id of the upload. */
  create(of: ObjectVersion, head: ObjectHead): Promise<string>
  /** A part sent again replaces the one before. `etag` bare or quoted, as upstream's backend gives it. */
  part(
    of: ObjectVersion,
    uploadId: string,
    number: number,
    body: Readable,
    head: { maxSize: number; size?: number },
    signal?: AbortSignal,
  ): Promise<{ etag: string; size: number }>
  partCopy(
    of: ObjectVersion,
    uploadId: string,
    number: number,
    from: ObjectVersion,
    range?: ByteRange,
  ): Promise<{ etag: string; size: number; lastModified: Date }>
  /** `parts` in ascending order. Durable when resolved. */
  complete(of: ObjectVersion, uploadId: string, parts: readonly UploadedPart[]): Promise<ObjectFacts>
  /** Frees what was uploaded; an upload that is not there is no error. */
  abort(of: ObjectVersion, uploadId: string): Promise<void>
}

export interface StoredVersion extends ObjectVersion {
  readonly size: number
  readonly lastModified: Date
}

export interface StoredUpload {
  readonly uploadId: string
  /** What it is to become, as the medium knows it. */
  readonly key: string
  readonly lastModified: Date
}

/** What crashes and clients that went away leave behind, beside versions. For housekeeping. */
export interface Leftovers {
  /** Removes half-written bytes: of one version, or of any that nobody has added to since. Returns how many there were. */
  sweep(of: { readonly version: string } | { readonly before: Date }): Promise<number>
  /** Uploads in parts that nobody has added to since. */
  uploads(before: Date): AsyncIterable<StoredUpload>
  removeUpload(upload: StoredUpload): Promise<void>
}

/** Rejects with StorageErrors of errors.ts (`noSuchObject`, `entityTooLarge`, `invalidKey`, ...); any other error is a failure of the medium. */
export interface Backend {
  /** Throws InvalidKey for a name that this backend cannot store. */
  accept(name: string): void
  /** Durable when resolved, nothing left behind when rejected (by the signal, by the body's error, by a full disk). */
  put(of: ObjectVersion, body: Readable, head: PutHead, signal?: AbortSignal): Promise<ObjectFacts>
  get(of: ObjectVersion, wanted?: Wanted, signal?: AbortSignal): Promise<Download>
  head(of: ObjectVersion): Promise<ObjectFacts>
  copy(from: ObjectVersion, to: ObjectVersion, head?: Partial<ObjectHead>, conditions?: CopyConditions): Promise<ObjectFacts>
  /** Those that are not there are no error. */
  remove(many: readonly ObjectVersion[]): Promise<void>
  readonly multipart: Multipart
  readonly leftovers: Leftovers
  /** Where imgproxy finds the bytes: `local:///...` as it is, or a presigned URL. */
  addressFor(of: ObjectVersion): Promise<string>
  /** Everything that is stored, in no order; of one bucket, or of all. For housekeeping. */
  versions(bucket?: string): AsyncIterable<StoredVersion>
  close(): Promise<void>
}
