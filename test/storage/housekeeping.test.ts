// Clearing up: notes of instances that are gone are settled, and files and rows without each other are found and mended.
import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { storageCheck } from '../../src/cli/storage-check.ts'
import { readEnv } from '../../src/env/read.ts'
import { silentLog } from '../../src/log/log.ts'
import type { Backend, ObjectVersion } from '../../src/services/storage/backend/backend.ts'
import { FileBackend } from '../../src/services/storage/backend/file/file-backend.ts'
import { INSTANCE_LOCK_CLASS } from '../../src/services/storage/database/instance.ts'
import { prepareDatabase } from '../../src/services/storage/database/prepare.ts'
import { storageEnv } from '../../src/services/storage/env.ts'
import { checkStorage } from '../../src/services/storage/housekeeping/check-storage.ts'
import { withConnection } from '../../src/services/storage/housekeeping/connection.ts'
import { Housekeeping } from '../../src/services/storage/housekeeping/housekeeping.ts'
import { settleIntents } from '../../src/services/storage/housekeeping/settle.ts'
import { type StorageDatabase, startStorageDatabase } from '../support/storage-database.ts'

let database: StorageDatabase
let folder: string
let backend: Backend
let environment: Record<string, string>

beforeAll(async () => {
  database = await startStorageDatabase()
  folder = await mkdtemp(join(tmpdir(), 'plinth-housekeeping-'))
  environment = database.variables(folder)
  await prepareDatabase(readEnv(storageEnv, environment))
  backend = await FileBackend.open({ path: folder, bucket: 'stub', tenantId: 'stub', etag: 'md5' })
  await database.admin.query(`insert into storage.buckets (id, name) values ('pictures', 'pictures'), ('letters', 'letters')`)
})
afterAll(async () => {
  await database?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  await database.admin.query(
    `begin; set local storage.allow_delete_query = 'true'; delete from storage.objects; delete from storage.s3_multipart_uploads; commit`,
  )
  await database.admin.query('delete from plinth_storage.intents; delete from plinth_storage.resumable_uploads')
  await rm(join(folder, 'stub/stub'), { recursive: true, force: true })
  await rm(join(folder, 'multiparts'), { recursive: true, force: true })
  backend = await FileBackend.open({ path: folder, bucket: 'stub', tenantId: 'stub', etag: 'md5' })
})

function deferred() {
  const events = new EventEmitter()
  const promise = once(events, 'done')
  return { promise, resolve: () => events.emit('done') }
}
const fresh = (name: string, bucket = 'pictures'): ObjectVersion => ({ bucket, name, version: randomUUID() })
const write = async (of: ObjectVersion, text = 'bytes') => {
  await backend.put(of, Readable.from([Buffer.from(text)]), { contentType: 'text/plain', cacheControl: 'no-cache', maxSize: 1_000 })
  return of
}
const row = async ({ bucket, name, version }: ObjectVersion, changed = '2026-01-01') => {
  await database.admin.query('insert into storage.objects (bucket_id, name, version, created_at, updated_at) values ($1, $2, $3, $4, $4)', [
    bucket,
    name,
    version,
    changed,
  ])
}
const note = async ({ bucket, name, version }: ObjectVersion, kind: 'write' | 'remove', instance: number, age = '0 s') => {
  await database.admin.query(
    `insert into plinth_storage.intents (bucket_id, name, version, kind, instance, created_at) values ($1, $2, $3, $4, $5, now() - $6::interval)`,
    [bucket, name, version, kind, instance, age],
  )
}
const notes = async () =>
  (await database.admin.query<{ name: string }>('select name from plinth_storage.intents order by name')).rows.map(({ name }) => name)
const stored = async () => {
  const found: string[] = []
  for await (const { name } of backend.versions()) found.push(name)
  return found.toSorted()
}
const rows = async () =>
  (await database.admin.query<{ name: string }>('select name from storage.objects order by name')).rows.map(({ name }) => name)
const check = (more: Partial<Parameters<typeof checkStorage>[1]> = {}) =>
  checkStorage(readEnv(storageEnv, environment), { olderThanMs: 0, repair: false, force: false, ...more })

test('notes of the dead are settled with their bytes, those of the living and bytes with a row are left', async () => {
  const living = await database.server.connect('supabase_storage_admin')
  await living.query('select pg_advisory_lock($1, $2)', [INSTANCE_LOCK_CLASS, 7])
  await note(await write(fresh('dead write')), 'write', 6)
  const saved = await write(fresh('dead, but saved'))
  await row(saved)
  await note(saved, 'write', 6)
  await note(fresh('dead before a byte'), 'write', 6)
  await note(await write(fresh('living write')), 'write', 7, '1 day')
  await note(await write(fresh('living removal')), 'remove', 7)
  await note(await write(fresh('old removal')), 'remove', 7, '2 min')
  const half = fresh('half written')
  await writeFile(join(folder, 'uploading', `${half.version}.0123456789ab`), 'half')
  await note(half, 'write', 6)
  expect(await withConnection(database.url, (client) => settleIntents(client, backend))).toBe(5)
  expect(await notes()).toEqual(['living removal', 'living write'])
  expect(await stored()).toEqual(['dead, but saved', 'living removal', 'living write'])
  expect(await readdir(join(folder, 'uploading'))).toEqual([])
  await living.end()
})

