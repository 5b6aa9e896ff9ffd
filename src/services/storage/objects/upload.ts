// An upload: the caller's right to it is tried first, then the bytes are written under a version of their own, then the row is made to
// speak of them. Readers see the version before or this one, never a mixture; whatever fails leaves neither row nor bytes.
import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { ObjectFacts, ObjectVersion } from '../backend/backend.ts'
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { forget, HOLD_NOTE, noteWrite, settleWritten } from '../database/intents.ts'
import { json, type Query, rows, run } from '../database/sql.ts'
import { errors, StorageError } from '../errors.ts'
import type { UploadType } from '../events/webhooks.ts'
import { abandon, discard } from './discard.ts'
import { lockKey, mustBeValidKey, pathOf } from './names.ts'
import { metadataOf, OBJECT_COLUMNS, type ObjectMetadata, type ObjectRow } from './object.ts'

export interface UploadRequest {
  readonly bucket: string
  readonly name: string
  readonly upsert: boolean
  /** The caller's own unless said otherwise (a signed URL names who signed it). */
  readonly owner?: string | undefined
  /** What policies may know of bytes that are still to come. */
  readonly mimetype: string | undefined
  readonly contentLength?: number | undefined
  readonly userMetadata?: Readonly<Record<string, unknown>> | undefined
}

