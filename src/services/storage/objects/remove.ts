// Deleting objects: the rows go as the caller, the garbage is noted in the same transaction, then the bytes go.
import type { ObjectVersion } from '../backend/backend.ts'
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { type Query, rows, run } from '../database/sql.ts'
import { errors } from '../errors.ts'
import { discard } from './discard.ts'
import { pathOf } from './names.ts'
import { OBJECT_COLUMNS, type ObjectRow, versionOf } from './object.ts'

/** Objects of one transaction. */
const BATCH = 500

/** Throws NoSuchKey where there is none, and AccessDenied where there is one that the caller may not delete. */
export async function removeOne(ctx: StorageContext, call: Call, bucket: string, name: string): Promise<ObjectRow> {
  if (name.includes('\0') || bucket.includes('\0')) throw errors.noSuchKey()
  const { database } = ctx
  const results = await database.transaction(
    [
      database.asService(call),
      rows('select id from storage.objects where bucket_id = $1 and name = $2 for update', [bucket, name]),
      database.as(call),
      deletion('bucket_id = $1 and name = $2', [bucket, name]),
      database.asService(call),
      notingGone(ctx),
    ],
    { waits: true },
  )
  const row = results[3]?.[0] as ObjectRow | undefined
  if (row === undefined) throw results[1]?.[0] === undefined ? errors.noSuchKey(pathOf(bucket, name)) : errors.accessDenied('Access denied')
  await clear(ctx, call, [row])
  return row
}

/** The rows that were deleted: names that are not there, and those that a policy hides, are passed over. */
export async function removeMany(ctx: StorageContext, call: Call, bucket: string, names: readonly string[]): Promise<ObjectRow[]> {
  const { database } = ctx
  const removed: ObjectRow[] = []
  const known = names.filter((name) => !name.includes('\0'))
  for (let at = 0; at < known.length; at += BATCH) {
    const results = await database.transaction(
      [
        database.as(call),
        deletion('bucket_id = $1 and name = any ($2::text[])', [bucket, known.slice(at, at + BATCH)]),
        database.asService(call),
        notingGone(ctx),
      ],
      { waits: true },
    )
    const batch = results[1] as ObjectRow[]
    await clear(ctx, call, batch)
    removed.push(...batch)
  }
  return removed
}

/** Everything in the bucket that is older than this call, asked of no policy. */
export async function removeAll(ctx: StorageContext, call: Call, bucket: string): Promise<void> {
  const { database } = ctx
  const [begun] = await database.rowsAsService<{ now: string }>(call, rows('select now()'))
  for (;;) {
    const results = await database.transaction(
      [
        database.asService(call),
        deletion(
          `id in (select id from storage.objects where bucket_id = $1 and created_at <= $2::timestamptz order by name collate "C" limit ${BATCH} for update)`,
          [bucket, begun!.now],
        ),
        notingGone(ctx),
      ],
      { waits: true },
    )
    const batch = results[1] as ObjectRow[]
    await clear(ctx, call, batch)
    if (batch.length < BATCH) return
  }
}

// What is gone is handed on in a setting of the transaction, to the note that the caller's role could not write.
const deletion = (where: string, values: Query['values'] & object): Query => ({
  text: `with gone as (delete from storage.objects where ${where} returning ${OBJECT_COLUMNS}),
    told as (select set_config('plinth.gone', coalesce(json_agg(json_build_object('bucket', bucket_id, 'name', name, 'version', coalesce(version, '')))::text, '[]'), true) from gone)
    select to_json(gone)::text from gone, told`,
  values,
  reads: true,
})

const notingGone = ({ instance }: StorageContext): Query =>
  run(
    `insert into plinth_storage.intents (bucket_id, name, version, kind, instance)
     select bucket, name, version, 'remove', $1::integer
       from json_to_recordset(coalesce(nullif(current_setting('plinth.gone', true), ''), '[]')::json) as t (bucket text, name text, version text)
         on conflict (version, bucket_id, name) do nothing`,
    [instance],
  )

async function clear(ctx: StorageContext, call: Call, removed: readonly ObjectRow[]): Promise<void> {
  const versions: ObjectVersion[] = removed.map(versionOf)
  await discard(ctx, versions)
  await Promise.all(
    removed.map(({ bucket_id, name, version, metadata }) =>
      ctx.webhooks.send('ObjectRemoved:Delete', call, { bucketId: bucket_id, name, version, metadata }),
    ),
  )
}
