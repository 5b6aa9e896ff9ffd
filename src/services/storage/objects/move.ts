// Moves: the row goes on under another name and belongs to the mover; its bytes are copied to a version under the new name, and the old
// ones become garbage in the transaction that renames the row.
import { randomUUID } from 'node:crypto'
import type { ObjectFacts } from '../backend/backend.ts'
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { HOLD_NOTE, noteWrite, settleWritten } from '../database/intents.ts'
import { rows, run } from '../database/sql.ts'
import { errors, StorageError } from '../errors.ts'
import { mustFit } from './copy.ts'
import { abandon, discard } from './discard.ts'
import { objectAs } from './find.ts'
import { lockKey, mustBeValidKey, pathOf } from './names.ts'
import { OBJECT_COLUMNS, type ObjectRow, versionOf } from './object.ts'
import { uuidOrNull } from './upload.ts'

export interface Move {
  readonly from: { readonly bucket: string; readonly name: string }
  readonly to: { readonly bucket: string; readonly name: string }
}

const RENAME = `update storage.objects set bucket_id = $3, name = $4, version = $5, owner = $6::uuid, owner_id = $7
 where bucket_id = $1 and name = $2`

/** Throws NoSuchKey, InvalidKey, AccessDenied, ResourceAlreadyExists. A move onto itself does nothing. */
export async function move(ctx: StorageContext, call: Call, { from, to }: Move): Promise<ObjectRow> {
  mustBeValidKey(to.name)
  ctx.backend.accept(to.name)
  const source = await objectAs(ctx, call, from.bucket, from.name)
  if (from.bucket === to.bucket && from.name === to.name) return source
  if (from.bucket !== to.bucket) await mustFit(ctx, call, source, to.bucket, to.name)
  const { database, instance } = ctx
  const { owner } = call.caller
  const target = { ...to, version: randomUUID() }
  const values = [from.bucket, from.name, to.bucket, to.name, target.version, uuidOrNull(owner), owner ?? null]
  const tried = await database
    .transaction(
      [
        run('savepoint trial'),
        database.as(call),
        rows(`${RENAME} returning id`, values),
        run('rollback to savepoint trial'),
        database.asService(call),
        noteWrite(target, instance),
      ],
      { waits: true },
    )
    .catch((error: unknown) => {
      // Where the connection broke the note may be there all the same.
      if (!(error instanceof StorageError) || error.status >= 500) ctx.leftovers.add(target)
      throw error
    })
  if (tried[2]?.[0] === undefined) {
    await abandon(ctx, target)
    throw errors.noSuchKey(pathOf(from.bucket, from.name))
  }
  const before = versionOf(source)
  let facts: ObjectFacts
  let row: ObjectRow | undefined
  try {
    facts = await ctx.backend.copy(before, target)
    // The two names in one order for everybody, so that two moves never wait for each other.
    const locks = [pathOf(from.bucket, from.name), pathOf(to.bucket, to.name)].map(lockKey).sort((a, b) => a - b)
    const results = await database.transaction(
      [
        database.asService(call),
        run(`select set_config('lock_timeout', '5s', true)`),
        ...locks.map((key) => run('select pg_advisory_xact_lock($1::bigint)', [key])),
        run(`select set_config('plinth.noted', (${HOLD_NOTE})::text, true)`, [target.bucket, target.name, target.version]),
        rows(
          `update storage.objects set bucket_id = $3, name = $4, version = $5, owner = $6::uuid, owner_id = $7,
                  metadata = coalesce(metadata, '{}') || $9::jsonb
            where bucket_id = $1 and name = $2 and version is not distinct from $8 and current_setting('plinth.noted') = '1'
           returning ${OBJECT_COLUMNS}`,
          [...values, source.version, { json: { eTag: facts.etag, lastModified: facts.lastModified.toISOString() } }],
        ),
        settleWritten(target),
        run(
          `insert into plinth_storage.intents (bucket_id, name, version, kind, instance)
           select $1, $2, $3, 'remove', $4::integer where exists (select from storage.objects where bucket_id = $5 and name = $6 and version = $7)
               on conflict (version, bucket_id, name) do nothing`,
          [before.bucket, before.name, before.version, instance, target.bucket, target.name, target.version],
        ),
      ],
      { waits: true },
    )
    row = results[5]?.[0] as ObjectRow | undefined
    // Somebody else has moved, replaced or deleted it meanwhile.
    if (row === undefined) throw errors.noSuchKey(pathOf(from.bucket, from.name))
  } catch (error) {
    await abandon(ctx, target)
    throw error instanceof StorageError && error.code === 'ResourceLocked' ? errors.lockTimeout(error) : error
  }
  await discard(ctx, [before])
  await Promise.all([
    ctx.webhooks.send('ObjectRemoved:Move', call, { bucketId: from.bucket, name: from.name, version: source.version }),
    ctx.webhooks.send('ObjectCreated:Move', call, {
      bucketId: to.bucket,
      name: to.name,
      version: target.version,
      metadata: row.metadata,
      oldObject: { name: from.name, bucketId: from.bucket, version: source.version, reqId: call.request.id },
    }),
  ])
  return row
}
