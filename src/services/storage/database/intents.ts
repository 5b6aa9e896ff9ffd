// Intents: what is, or is about to be, in the backend without a row that speaks of it. Noted before the bytes, settled after them, so that
// whatever dies in between leaves a note of what to clear away.
import type { ObjectVersion } from '../backend/backend.ts'
import { type Query, rows, run } from './sql.ts'

export type IntentKind = 'write' | 'remove'

export interface Intent extends ObjectVersion {
  readonly kind: IntentKind
  readonly instance: number
  /** ISO 8601. */
  readonly createdAt: string
}

/** Notes that bytes are about to be written. Runs as the service role. */
export const noteWrite = (of: ObjectVersion, instance: number): Query =>
  run(`insert into plinth_storage.intents (bucket_id, name, version, kind, instance) values ($1, $2, $3, 'write', $4)`, [
    of.bucket,
    of.name,
    of.version,
    instance,
  ])

/** Whether the bytes are still noted as ours to finish: nobody settles them from here to the end of the transaction. */
export const HOLD_NOTE = `select count(*) from (select from plinth_storage.intents where version = $3 and bucket_id = $1 and name = $2 for update) n`

/** A row speaks of the bytes now. Where there is none after all, the note stays. */
export const settleWritten = (of: ObjectVersion): Query =>
  run(
    `delete from plinth_storage.intents where version = $3 and bucket_id = $1 and name = $2
        and exists (select from storage.objects where bucket_id = $1 and name = $2 and version = $3)`,
    [of.bucket, of.name, of.version],
  )

/** Notes garbage: versions whose row is gone. */
export const noteRemovals = (many: readonly ObjectVersion[], instance: number): Query =>
  run(
    `insert into plinth_storage.intents (bucket_id, name, version, kind, instance)
     select bucket, name, version, 'remove', $2::integer from json_to_recordset($1::json) as t (bucket text, name text, version text)
     on conflict (version, bucket_id, name) do update set kind = 'remove', instance = excluded.instance, created_at = now()`,
    [{ json: many.map(({ bucket, name, version }) => ({ bucket, name, version })) }, instance],
  )

/** The bytes are gone (or never came): nothing is left to remember. */
export const forget = (many: readonly ObjectVersion[]): Query =>
  run(
    `delete from plinth_storage.intents i using json_to_recordset($1::json) as t (bucket text, name text, version text)
     where i.version = t.version and i.bucket_id = t.bucket and i.name = t.name`,
    [{ json: many.map(({ bucket, name, version }) => ({ bucket, name, version })) }],
  )

/**
 * Intents that nobody works on any more, locked for whoever settles them: those of instances that no longer live, and garbage that is
 * older than `olderThanSeconds`. An upload that wants to finish meanwhile waits for the lock, and fails when its intent is gone.
 */
export const abandoned = (lockClass: number, olderThanSeconds: number, limit: number): Query =>
  rows(
    `select i.bucket_id as bucket, i.name, i.version, i.kind, i.instance, i.created_at as "createdAt",
            exists (select from storage.objects o where o.bucket_id = i.bucket_id and o.name = i.name and o.version = i.version) as "hasRow"
       from plinth_storage.intents i
      where (i.kind = 'remove' and i.created_at < now() - make_interval(secs => $2))
         or not exists (select from pg_catalog.pg_locks l where l.locktype = 'advisory' and l.classid = $1::bigint::oid and l.objid = i.instance::bigint::oid
                          and l.objsubid = 2 and l.database = (select oid from pg_catalog.pg_database where datname = current_database()))
      order by i.created_at limit $3 for update of i skip locked`,
    [lockClass, olderThanSeconds, limit],
  )