test('more notes than one batch are settled, and two that are at it do not meet', async () => {
  for (let index = 0; index < 120; index++) await note(fresh(`n ${index}`), 'write', 6)
  const settle = () => withConnection(database.url, (client) => settleIntents(client, backend))
  const [one, other] = await Promise.all([settle(), settle()])
  expect(one + other).toBe(120)
  expect(await notes()).toEqual([])
})

test('an upload whose note is being settled waits, and then finds the note gone', async () => {
  const of = await write(fresh('late'))
  await note(of, 'write', 6)
  const removing = deferred()
  const removed = deferred()
  const slow: Backend = Object.create(backend, {
    leftovers: { value: backend.leftovers },
    remove: {
      value: async (many: ObjectVersion[]) => {
        removing.resolve()
        await removed.promise
        await backend.remove(many)
      },
    },
  })
  const settling = withConnection(database.url, (client) => settleIntents(client, slow))
  await removing.promise
  const finishing = database.admin.query('delete from plinth_storage.intents where version = $1 returning 1', [of.version])
  removed.resolve()
  await settling
  expect((await finishing).rowCount).toBe(0)
  expect(await stored()).toEqual([])
})

test('a service begins with a pass, goes on after a chore that fails, and ends with its stop', async () => {
  await note(await write(fresh('dead write')), 'write', 6)
  const told: string[] = []
  const done = deferred()
  const housekeeping = new Housekeeping({
    url: database.url,
    backend,
    uploadExpiryMs: 1_000,
    log: { ...silentLog, warn: (fields: object) => void told.push((fields as { chore: string }).chore) } as typeof silentLog,
    chores: [
      { name: 'broken', run: () => Promise.reject(new Error('no')) },
      { name: 'last', run: async () => Number(done.resolve()) },
    ],
  })
  housekeeping.start()
  await done.promise
  expect(told).toEqual(['broken'])
  expect(await notes()).toEqual([])
  expect(await stored()).toEqual([])
  await housekeeping.close()
})

test('a check finds files without rows and rows without files, and changes nothing', async () => {
  const [whole, orphan, young, noted, lost] = [fresh('whole'), fresh('orphan'), fresh('young'), fresh('noted'), fresh('lost', 'letters')]
  for (const of of [whole, orphan, young, noted]) await write(of)
  for (const of of [whole, lost]) await row(of)
  await note(noted, 'write', 6)
  const old = new Date(Date.now() - 3_600_000)
  await utimes(join(folder, 'stub/stub/pictures/orphan', orphan.version), old, old)
  const report = await check({ olderThanMs: 60_000 })
  expect(report).toMatchObject({
    files: 4,
    rows: 2,
    filesWithoutRow: [{ ...orphan, size: 5 }],
    rowsWithoutFile: [lost],
    uploads: [],
    mended: undefined,
  })
  expect(await stored()).toEqual(['noted', 'orphan', 'whole', 'young'])
  expect(await rows()).toEqual(['lost', 'whole'])
})

test('a repair removes both, settles notes, and leaves what belongs together', async () => {
  const odd = { bucket: 'pictures', name: 'folder//twice/', version: randomUUID() }
  const nameless = { bucket: 'pictures', name: 'of-the-first-release', version: '' }
  for (const of of [odd, fresh('orphan'), fresh('orphan'), nameless]) await write(of)
  await row(odd)
  await database.admin.query(
    `insert into storage.objects (bucket_id, name, updated_at) values ('pictures', 'of-the-first-release', '2026-01-01')`,
  )
  await row(fresh('lost'))
  await note(await write(fresh('cut off')), 'write', 6)
  expect((await check({ repair: true })).mended).toEqual({ files: 2, rows: 1, uploads: 0, settled: 1 })
  expect(await stored()).toEqual(['folder/twice', 'of-the-first-release'])
  expect(await rows()).toEqual(['folder//twice/', 'of-the-first-release'])
  expect(await check()).toMatchObject({ filesWithoutRow: [], rowsWithoutFile: [] })
})

test('a file under another name than that of its row is one without the other', async () => {
  const of = await write(fresh('before'))
  await row({ ...of, name: 'renamed by SQL' })
  expect(await check()).toMatchObject({ filesWithoutRow: [of], rowsWithoutFile: [{ name: 'renamed by SQL' }] })
})

