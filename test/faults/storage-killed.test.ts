// Storage is killed before every step of an upload, a replacement, a copy, a move, a deletion and the end of an upload in parts. Whatever
// was being done, afterwards every object has its bytes, all bytes have an object, and nothing is half the one and half the other.
import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CompleteMultipartUploadCommand, CreateMultipartUploadCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { FileBackend } from '../../src/services/storage/backend/file/file-backend.ts'
import { findOrphans } from '../../src/services/storage/housekeeping/check.ts'
import { withConnection } from '../../src/services/storage/housekeeping/connection.ts'
import { settleIntents } from '../../src/services/storage/housekeeping/settle.ts'
import { sign } from '../support/auth-service.ts'
import { JWT_SECRET, type StorageDatabase, startStorageDatabase } from '../support/storage-database.ts'

/** Postgres notices at once that a client is gone; a loaded machine takes its time. */
const SETTLE_MS = 60_000

interface Victim {
  readonly url: string
  readonly child: ChildProcess
  readonly application: string
  /** Arms it: it ends before that many steps. */
  arm(before: number): Promise<void>
}

// A process is started for each step.
vi.setConfig({ testTimeout: 300_000 })

const token = sign({ role: 'service_role' }, JWT_SECRET)
const A = 'the first bytes '.repeat(10_000)
const B = 'other bytes, and more of them '.repeat(10_000)
const md5 = (text: string) => `"${createHash('md5').update(text).digest('hex')}"`

let database: StorageDatabase
let folder: string
let steps: string
let spare: Promise<Victim>
let started = 0
const children = new Set<ChildProcess>()

async function spawnVictim(): Promise<Victim> {
  const application = `victim ${++started}`
  const child = fork(join(import.meta.dirname, 'killed-storage.mjs'), {
    env: {
      PATH: process.env['PATH'],
      ...database.variables(folder, {
        STEPS_FILE: steps,
        DATABASE_APPLICATION_NAME: application,
        S3_PROTOCOL_ACCESS_KEY_ID: 'key',
        S3_PROTOCOL_ACCESS_KEY_SECRET: 'secret',
      }),
    },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  children.add(child)
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-5_000)
  })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`Storage ended with ${code} before it served\n${errors}`)
  })
  ended.catch(() => undefined)
  const [{ port }] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }]
  return {
    url: `http://127.0.0.1:${port}`,
    child,
    application,
    async arm(before) {
      const armed = once(child, 'message')
      child.send({ before })
      await armed
    },
  }
}

beforeAll(async () => {
  database = await startStorageDatabase()
  folder = await mkdtemp(join(tmpdir(), 'plinth-killed-'))
  steps = join(await mkdtemp(join(tmpdir(), 'plinth-steps-')), 'steps')
  spare = spawnVictim()
  await spare
  await database.admin.query(`insert into storage.buckets (id, name) values ('one', 'one'), ('two', 'two')`)
})
afterAll(async () => {
  await spare?.catch(() => undefined)
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  await database?.[Symbol.asyncDispose]()
  for (const path of [folder, join(steps, '..')]) await rm(path, { recursive: true, force: true })
})

