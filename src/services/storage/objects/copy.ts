// Copies: the caller must be able to read the source and to upload the destination; the copier owns the copy.
import type { CopyConditions, ObjectFacts } from '../backend/backend.ts'
import { bucketForService } from '../buckets/bucket.ts'
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { errors, StorageError } from '../errors.ts'
import type { UploadType } from '../events/webhooks.ts'
import { objectAs } from './find.ts'
import { checkMimeType, sizeLimit } from './limits.ts'
import { mustBeValidKey } from './names.ts'
import { metadataOf, type ObjectRow, versionOf } from './object.ts'
import { abandonUpload, type Completed, completeUpload, prepareUpload } from './upload.ts'

export interface CopyRequest {
  readonly from: { readonly bucket: string; readonly name: string }
  readonly to: { readonly bucket: string; readonly name: string }
  readonly upsert: boolean
  /** False: what `metadata` names is replaced, and user metadata is what is given (or none). */
  readonly copyMetadata: boolean
  readonly metadata?: { readonly mimetype?: string | undefined; readonly cacheControl?: string | undefined } | undefined
  readonly userMetadata?: Readonly<Record<string, unknown>> | undefined
  readonly conditions?: CopyConditions
  readonly uploadType?: UploadType
}

export async function copy(ctx: StorageContext, call: Call, wanted: CopyRequest): Promise<Completed & { readonly facts: ObjectFacts }> {
  const { from, to, upsert, copyMetadata } = wanted
  mustBeValidKey(to.name)
  const source = await objectAs(ctx, call, from.bucket, from.name)
  const head = {
    contentType: (copyMetadata ? undefined : wanted.metadata?.mimetype) ?? source.metadata?.mimetype ?? 'application/octet-stream',
    cacheControl: (copyMetadata ? undefined : wanted.metadata?.cacheControl) ?? source.metadata?.cacheControl ?? 'no-cache',
  }
  if (to.bucket !== from.bucket || head.contentType !== source.metadata?.mimetype)
    await mustFit(ctx, call, source, to.bucket, to.name, head.contentType)
  const userMetadata = copyMetadata ? source.user_metadata : (wanted.userMetadata ?? null)
  const plan = await prepareUpload(ctx, call, {
    bucket: to.bucket,
    name: to.name,
    upsert,
    mimetype: head.contentType,
    contentLength: source.metadata?.size ?? source.metadata?.contentLength,
    ...(userMetadata !== null && { userMetadata }),
  })
  let facts: ObjectFacts
  try {
    facts = await ctx.backend.copy(versionOf(source), plan.of, head, wanted.conditions)
  } catch (error) {
    await abandonUpload(ctx, plan)
    throw error
  }
  const completed = await completeUpload(ctx, call, plan, facts, {
    uploadType: wanted.uploadType ?? 'standard',
    metadata: metadataOf({ ...facts, ...head }, source.metadata?.xRobotsTag),
    userMetadata,
    event: 'ObjectCreated:Copy',
  })
  return { ...completed, facts }
}

/** Throws what an upload of the same bytes to that bucket would throw. A bucket that is missing is for the trial to tell. */
export async function mustFit(
  ctx: StorageContext,
  call: Call,
  source: ObjectRow,
  bucketId: string,
  name: string,
  type: string = source.metadata?.mimetype ?? 'application/octet-stream',
): Promise<void> {
  let bucket: Awaited<ReturnType<typeof bucketForService>>
  try {
    bucket = await bucketForService(ctx, call, bucketId)
  } catch (error) {
    if (error instanceof StorageError && error.code === 'NoSuchBucket') return
    throw error
  }
  checkMimeType(bucket, name, type)
  if ((source.metadata?.size ?? 0) > sizeLimit(ctx.config, bucket, name, 'resumable')) throw errors.entityTooLarge()
}