test('rows that are newer than the check are not called lost', async () => {
  await row(fresh('just made'), 'infinity')
  expect((await check()).rowsWithoutFile).toEqual([])
})

test('uploads in parts that the database does not know are found and freed, the others are left', async () => {
  const head = { contentType: 'text/plain', cacheControl: 'no-cache' }
  const unknown = await backend.multipart.create(fresh('unknown'), head)
  const known = await backend.multipart.create(fresh('known'), head)
  await database.admin.query(
    `insert into storage.s3_multipart_uploads (id, upload_signature, bucket_id, key, version) values ($1, 's', 'pictures', 'known', 'v')`,
    [known],
  )
  const resumable = await backend.multipart.create(fresh('resumable'), head)
  await database.admin.query(
    `insert into plinth_storage.resumable_uploads (bucket_id, name, version, metadata, upload_id) values ('pictures', 'resumable', 'v', '{}', $1)`,
    [resumable],
  )
  expect((await check()).uploads).toMatchObject([{ uploadId: unknown }])
  expect((await check({ repair: true })).mended).toMatchObject({ uploads: 1 })
  expect((await readdir(join(folder, 'multiparts'))).toSorted()).toEqual([known, resumable].toSorted())
})

test('a folder that looks like a disk that is not mounted is not taken for lost objects', async () => {
  for (let index = 0; index < 12; index++) await row(fresh(`lost ${index}`))
  await expect(check({ repair: true })).rejects.toThrow(
    '12 of 12 objects have lost their bytes. Is this the right folder or bucket, and is it mounted?',
  )
  expect(await rows()).toHaveLength(12)
  expect((await check({ repair: true, force: true })).mended).toMatchObject({ rows: 12 })
})

test('thousands of versions are compared in one go', async () => {
  await database.admin.query(
    `insert into storage.objects (bucket_id, name, version, updated_at) select 'pictures', 'n/' || n, gen_random_uuid()::text, '2026-01-01' from generate_series(1, 5000) n`,
  )
  const { rows: made } = await database.admin.query<{ name: string; version: string }>('select name, version from storage.objects')
  const many: Backend = Object.create(backend, {
    versions: {
      value: async function* () {
        for (const { name, version } of made) yield { bucket: 'pictures', name, version, size: 1, lastModified: new Date(0) }
        yield { bucket: 'pictures', name: 'one more', version: 'v', size: 1, lastModified: new Date(0) }
      },
    },
  })
  const { findOrphans } = await import('../../src/services/storage/housekeeping/check.ts')
  const client = new pg.Client(database.url)
  await client.connect()
  const told: number[] = []
  const found = await findOrphans(client, many, {
    olderThanMs: 0,
    progress: (phase, count) => void (phase === 'files' && told.push(count)),
  })
  await client.end()
  expect(found).toMatchObject({ files: 5_001, rows: 5_000, filesWithoutRow: [{ name: 'one more' }], rowsWithoutFile: [] })
  expect(told).toEqual([2_000, 4_000, 5_001])
})

test('the command tells what it found, ends with 1, and with --repair mends it', async () => {
  const orphan = await write(fresh('orphan'))
  await row(fresh('lost'))
  const run = async (flags: Record<string, string | boolean>) => {
    const lines: string[] = []
    const io = { out: (text: string) => void lines.push(text), err: () => undefined } as unknown as Parameters<
      typeof storageCheck.run
    >[0]['io']
    const invocation = {
      args: [],
      flags: { 'older-than': '0', ...flags },
      io,
      env: environment,
      cwd: folder,
      signal: new AbortController().signal,
    }
    return { code: await storageCheck.run(invocation), out: lines.join('') }
  }
  const found = await run({})
  expect(found.code).toBe(1)
  expect(found.out).toContain(
    `1 object, 1 file\n1 file without an object (0.0 MB)\n  pictures/orphan ${orphan.version} 0.0 MB\n1 object without a file\n  pictures/lost `,
  )
  expect(found.out).toContain('Nothing was changed. Mend it with --repair.')
  expect(JSON.parse((await run({ output: 'json' })).out)).toMatchObject({ filesWithoutRow: [{ name: 'orphan' }] })
  const mended = await run({ repair: true })
  expect(mended.code).toBe(0)
  expect(mended.out).toContain('Removed 1 file, 1 object, 0 uploads; settled 0 notes of work that was cut off.')
  expect(await run({})).toEqual({
    code: 0,
    out: '0 objects, 0 files\n0 files without an object (0.0 MB)\n0 objects without a file\n0 uploads in parts that nobody knows\n',
  })
  await expect(run({ 'older-than': 'soon' })).rejects.toThrow('--older-than takes a number of hours')
})
