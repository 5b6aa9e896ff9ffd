// Resumable uploads: the protocol, rights, limits, locks between instances, crashes.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { Upload } from 'tus-js-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FileBackend } from '../../src/services/storage/backend/file/file-backend.ts'
import { lockKey } from '../../src/services/storage/objects/names.ts'
import { uploadExpiry } from '../../src/services/storage/tus/expiry.ts'
import { startS3 } from '../fakes/s3-server.ts'
import { type StorageDatabase, startStorageDatabase } from '../support/storage-database.ts'
import { SERVICE_KEY, startStorage, type TestStorage, tokenOf } from '../support/storage-service.ts'

const OCTETS = 'application/offset+octet-stream'
let database: StorageDatabase
let storage: TestStorage
let admin: pg.Client

beforeAll(async () => {
  database = await startStorageDatabase()
  admin = database.admin
  storage = await startStorage(database, { TUS_URL_PATH: '/upload/resumable' })
  for (const [name, options] of [
    ['b', {}],
    ['small', { file_size_limit: 100, allowed_mime_types: ['text/plain'] }],
  ] as const)
    expect(
      (
        await storage.call('POST', '/bucket', {
          body: JSON.stringify({ name, ...options }),
          headers: { 'content-type': 'application/json' },
        })
      ).status,
    ).toBe(200)
})
afterAll(async () => {
  await storage[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const metadata = (values: Record<string, string>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',')

const create = (
  name: string,
  headers: Record<string, string>,
  { bucket = 'b', body, token, more = {} }: { bucket?: string; body?: string; token?: string; more?: Record<string, string> } = {},
) =>
  storage.call('POST', '/upload/resumable', {
    headers: {
      'tus-resumable': '1.0.0',
      'upload-metadata': metadata({ bucketName: bucket, objectName: name, ...more }),
      ...(body === undefined ? {} : { 'content-type': OCTETS }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
    ...(token === undefined ? {} : { token }),
  })
const pathOf = (response: Response): string => new URL(response.headers.get('location')!).pathname
const patch = (path: string, offset: number, body: string | Buffer, headers: Record<string, string> = {}, token?: string, on = storage) =>
  on.call('PATCH', path, {
    body: body as BodyInit,
    headers: { 'tus-resumable': '1.0.0', 'upload-offset': String(offset), 'content-type': OCTETS, ...headers },
    ...(token === undefined ? {} : { token }),
  })
const head = (path: string, on = storage) => on.call('HEAD', path, { headers: { 'tus-resumable': '1.0.0' } })
const textOf = async (name: string): Promise<string> => (await storage.call('GET', `/object/b/${name}`)).text()
const rowsOf = async (name: string): Promise<unknown[]> =>
  (await admin.query('select metadata, user_metadata from storage.objects where bucket_id = $1 and name = $2', ['b', name])).rows
const states = async (): Promise<number> =>
  Number((await admin.query('select count(*) from plinth_storage.resumable_uploads')).rows[0].count)
const intents = async (): Promise<number> => Number((await admin.query('select count(*) from plinth_storage.intents')).rows[0].count)

test('an upload in pieces has its object at the end and not before', async () => {
  const path = pathOf(
    await create('d/a.txt', { 'upload-length': '10' }, { more: { contentType: 'text/plain', cacheControl: '60', metadata: '{"k":1}' } }),
  )
  expect((await patch(path, 0, 'hello')).status).toBe(204)
  expect(await rowsOf('d/a.txt')).toEqual([])
  const between = await head(path)
  expect([between.headers.get('upload-offset'), between.headers.get('upload-length'), between.headers.get('cache-control')]).toEqual([
    '5',
    '10',
    'no-store',
  ])
  expect(Date.parse((await patch(path, 5, 'wo')).headers.get('upload-expires')!)).toBeGreaterThan(Date.now())
  const last = await patch(path, 7, 'rld')
  expect([last.status, last.headers.get('tus-complete'), last.headers.get('upload-offset')]).toEqual([204, '1', '10'])
  expect(await textOf('d/a.txt')).toBe('helloworld')
  expect(await rowsOf('d/a.txt')).toMatchObject([
    { metadata: { mimetype: 'text/plain', cacheControl: 'max-age=60', size: 10 }, user_metadata: { k: 1 } },
  ])
  expect((await head(path)).headers.get('upload-offset')).toBe('10')
  expect(storage.files().filter((file) => file.includes('multiparts'))).toEqual([])
  expect(await intents()).toBe(0)
})

test('wrong offsets, too many bytes, unknown uploads', async () => {
  const path = pathOf(await create('wrong', { 'upload-length': '5' }))
  const conflict = await patch(path, 3, 'x')
  expect([conflict.status, (await conflict.text()).trim()]).toEqual([409, 'Upload-Offset conflict'])
  const long = await patch(path, 0, 'hello, world')
  expect([long.status, (await long.text()).trim()]).toEqual([413, "upload's size exceeded"])
  expect((await head(path)).headers.get('upload-offset')).toBe('0')
  expect((await storage.call('DELETE', path, { headers: { 'tus-resumable': '1.0.0' } })).status).toBe(204)
  expect((await head(path)).status).toBe(404)
  expect((await head('/upload/resumable/garbage')).status).toBe(400)
  const climbing = Buffer.from('b/../../x/00000000-0000-4000-8000-000000000000').toString('base64url')
  expect((await patch(`/upload/resumable/${climbing}`, 0, 'x')).status).toBe(400)
})

test('an empty upload, and one whose length is told at its end', async () => {
  const empty = await create('empty', { 'upload-length': '0' })
  expect([empty.status, empty.headers.get('tus-complete')]).toEqual([201, '1'])
  expect(await textOf('empty')).toBe('')
  const path = pathOf(await create('later', { 'upload-defer-length': '1' }))
  expect((await patch(path, 0, 'abc')).status).toBe(204)
  expect((await head(path)).headers.get('upload-defer-length')).toBe('1')
  expect((await patch(path, 3, '', { 'upload-length': '3' })).headers.get('tus-complete')).toBe('1')
  expect(await textOf('later')).toBe('abc')
})

test("the bucket's limits hold before a byte is sent, and for a length that is told later", async () => {
  const answer = async (response: Response) => [response.status, (await response.text()).trim()]
  expect(await answer(await create('a', { 'upload-length': '101' }, { bucket: 'small' }))).toEqual([413, 'Maximum size exceeded'])
  expect(await answer(await create('a', { 'upload-length': '9' }, { bucket: 'small', more: { contentType: 'image/png' } }))).toEqual([
    415,
    'mime type image/png is not supported',
  ])
  const path = pathOf(await create('a', { 'upload-defer-length': '1' }, { bucket: 'small' }))
  expect((await patch(path, 0, 'x'.repeat(101))).status).toBe(413)
  expect(await answer(await patch(path, 0, 'x', { 'upload-length': '200' }))).toEqual([413, 'Maximum size exceeded'])
})

test('every request is tried against the policies, and the last one decides', async () => {
  const user = tokenOf({ role: 'authenticated', sub: 'a0000000-0000-4000-8000-00000000000a' })
  const refused = await create('mine', { 'upload-length': '4' }, { token: user })
  expect([refused.status, await refused.text()]).toEqual([403, 'new row violates row-level security policy'])
  await admin.query(`create policy tus on storage.objects for insert to authenticated with check (name like 'mine%')`)
  const path = pathOf(await create('mine', { 'upload-length': '4' }, { token: user }))
  expect((await patch(path, 0, 'ab', {}, user)).status).toBe(204)
  await admin.query('drop policy tus on storage.objects')
  expect((await patch(path, 2, 'cd', {}, user)).status).toBe(403)
  expect(await rowsOf('mine')).toEqual([])
  await admin.query(`create policy tus on storage.objects for insert to authenticated with check (name like 'mine%')`)
  expect((await patch(path, 2, 'cd', {}, user)).status).toBe(204)
  expect(await textOf('mine')).toBe('abcd')
  await admin.query('drop policy tus on storage.objects')
  expect((await create('x', { 'upload-length': '1' }, { token: 'garbage' })).status).toBe(400)
})

test('an object that appeared meanwhile is not replaced unless x-upsert says so', async () => {
  const path = pathOf(await create('taken', { 'upload-length': '3' }))
  await storage.call('POST', '/object/b/taken', { body: 'old', headers: { 'content-type': 'text/plain' } })
  expect((await patch(path, 0, 'new')).status).toBe(409)
  expect(await textOf('taken')).toBe('old')
  expect((await patch(path, 0, 'new', { 'x-upsert': 'true' })).status).toBe(204)
  expect(await textOf('taken')).toBe('new')
})

test('a signed token stands for one object and for its signer', async () => {
  const signer = tokenOf({ role: 'service_role', sub: 'signer' })
  const { token } = (await (await storage.call('POST', '/object/upload/sign/b/signed', { token: signer })).json()) as { token: string }
  const headers = { 'tus-resumable': '1.0.0', 'x-signature': token, 'upload-length': '3' }
  const start = (name: string) =>
    fetch(`${storage.url}/upload/resumable/sign`, {
      method: 'POST',
      headers: { ...headers, 'upload-metadata': metadata({ bucketName: 'b', objectName: name }) },
    })
  expect((await start('other')).status).toBe(400)
  const path = pathOf(await start('signed'))
  expect(path).toMatch(/^\/upload\/resumable\/sign\//)
  const sent = await fetch(storage.url + path, {
    method: 'PATCH',
    body: 'abc',
    headers: { 'tus-resumable': '1.0.0', 'x-signature': token, 'upload-offset': '0', 'content-type': OCTETS },
  })
  expect(sent.status).toBe(204)
  expect((await admin.query(`select owner_id from storage.objects where name = 'signed'`)).rows).toEqual([{ owner_id: 'signer' }])
})

test.each([
  [{}, /^http:\/\/127\.0\.0\.1:\d+\/upload/],
  [{ 'x-forwarded-host': 'api.example', 'x-forwarded-proto': 'https' }, /^https:\/\/api\.example\/upload/],
  [{ 'x-forwarded-host': 'api.example', 'x-forwarded-port': '8443', 'x-forwarded-proto': 'https' }, /^https:\/\/api\.example:8443\/upload/],
  [{ 'x-forwarded-host': 'api.example:8000', 'x-forwarded-port': '8000' }, /^http:\/\/api\.example:8000\/upload/],
  [{ 'x-forwarded-host': 'api.example', 'x-forwarded-port': '443', 'x-forwarded-proto': 'https' }, /^https:\/\/api\.example\/upload/],
  [{ forwarded: 'for=1.2.3.4;host=fwd.example;proto=https' }, /^https:\/\/fwd\.example\/upload/],
])('behind a proxy that says %j the upload is found again', async (headers, location) => {
  const created = await create('proxied', { 'upload-length': '1', ...(headers as Record<string, string>) })
  expect(created.headers.get('location')).toMatch(location)
})

/** Begins a PATCH and leaves it hanging in the middle. Resolves when the bytes are out. */
async function hangingPatch(url: string, path: string, offset: number, bytes: Buffer) {
  const req = request(`${url}${path}`, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${SERVICE_KEY}`,
      'tus-resumable': '1.0.0',
      'upload-offset': String(offset),
      'content-type': OCTETS,
      'content-length': String(bytes.length * 2),
    },
  })
  req.on('error', () => undefined)
  req.on('response', (response) => response.resume())
  await new Promise<void>((resolve) => req.write(bytes, () => resolve()))
  return req
}
const held = async (id: string): Promise<boolean> => {
  const key = lockKey(id)
  const { rows } = await admin.query(
    `select 1 from pg_locks where locktype = 'advisory' and classid = 0 and objid = $1::bigint::oid and granted`,
    [key],
  )
  return rows.length > 0
}
const idOf = (path: string): string => Buffer.from(path.split('/').at(-1)!, 'base64url').toString()
/** The first bytes have been read, and not only sent: what a reader has not taken is lost with the connection. */
const atWork = async (path: string): Promise<boolean> => {
  const version = idOf(path).split('/').at(-1)!
  return (await held(idOf(path))) && storage.files().some((file) => file.startsWith(`uploading/${version}.`))
}

test('a client that leaves in the middle goes on where it stopped', async () => {
  const path = pathOf(await create('left', { 'upload-length': '2000' }))
  const req = await hangingPatch(storage.url, path, 0, Buffer.alloc(1_000, 97))
  await expect.poll(() => atWork(path), { timeout: 30_000 }).toBe(true)
  req.destroy()
  await expect.poll(() => held(idOf(path)), { timeout: 30_000 }).toBe(false)
  expect((await head(path)).headers.get('upload-offset')).toBe('1000')
  expect((await patch(path, 1_000, 'b'.repeat(1_000))).status).toBe(204)
  expect(await textOf('left')).toBe('a'.repeat(1_000) + 'b'.repeat(1_000))
})

test('another instance asks the one that works on an upload to give it up', async () => {
  await using second = await startStorage(database, { STORAGE_FILE_BACKEND_PATH: storage.folder })
  const path = pathOf(await create('moved', { 'upload-length': '2000' }))
  const req = await hangingPatch(storage.url, path, 0, Buffer.alloc(1_000, 97))
  await expect.poll(() => atWork(path), { timeout: 30_000 }).toBe(true)
  await expect.poll(async () => (await head(path, second)).headers.get('upload-offset'), { timeout: 40_000 }).toBe('1000')
  req.destroy()
  expect((await patch(path, 1_000, 'b'.repeat(1_000), {}, undefined, second)).status).toBe(204)
  expect(await textOf('moved')).toBe('a'.repeat(1_000) + 'b'.repeat(1_000))
})

test('who cannot get the lock is told so', async () => {
  const path = pathOf(await create('locked', { 'upload-length': '3' }))
  await admin.query('select pg_advisory_lock($1::bigint)', [lockKey(idOf(path))])
  const refused = await patch(path, 0, 'abc')
  expect([refused.status, await refused.text()]).toEqual([503, 'acquiring lock timeout'])
  await admin.query('select pg_advisory_unlock($1::bigint)', [lockKey(idOf(path))])
  expect((await patch(path, 0, 'abc')).status).toBe(204)
})

test('what nobody has added to in time is gone', async () => {
  const path = pathOf(await create('old', { 'upload-length': '9' }))
  await patch(path, 0, 'abc')
  await admin.query(`update plinth_storage.resumable_uploads set touched_at = now() - interval '2 hours'`)
  const gone = await head(path)
  expect(gone.status).toBe(410)
  // An instance that starts clears up.
  await using _ = await startStorage(database, { STORAGE_FILE_BACKEND_PATH: storage.folder })
  await expect.poll(states, { timeout: 30_000 }).toBe(0)
  expect(storage.files().filter((file) => file.includes('multiparts'))).toEqual([])
})

test('an upload that somebody goes on with while others expire stays', async () => {
  const paths = [pathOf(await create('expired', { 'upload-length': '9' })), pathOf(await create('alive', { 'upload-length': '9' }))]
  await admin.query(
    `update plinth_storage.resumable_uploads set touched_at = now() - case name when 'expired' then interval '3 hours' else interval '2 hours' end
      where name in ('expired', 'alive')`,
  )
  const backend = await FileBackend.open({ path: storage.folder, bucket: 'stub', tenantId: 'stub', etag: 'md5' })
  const { abort } = backend.multipart
  backend.multipart.abort = async (of, id) => {
    await admin.query(`update plinth_storage.resumable_uploads set touched_at = now() where name = 'alive'`)
    await abort(of, id)
  }
  const chore = uploadExpiry({ url: database.url, backend, expiryMs: 3_600_000, versionSeparator: false })
  expect(await chore.run(new AbortController().signal)).toBe(1)
  expect(await Promise.all(paths.map(async (path) => (await head(path)).status))).toEqual([404, 200])
  expect((await patch(paths[1]!, 0, 'all of it')).status).toBe(204)
})

test('the client of the protocol uploads 13 MB in pieces of 6', async () => {
  const bytes = Buffer.alloc(13_000_000, 'piece ')
  await new Promise<void>((resolve, reject) => {
    new Upload(bytes, {
      endpoint: `${storage.url}/upload/resumable`,
      chunkSize: 6 * 1024 * 1024,
      uploadDataDuringCreation: true,
      headers: { authorization: `Bearer ${SERVICE_KEY}` },
      metadata: { bucketName: 'b', objectName: 'big.bin', contentType: 'application/octet-stream', cacheControl: '60' },
      onError: reject,
      onSuccess: () => resolve(),
    }).start()
  })
  expect(Buffer.from(await (await storage.call('GET', '/object/b/big.bin')).arrayBuffer()).equals(bytes)).toBe(true)
})

test('a crash in the middle of a piece costs that piece at most', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'plinth-test-crash-'))
  const children: ChildProcess[] = []
  const serve = async (): Promise<string> => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('../../dist/cli.js', import.meta.url)), 'serve', 'storage', '--managed'], {
      env: { ...database.variables(folder, { SERVICE_KEY, UPLOAD_FILE_SIZE_LIMIT: '104857600' }) },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    children.push(child)
    const [message] = (await once(child, 'message')) as [{ listening: { port: number }[] }]
    return `http://127.0.0.1:${message.listening[0]!.port}`
  }
  const call = (url: string, method: string, path: string, headers: Record<string, string> = {}, body?: Buffer) =>
    fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${SERVICE_KEY}`, 'tus-resumable': '1.0.0', ...headers },
      ...(body && { body: body as BodyInit }),
    })
  try {
    const piece = Buffer.alloc(9 * 1024 * 1024, 'crash ')
    let url = await serve()
    const made = await call(url, 'POST', '/upload/resumable', {
      'upload-length': String(piece.length * 2),
      'upload-metadata': metadata({ bucketName: 'b', objectName: 'crash' }),
    })
    const path = pathOf(made)
    await hangingPatch(url, path, 0, piece)
    // The first 8 MiB are noted while the rest still comes.
    await expect
      .poll(
        async () =>
          Number((await admin.query(`select received from plinth_storage.resumable_uploads where name = 'crash'`)).rows[0]?.received),
        { timeout: 30_000 },
      )
      .toBe(8 * 1024 * 1024)
    children[0]!.kill('SIGKILL')
    await once(children[0]!, 'exit')
    expect(await rowsOf('crash')).toEqual([])
    url = await serve()
    const offset = Number((await call(url, 'HEAD', path)).headers.get('upload-offset'))
    expect(offset).toBe(8 * 1024 * 1024)
    const rest = Buffer.concat([piece, piece]).subarray(offset)
    const sent = await call(url, 'PATCH', path, { 'upload-offset': String(offset), 'content-type': OCTETS }, rest)
    expect([sent.status, sent.headers.get('tus-complete')]).toEqual([204, '1'])
    const got = Buffer.from(await (await call(url, 'GET', '/object/b/crash')).arrayBuffer())
    expect(got.equals(Buffer.concat([piece, piece]))).toBe(true)
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a crash between the bytes and the row is not told as a finished upload', async () => {
  const path = pathOf(await create('torn', { 'upload-length': '6' }))
  expect((await patch(path, 0, 'abc')).status).toBe(204)
  const [, , version] = [...idOf(path).split('/')]
  // As it is after a kill at that moment: a note of a dead instance, and the state in between.
  await admin.query(`insert into plinth_storage.intents (bucket_id, name, version, kind, instance) values ('b', 'torn', $1, 'write', 1)`, [
    version,
  ])
  await admin.query(`update plinth_storage.resumable_uploads set state = 'finishing' where name = 'torn'`)
  expect((await head(path)).headers.get('upload-offset')).toBe('3')
  const last = await patch(path, 3, 'def')
  expect([last.status, last.headers.get('tus-complete')]).toEqual([204, '1'])
  expect(await textOf('torn')).toBe('abcdef')
  expect(await intents()).toBe(0)
  await admin.query(`update plinth_storage.resumable_uploads set state = 'finishing', received = 3 where name = 'torn'`)
  expect((await head(path)).headers.get('upload-offset')).toBe('6')
})

test('on an S3 server: bytes too few for a part wait, and nothing is left at the end', async () => {
  await using s3 = await startS3('stub')
  const variables = {
    STORAGE_BACKEND: 's3',
    STORAGE_S3_ENDPOINT: s3.endpoint,
    STORAGE_S3_FORCE_PATH_STYLE: 'true',
    STORAGE_S3_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
  }
  const bytes = Buffer.alloc(12_000_000, 'parts of it ')
  const steps = [3, 4_000_000, 9_500_000, 9_500_001, bytes.length]
  let path = ''
  let offset = 0
  for (const to of steps) {
    // Each piece comes to an instance that knows nothing of those before.
    await using one = await startStorage(database, variables)
    if (path === '') {
      const made = await one.call('POST', '/upload/resumable', {
        headers: {
          'tus-resumable': '1.0.0',
          'upload-length': String(bytes.length),
          'upload-metadata': metadata({ bucketName: 'b', objectName: 's3.bin', contentType: 'text/plain' }),
        },
      })
      path = pathOf(made)
    }
    expect((await head(path, one)).headers.get('upload-offset')).toBe(String(offset))
    const sent = await patch(path, offset, bytes.subarray(offset, to), {}, undefined, one)
    expect([sent.status, sent.headers.get('upload-offset')]).toEqual([204, String(to)])
    offset = to
    if (to < bytes.length) continue
    expect(sent.headers.get('tus-complete')).toBe('1')
    const got = await one.call('GET', '/object/b/s3.bin')
    expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true)
    const empty = await one.call('POST', '/upload/resumable', {
      headers: { 'tus-resumable': '1.0.0', 'upload-length': '0', 'upload-metadata': metadata({ bucketName: 'b', objectName: 'nothing' }) },
    })
    expect(empty.headers.get('tus-complete')).toBe('1')
    const left = await one.call('POST', '/upload/resumable', {
      headers: { 'tus-resumable': '1.0.0', 'upload-length': '9', 'upload-metadata': metadata({ bucketName: 'b', objectName: 'given-up' }) },
    })
    expect((await patch(pathOf(left), 0, 'abc', {}, undefined, one)).status).toBe(204)
    expect((await one.call('DELETE', pathOf(left), { headers: { 'tus-resumable': '1.0.0' } })).status).toBe(204)
  }
  expect(s3.uploads()).toEqual([])
  expect(s3.keys().filter((key) => key.includes('s3.bin'))).toHaveLength(1)
})