const call = (victim: Victim, method: string, path: string, body?: string | object, headers: Record<string, string> = {}) =>
  fetch(`${victim.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })

const must = async (answer: Promise<Response>) => {
  const response = await answer
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  await response.arrayBuffer()
}

/** What is there: name to bytes, each as its row says they are. */
async function objects(): Promise<Map<string, string>> {
  const { rows } = await database.admin.query<{ bucket: string; name: string; version: string; etag: string; size: string }>(
    `select bucket_id as bucket, name, version, metadata->>'eTag' as etag, metadata->>'size' as size from storage.objects`,
  )
  const found = new Map<string, string>()
  for (const { bucket, name, version, etag, size } of rows) {
    const bytes = await readFile(join(folder, 'stub/stub', bucket, name, version), 'utf8')
    expect({ etag, size: Number(size) }).toEqual({ etag: md5(bytes), size: bytes.length })
    found.set(`${bucket}/${name}`, bytes)
  }
  return found
}

/** As the next start does it, once Postgres has noticed that the killed one is gone. */
async function settled(victim: Victim): Promise<void> {
  const backend = await FileBackend.open({ path: folder, bucket: 'stub', tenantId: 'stub', etag: 'md5' })
  for (const end = Date.now() + SETTLE_MS; ; ) {
    if (Date.now() > end) throw new Error('the notes of a killed process are not settled')
    const { rows } = await database.admin.query(`select from pg_stat_activity where application_name = $1`, [victim.application])
    if (rows.length === 0) {
      await withConnection(database.url, (client) => settleIntents(client, backend))
      const left = await database.admin.query('select from plinth_storage.intents')
      if (left.rows.length === 0) break
    }
  }
  const found = await withConnection(database.url, (client) => findOrphans(client, backend, { olderThanMs: -1_000 }))
  expect({ ...found, files: 0, rows: 0 }).toEqual({ files: 0, rows: 0, filesWithoutRow: [], rowsWithoutFile: [], uploads: [] })
  expect(found.files).toBe(found.rows)
  expect(await readdir(join(folder, 'uploading'))).toEqual([])
}

/** Runs `act` again and again, each time killed one step later, until it is through. Returns the steps that it takes. */
async function killEverywhere<State>(
  prepare: (victim: Victim) => Promise<State>,
  act: (victim: Victim, state: State) => Promise<Response>,
  check: (found: Map<string, string>, answered: boolean) => void,
  stride = 1,
): Promise<string[]> {
  for (let before = 1; ; before += stride) {
    const victim = await spare
    spare = spawnVictim()
    spare.catch(() => undefined)
    await call(victim, 'DELETE', '/object/one', { prefixes: ['a', 'b', 'c'] })
    await call(victim, 'DELETE', '/object/two', { prefixes: ['a', 'b', 'c'] })
    const state = await prepare(victim)
    await writeFile(steps, '')
    const ended = once(victim.child, 'exit')
    await victim.arm(before)
    const answer = await act(victim, state).then(
      async (response) => ({ status: response.status, text: await response.text() }),
      () => undefined,
    )
    if (answer) expect(answer, answer.text).toMatchObject({ status: 200 })
    // An answer may be on its way when the next step ends the process: it is asked for one that is through.
    const taken = (await readFile(steps, 'utf8')).trim().split('\n')
    const through = answer !== undefined && taken.length < before
    if (through) victim.child.kill('SIGKILL')
    await ended
    await settled(victim)
    check(await objects(), answer !== undefined)
    if (through) return taken
  }
}

const s3 = (victim: Victim) =>
  new S3Client({
    endpoint: `${victim.url}/s3`,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  })

const entries = (...pairs: [string, string][]) => new Map(pairs)

test('an upload', async () => {
  const taken = await killEverywhere(
    async () => undefined,
    (victim) => call(victim, 'POST', '/object/one/a', A),
    (found, answered) => expect(answered ? [entries(['one/a', A])] : [entries(), entries(['one/a', A])]).toContainEqual(found),
  )
  expect(taken).toEqual(expect.arrayContaining(['database', 'open', 'writev', 'sync', 'rename', 'client']))
})

test('an upload that replaces another', async () => {
  await killEverywhere(
    (victim) => must(call(victim, 'POST', '/object/one/a', A)),
    (victim) => call(victim, 'PUT', '/object/one/a', B),
    (found, answered) => expect(answered ? [entries(['one/a', B])] : [entries(['one/a', A]), entries(['one/a', B])]).toContainEqual(found),
  )
})

test('a move to another bucket', async () => {
  await killEverywhere(
    (victim) => must(call(victim, 'POST', '/object/one/a', A)),
    (victim) => call(victim, 'POST', '/object/move', { bucketId: 'one', sourceKey: 'a', destinationBucket: 'two', destinationKey: 'b' }),
    (found, answered) => expect(answered ? [entries(['two/b', A])] : [entries(['one/a', A]), entries(['two/b', A])]).toContainEqual(found),
  )
})

test('a copy over another object', async () => {
  await killEverywhere(
    async (victim) => {
      await must(call(victim, 'POST', '/object/one/a', A))
      await must(call(victim, 'POST', '/object/two/b', B))
    },
    (victim) =>
      call(
        victim,
        'POST',
        '/object/copy',
        { bucketId: 'one', sourceKey: 'a', destinationBucket: 'two', destinationKey: 'b' },
        { 'x-upsert': 'true' },
      ),
    (found, answered) =>
      expect([...(answered ? [] : [entries(['one/a', A], ['two/b', B])]), entries(['one/a', A], ['two/b', A])]).toContainEqual(found),
  )
})

test('a deletion of one, and of many', async () => {
  const both = async (victim: Victim) => {
    await must(call(victim, 'POST', '/object/one/a', A))
    await must(call(victim, 'POST', '/object/one/b', B))
  }
  await killEverywhere(
    both,
    (victim) => call(victim, 'DELETE', '/object/one/a'),
    (found, answered) => expect([...(answered ? [] : [entries(['one/a', A], ['one/b', B])]), entries(['one/b', B])]).toContainEqual(found),
  )
  await killEverywhere(
    both,
    (victim) => call(victim, 'DELETE', '/object/one', { prefixes: ['a', 'b'] }),
    (found, answered) => expect([...(answered ? [] : [entries(['one/a', A], ['one/b', B])]), entries()]).toContainEqual(found),
    // The same steps as of one, with more of the same between.
    3,
  )
})

test('the end of an upload in parts', async () => {
  const [one, two] = ['1'.repeat(5_242_880), 'the last part']
  const target = { Bucket: 'one', Key: 'a' }
  await killEverywhere(
    async (victim) => {
      const client = s3(victim)
      await must(call(victim, 'POST', '/object/one/a', A))
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(target))
      const parts = []
      for (const [index, Body] of [one, two].entries()) {
        const { ETag } = await client.send(new UploadPartCommand({ ...target, UploadId, PartNumber: index + 1, Body }))
        parts.push({ ETag, PartNumber: index + 1 })
      }
      client.destroy()
      return { UploadId, MultipartUpload: { Parts: parts } }
    },
    async (victim, upload) => {
      const client = s3(victim)
      try {
        await client.send(new CompleteMultipartUploadCommand({ ...target, ...upload }))
        return new Response()
      } finally {
        client.destroy()
      }
    },
    (found, answered) =>
      expect(answered ? [entries(['one/a', one + two])] : [entries(['one/a', A]), entries(['one/a', one + two])]).toContainEqual(found),
    // Many parts of it are those of an upload.
    3,
  )
})
