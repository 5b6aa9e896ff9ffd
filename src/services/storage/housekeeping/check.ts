// Backend and database compared, all of them: files that no row speaks of and rows whose file is not there are found, and mended on request.
// Each finding is looked at once more before anything is changed, so that uploads that run meanwhile are left alone.
import type pg from 'pg'
import type { Backend, ObjectVersion, StoredUpload, StoredVersion } from '../backend/backend.ts'
import { StorageError } from '../errors.ts'
import { unknownUploads } from './leftovers.ts'

export interface CheckOptions {
  /** Files younger than this are left alone: another server may be about to write their row. */
  readonly olderThanMs: number
  readonly progress?: (phase: 'files' | 'rows' | 'mending', count: number) => void
  readonly signal?: AbortSignal
}

export interface LostRow extends ObjectVersion {
  readonly id: string
}

export interface Findings {
  /** Versions in the backend. */
  readonly files: number
  readonly rows: number
  readonly filesWithoutRow: readonly StoredVersion[]
  readonly rowsWithoutFile: readonly LostRow[]
  /** Uploads in parts that the database does not know. */
  readonly uploads: readonly StoredUpload[]
}

const INSERT_BATCH = 2_000
const MEND_BATCH = 500
/** Questions to the backend under way at once. */
const LOOKS = 16

// A file system knows no empty segments: `a//b` and `a/b/` lie where `a/b` does.
const NORMAL = (name: string) => `regexp_replace(trim(both '/' from ${name}), '/+', '/', 'g')`
const SAME = `o.bucket_id = f.bucket and coalesce(o.version, '') = f.version and ${NORMAL('o.name')} = ${NORMAL('f.name')}`

export async function findOrphans(client: pg.Client, backend: Backend, options: CheckOptions): Promise<Findings> {
  const { signal, progress } = options
  const { rows: clock } = await client.query<{ now: Date }>('select now()')
  const started = clock[0]!.now
  await client.query('drop table if exists pg_temp.found')
  await client.query('create temp table found (bucket text, name text, version text, size bigint, modified timestamptz)')
  let files = 0
  let batch: StoredVersion[] = []
  const enter = async () => {
    signal?.throwIfAborted()
    await client.query(
      `insert into pg_temp.found select bucket, name, version, size, "lastModified"
         from json_to_recordset($1::json) as t (bucket text, name text, version text, size bigint, "lastModified" timestamptz)`,
      [JSON.stringify(batch)],
    )
    files += batch.length
    batch = []
    progress?.('files', files)
  }
  for await (const version of backend.versions()) {
    batch.push(version)
    if (batch.length === INSERT_BATCH) await enter()
  }
  await enter()
  await client.query('analyze pg_temp.found')
  const filesWithoutRow = await client.query<Omit<StoredVersion, 'size' | 'lastModified'> & { size: string; modified: Date }>(
    `select f.* from pg_temp.found f
      where f.modified < $1 and not exists (select from storage.objects o where ${SAME})
        and not exists (select from plinth_storage.intents i where i.bucket_id = f.bucket and i.version = f.version)
      order by f.bucket, f.name, f.version`,
    [new Date(started.getTime() - options.olderThanMs)],
  )
  const candidates = await client.query<LostRow>(
    `select o.id, o.bucket_id as bucket, o.name, coalesce(o.version, '') as version from storage.objects o
      where coalesce(o.updated_at, o.created_at, '-infinity') < $1 and not o.is_delete_marker
        and not exists (select from pg_temp.found f where ${SAME})
      order by o.bucket_id, o.name`,
    [started],
  )
  const { rows: counted } = await client.query<{ count: string }>('select count(*) from storage.objects where not is_delete_marker')
  const rows = Number(counted[0]?.count)
  progress?.('rows', rows)
  const rowsWithoutFile = await missing(backend, candidates.rows, signal)
  const uploads: StoredUpload[] = []
  for await (const upload of unknownUploads(client, backend, new Date(started.getTime() - options.olderThanMs))) uploads.push(upload)
  await client.query('drop table pg_temp.found')
  return {
    files,
    rows,
    filesWithoutRow: filesWithoutRow.rows.map(({ bucket, name, version, size, modified }) => ({
      bucket,
      name,
      version,
      size: Number(size),
      lastModified: modified,
    })),
    rowsWithoutFile,
    uploads,
  }
}

/** Those whose bytes the backend does not have, asked one by one. */
async function missing(backend: Backend, rows: readonly LostRow[], signal?: AbortSignal): Promise<LostRow[]> {
  const gone: LostRow[] = []
  for (let at = 0; at < rows.length; at += LOOKS) {
    signal?.throwIfAborted()
    const looks = rows.slice(at, at + LOOKS).map(async (row) => {
      try {
        await backend.head(row)
      } catch (error) {
        // Any other trouble is no proof that the bytes are gone.
        if (error instanceof StorageError && ['NoSuchKey', 'InvalidKey', 'InvalidBucketName'].includes(error.code)) return [row]
        throw error
      }
      return []
    })
    gone.push(...(await Promise.all(looks)).flat())
  }
  return gone
}

/** Removes the files, the rows and the uploads that were found, as far as they are still what they were. Returns how many of each went. */
export async function mend(
  client: pg.Client,
  backend: Backend,
  { filesWithoutRow, rowsWithoutFile, uploads }: Findings,
  { progress, signal }: Pick<CheckOptions, 'progress' | 'signal'> = {},
): Promise<{ files: number; rows: number; uploads: number }> {
  const mended = { files: 0, rows: 0, uploads: 0 }
  const tell = () => progress?.('mending', mended.files + mended.rows + mended.uploads)
  for (let at = 0; at < filesWithoutRow.length; at += MEND_BATCH) {
    signal?.throwIfAborted()
    const garbage = await stillWithoutRow(client, filesWithoutRow.slice(at, at + MEND_BATCH))
    await backend.remove(garbage)
    mended.files += garbage.length
    tell()
  }
  for (let at = 0; at < rowsWithoutFile.length; at += MEND_BATCH) {
    const lost = await missing(backend, rowsWithoutFile.slice(at, at + MEND_BATCH), signal)
    mended.rows += await deleteRows(client, lost)
    tell()
  }
  for (const upload of uploads) {
    signal?.throwIfAborted()
    await backend.leftovers.removeUpload(upload)
    mended.uploads++
    tell()
  }
  return mended
}

async function stillWithoutRow(client: pg.Client, files: readonly StoredVersion[]): Promise<ObjectVersion[]> {
  const { rows } = await client.query<ObjectVersion>(
    `select f.bucket, f.name, f.version from json_to_recordset($1::json) as f (bucket text, name text, version text)
      where not exists (select from storage.objects o where ${SAME})
        and not exists (select from plinth_storage.intents i where i.bucket_id = f.bucket and i.version = f.version)`,
    [JSON.stringify(files.map(({ bucket, name, version }) => ({ bucket, name, version })))],
  )
  return rows
}

async function deleteRows(client: pg.Client, lost: readonly LostRow[]): Promise<number> {
  await client.query('begin')
  try {
    await client.query(`select set_config('storage.allow_delete_query', 'true', true)`)
    // A row that has been given other bytes meanwhile is another one.
    const { rowCount } = await client.query(
      `delete from storage.objects o using json_to_recordset($1::json) as t (id uuid, version text)
        where o.id = t.id and coalesce(o.version, '') = t.version`,
      [JSON.stringify(lost.map(({ id, version }) => ({ id, version })))],
    )
    await client.query('commit')
    return rowCount ?? 0
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}
