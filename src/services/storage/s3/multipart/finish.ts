// The end of an upload in parts: one request at a time may put the parts together, and the row of the object follows.
import type { ObjectFacts, UploadedPart } from '../../backend/backend.ts'
import type { Call } from '../../caller/caller.ts'
import type { StorageContext } from '../../context.ts'
import { rows, run } from '../../database/sql.ts'
import { errors, StorageError } from '../../errors.ts'
import { lockKey, mustBeValidKey, pathOf } from '../../objects/names.ts'
import { OBJECT_COLUMNS, type ObjectRow } from '../../objects/object.ts'
import { abandonUpload, completeUpload, type UploadPlan, uploadTrial } from '../../objects/upload.ts'
import type { Exchange } from '../exchange.ts'
import { refusals } from '../refusals.ts'
import { deleteUpload, requestOf, type UploadRow, versionOfUpload } from './uploads.ts'

const LOCK_TIMEOUT = '5s'

type Finishing = Pick<Exchange, 'ctx' | 'call' | 'finishing'>

/** Throws NoSuchUpload, AccessDenied, OperationAborted, MissingPart, InvalidChecksum. */
export async function finishUpload(exchange: Finishing, upload: UploadRow, parts: readonly UploadedPart[]): Promise<ObjectRow> {
  const { ctx, call, finishing } = exchange
  if (finishing.has(upload.version)) throw refusals.operationAborted()
  finishing.add(upload.version)
  try {
    const claimed = await claim(ctx, call, upload)
    if ('id' in claimed) {
      // It was finished before, and whoever did it could not take the upload away any more.
      await deleteUpload(ctx, call, upload.id)
      return claimed
    }
    const plan = claimed
    let facts: ObjectFacts
    try {
      facts = await ctx.backend.multipart.complete(plan.of, upload.id, parts)
    } catch (error) {
      await abandonUpload(ctx, plan)
      throw error
    }
    const { row } = await completeUpload(ctx, call, plan, facts, { uploadType: 's3' })
    await deleteUpload(ctx, call, upload.id)
    return row
  } finally {
    finishing.delete(upload.version)
  }
}

/**
 * Tries the caller's right and notes that the version is about to be written, under the lock that the row of the object is written under:
 * a second request for the same upload either meets the first one's note, or finds the object made. A note of this instance that nobody
 * here works on was left by a connection that broke: it is taken over.
 */
async function claim(ctx: StorageContext, call: Call, upload: UploadRow): Promise<UploadPlan | ObjectRow> {
  const { database, instance } = ctx
  const { owner } = call.caller
  const request = requestOf(upload)
  const of = versionOfUpload(upload)
  mustBeValidKey(of.name)
  const results = await database
    .transaction(
      [
        run('savepoint trial'),
        database.as(call),
        uploadTrial(request, owner),
        run('rollback to savepoint trial'),
        database.asService(call),
        run(`select set_config('lock_timeout', '${LOCK_TIMEOUT}', true)`),
        run('select pg_advisory_xact_lock($1::bigint)', [lockKey(pathOf(of.bucket, of.name))]),
        rows(
          `insert into plinth_storage.intents as i (bucket_id, name, version, kind, instance)
           select u.bucket_id, u.key, u.version, 'write', $2::integer from storage.s3_multipart_uploads u
            where u.id = $1 and not exists (
              select from storage.objects o where o.bucket_id = u.bucket_id and o.name = u.key and o.version = u.version)
               on conflict (version, bucket_id, name) do update set created_at = now() where i.instance = excluded.instance and i.kind = 'write'
           returning version`,
          [upload.id, instance],
        ),
        rows('select version from plinth_storage.intents where version = $1 and bucket_id = $2 and name = $3', [
          of.version,
          of.bucket,
          of.name,
        ]),
        rows(`select ${OBJECT_COLUMNS} from storage.objects where version = $1 and bucket_id = $2 and name = $3`, [
          of.version,
          of.bucket,
          of.name,
        ]),
      ],
      { waits: true },
    )
    .catch((error: unknown) => {
      throw error instanceof StorageError && error.code === 'ResourceLocked' ? errors.lockTimeout(error) : error
    })
  const [noted, standing, made] = [results[7]![0], results[8]![0], results[9]![0] as ObjectRow | undefined]
  if (noted !== undefined) return { request, owner, of }
  if (made !== undefined) return made
  // Another instance's note stands in the way; or there is none, as the upload has ended.
  throw standing === undefined ? errors.noSuchUpload(upload.id) : refusals.operationAborted()
}
