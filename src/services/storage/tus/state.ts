// What the database knows of resumable uploads: one row each, changed only by whoever holds the upload's lock.
import type { ObjectVersion } from '../backend/backend.ts'
import type { Database } from '../database/database.ts'
import { rows, run } from '../database/sql.ts'

export interface StoredPart {
  readonly number: number
  readonly etag: string
  readonly size: number
}

export interface Resumable extends ObjectVersion {
  readonly length: number | null
  readonly received: number
  readonly metadata: Readonly<Record<string, string | null>>
  readonly uploadId: string
  readonly parts: readonly StoredPart[]
  readonly tail: Buffer
  /** `finishing`: its object was being completed when somebody last worked on it. */
  readonly state: 'open' | 'finishing' | 'done'
  readonly touchedAt: Date
}

const KEY = 'version = $1 and bucket_id = $2 and name = $3'
const keyOf = ({ version, bucket, name }: ObjectVersion): string[] => [version, bucket, name]
const COLUMNS = `bucket_id as bucket, name, version, length, received, metadata, upload_id as "uploadId", parts, state, touched_at as "touchedAt"`

type Row = Omit<Resumable, 'tail' | 'touchedAt'> & { readonly tail: string | null; readonly touchedAt: string }

/** Undefined where there is none. Without `whole` the bytes that wait for a part are left out. */
export async function findUpload(database: Database, of: ObjectVersion, whole = false): Promise<Resumable | undefined> {
  const tail = whole ? "encode(tail, 'base64')" : 'null::text'
  const [[row]] = (await database.transaction([
    rows(`select ${COLUMNS}, ${tail} as tail from plinth_storage.resumable_uploads where ${KEY}`, keyOf(of)),
  ])) as [Row[]]
  return row && { ...row, tail: Buffer.from(row.tail ?? '', 'base64'), touchedAt: new Date(row.touchedAt) }
}

export async function createUpload(
  database: Database,
  of: ObjectVersion,
  { length, metadata, uploadId }: Pick<Resumable, 'length' | 'metadata' | 'uploadId'>,
): Promise<void> {
  await database.transaction([
    run(
      `insert into plinth_storage.resumable_uploads (version, bucket_id, name, length, metadata, upload_id) values ($1, $2, $3, $4::bigint, $5::jsonb, $6)`,
      [...keyOf(of), length, { json: metadata }, uploadId],
    ),
  ])
}

export async function saveProgress(
  database: Database,
  of: ObjectVersion,
  { received, parts, tail }: { readonly received: number; readonly parts: readonly StoredPart[]; readonly tail: Buffer },
): Promise<void> {
  await database.transaction([
    run(
      `update plinth_storage.resumable_uploads
          set received = $4::bigint, parts = $5::jsonb, tail = decode(nullif($6, ''), 'base64'), touched_at = now() where ${KEY}`,
      [...keyOf(of), received, { json: parts }, tail.toString('base64')],
    ),
  ])
}

export async function saveLength(database: Database, of: ObjectVersion, length: number): Promise<void> {
  await database.transaction([
    run(`update plinth_storage.resumable_uploads set length = $4::bigint, touched_at = now() where ${KEY}`, [...keyOf(of), length]),
  ])
}

export async function saveState(database: Database, of: ObjectVersion, state: Resumable['state']): Promise<void> {
  const done = state === 'done' ? `, received = length, parts = '[]', tail = null` : ''
  await database.transaction([
    run(`update plinth_storage.resumable_uploads set state = $4, touched_at = now()${done} where ${KEY}`, [...keyOf(of), state]),
  ])
}

export async function forgetResumable(database: Database, of: ObjectVersion): Promise<void> {
  await database.transaction([run(`delete from plinth_storage.resumable_uploads where ${KEY}`, keyOf(of))])
}

/** Whether an object of this version has its row. */
export async function hasObject(database: Database, of: ObjectVersion): Promise<boolean> {
  const [found] = await database.transaction([
    rows(`select 1 as one from storage.objects where version = $1 and bucket_id = $2 and name = $3`, keyOf(of)),
  ])
  return found!.length > 0
}