/** An upload that may be: the right to it has been tried. */
export interface UploadPlan {
  readonly request: UploadRequest
  readonly owner: string | undefined
  /** Where the bytes go. */
  readonly of: ObjectVersion
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
export const uuidOrNull = (owner: string | undefined): string | null => (owner !== undefined && UUID.test(owner) ? owner : null)

const LOCK_TIMEOUT = '5s'

const VALUES =
  '(bucket_id, name, owner, owner_id, version, metadata, user_metadata) values ($1, $2, $3::uuid, $4, $5, $6::jsonb, $7::jsonb)'
const REPLACE = `on conflict (name, bucket_id) do update set version = excluded.version, metadata = excluded.metadata,
 user_metadata = excluded.user_metadata, owner = excluded.owner, owner_id = excluded.owner_id`
// A plain INSERT asks the policies for inserting alone; with RETURNING and ON CONFLICT those for reading and updating as well.
const TRIAL_INSERT = `insert into storage.objects ${VALUES}`
const TRIAL_UPSERT = `insert into storage.objects ${VALUES} ${REPLACE} returning *`

/** The statement that fails where the caller may not upload this. It has to be rolled back. */
export function uploadTrial(
  { bucket, name, upsert, mimetype, contentLength, userMetadata }: UploadRequest,
  owner: string | undefined,
): Query {
  const metadata = { ...(mimetype !== undefined && { mimetype }), ...(contentLength !== undefined && { contentLength }) }
  return run(upsert ? TRIAL_UPSERT : TRIAL_INSERT, [
    bucket,
    name,
    uuidOrNull(owner),
    owner ?? null,
    '1',
    { json: metadata },
    { json: userMetadata },
  ])
}

/** The right to upload, and nothing else: for URLs that are signed, and for parts of an upload that has begun. */
export async function tryUpload({ database }: StorageContext, call: Call, request: UploadRequest): Promise<void> {
  mustBeValidKey(request.name)
  const owner = 'owner' in request ? request.owner : call.caller.owner
  await database.transaction([database.as(call), uploadTrial(request, owner)], { end: 'rollback' }).catch((error: unknown) => {
    throw asKeyExists(error, request)
  })
}

/**
 * Tries the caller's right and notes that bytes are about to come, in one round trip. Throws InvalidKey, AccessDenied, KeyAlreadyExists,
 * RelatedResourceNotFound. What it returns has to end in `completeUpload` or `abandonUpload`.
 */
export async function prepareUpload(
  ctx: StorageContext,
  call: Call,
  request: UploadRequest,
  version: string = randomUUID(),
): Promise<UploadPlan> {
  const { database, backend, instance } = ctx
  mustBeValidKey(request.name)
  backend.accept(request.name)
  const owner = 'owner' in request ? request.owner : call.caller.owner
  const of = { bucket: request.bucket, name: request.name, version }
  await database
    .transaction(
      [
        run('savepoint trial'),
        database.as(call),
        uploadTrial(request, owner),
        run('rollback to savepoint trial'),
        database.asService(call),
        noteWrite(of, instance),
      ],
      { waits: true },
    )
    .catch((error: unknown) => {
      // Where the connection broke the note may be there all the same.
      if (!(error instanceof StorageError) || error.status >= 500) ctx.leftovers.add(of)
      throw asKeyExists(error, request)
    })
  return { request, owner, of }
}

export interface Completion {
  readonly uploadType: UploadType
  readonly xRobotsTag?: string | undefined
  /** Instead of what the backend says of the bytes. */
  readonly metadata?: ObjectMetadata
  /** Instead of `{}` where none was given: what a copy keeps. */
  readonly userMetadata?: Readonly<Record<string, unknown>> | null
  readonly event?: 'ObjectCreated:Put' | 'ObjectCreated:Post' | 'ObjectCreated:Copy'
}

export interface Completed {
  readonly row: ObjectRow
  /** Whether an object of this name was there before. */
  readonly replaced: boolean
}

/** Makes the row speak of bytes that are in the backend whole. On any failure the bytes are gone when it rejects. */
export async function completeUpload(
  ctx: StorageContext,
  call: Call,
  plan: UploadPlan,
  facts: ObjectFacts,
  completion: Completion,
): Promise<Completed> {
  const { of, request, owner } = plan
  const metadata = completion.metadata ?? metadataOf(facts, completion.xRobotsTag)
  const userMetadata = completion.userMetadata === undefined ? (request.userMetadata ?? {}) : completion.userMetadata
  const { database, instance, webhooks } = ctx
  let row: ObjectRow | undefined
  let before: { version: string } | undefined
  try {
    const results = await database.transaction(
      [
        database.asService(call),
        run(`select set_config('lock_timeout', '${LOCK_TIMEOUT}', true)`),
        run('select pg_advisory_xact_lock($1::bigint)', [lockKey(pathOf(of.bucket, of.name))]),
        ...saving(of, owner, metadata, userMetadata, request.upsert),
        settleWritten(of),
        run(
          `insert into plinth_storage.intents (bucket_id, name, version, kind, instance)
           select $1, $2, current_setting('plinth.before'), 'remove', $3::integer
            where current_setting('plinth.there') = '1' and current_setting('plinth.before') <> $4
              and exists (select from storage.objects where bucket_id = $1 and name = $2 and version = $4)
               on conflict (version, bucket_id, name) do nothing`,
          [of.bucket, of.name, instance, of.version],
        ),
      ],
      { waits: true },
    )
    const held = results[3]?.[0] as { there: boolean; version: string } | undefined
    if (held?.there) before = held
    row = results[4]?.[0] as ObjectRow | undefined
    if (row === undefined) throw errors.aborted(new Error('the note of this upload is gone: somebody took it for abandoned'))
  } catch (error) {
    await abandonUpload(ctx, plan)
    if (error instanceof StorageError && error.code === 'ResourceLocked') throw errors.lockTimeout(error)
    throw asKeyExists(error, request)
  }
  if (before !== undefined && before.version !== of.version) await discard(ctx, [{ ...of, version: before.version }])
  await webhooks.send(completion.event ?? (before === undefined ? 'ObjectCreated:Post' : 'ObjectCreated:Put'), call, {
    bucketId: of.bucket,
    name: of.name,
    version: of.version,
    metadata,
    uploadType: completion.uploadType,
  })
  return { row, replaced: before !== undefined }
}

// What was there before is kept in settings of the transaction: the next statement, and the note of the garbage, read it there.
function saving(
  of: ObjectVersion,
  owner: string | undefined,
  metadata: ObjectMetadata,
  userMetadata: Readonly<Record<string, unknown>> | null,
  upsert: boolean,
): Query[] {
  return [
    json(
      `with held as materialized (
         select coalesce(version, '') as version from storage.objects where bucket_id = $1 and name = $2 for update
       ), told as (
         select set_config('plinth.noted', (${HOLD_NOTE})::text, true),
                set_config('plinth.there', (select count(*) from held)::text, true) as there,
                set_config('plinth.before', coalesce((select version from held), ''), true) as version
       )
       select json_build_object('there', there = '1', 'version', version)::text from told`,
      [of.bucket, of.name, of.version],
    ),
    rows(
      `insert into storage.objects (bucket_id, name, owner, owner_id, version, metadata, user_metadata)
       select $1, $2, $3::uuid, $4, $5, $6::jsonb, $7::jsonb where current_setting('plinth.noted') = '1'
       ${upsert ? REPLACE : ''} returning ${OBJECT_COLUMNS}`,
      [of.bucket, of.name, uuidOrNull(owner), owner ?? null, of.version, { json: metadata }, { json: userMetadata }],
    ),
  ]
}

/** Gives an upload up: its bytes, if there are any, and the note of it go. Never rejects: what cannot be removed now is settled later. */
export const abandonUpload = (ctx: StorageContext, { of }: UploadPlan): Promise<void> => abandon(ctx, of)

/** The bytes have been given to somebody else, or there never were any: only the note goes. */
export async function forgetUpload({ database }: StorageContext, call: Call, { of }: UploadPlan): Promise<void> {
  await database.transaction([database.asService(call), forget([of])])
}

export interface Upload extends UploadRequest {
  readonly body: Readable
  readonly contentType: string
  readonly cacheControl: string
  /** Bytes; one more is EntityTooLarge. */
  readonly maxSize: number
  /** Where the client has announced it. */
  readonly size?: number | undefined
  readonly xRobotsTag?: string | undefined
  readonly uploadType: UploadType
  /** Asked when the bytes are written and before the row is: throws to refuse them. */
  readonly check?: () => void
}

/** All of it, for bytes that come with the request. */
export async function upload(ctx: StorageContext, call: Call, wanted: Upload, signal?: AbortSignal): Promise<Completed> {
  const { body, contentType, cacheControl, maxSize, size, uploadType, xRobotsTag } = wanted
  ctx.metrics.uploadStarted(uploadType)
  try {
    const plan = await prepareUpload(ctx, call, wanted)
    let facts: ObjectFacts
    try {
      facts = await ctx.backend.put(plan.of, body, { contentType, cacheControl, maxSize, ...(size !== undefined && { size }) }, signal)
      wanted.check?.()
    } catch (error) {
      await abandonUpload(ctx, plan)
      throw error
    }
    const completed = await completeUpload(ctx, call, plan, facts, { uploadType, xRobotsTag })
    ctx.metrics.uploadDone(uploadType, 'success')
    return completed
  } catch (error) {
    ctx.metrics.uploadDone(uploadType, 'error')
    throw error
  }
}

function asKeyExists(error: unknown, { bucket, name }: UploadRequest): unknown {
  return error instanceof StorageError && error.code === 'ResourceAlreadyExists'
    ? errors.keyAlreadyExists(pathOf(bucket, name), error)
    : error
}
