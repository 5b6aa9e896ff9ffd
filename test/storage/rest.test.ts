// Buckets and objects over HTTP as a client meets them: uploads of every form, downloads, lists, moves, copies, deletions, signed URLs.
import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { createClient, type SupabaseClient } from '@supabase/supabase-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type StorageDatabase, startStorageDatabase } from '../support/storage-database.ts'
import { ANON_KEY, SERVICE_KEY, startStorage, type TestStorage, tokenOf } from '../support/storage-service.ts'

let home: StorageDatabase
let storage: TestStorage
let client: SupabaseClient

beforeAll(async () => {
  home = await startStorageDatabase()
  storage = await startStorage(home, { UPLOAD_FILE_SIZE_LIMIT: '20000000', REQUEST_HARD_LIMITS_ENABLED: 'true', RESPONSE_S_MAXAGE: '9' })
  // The official client speaks to a gateway; here its prefix is taken off.
  client = createClient('http://gateway.test', SERVICE_KEY, {
    auth: { persistSession: false },
    realtime: { transport: WebSocket as never },
    global: { fetch: (input, init) => fetch(String(input).replace('http://gateway.test/storage/v1', storage.url), init) },
  })
}, 60_000)
afterAll(async () => {
  await storage[Symbol.asyncDispose]()
  await home[Symbol.asyncDispose]()
})

let made = 0
async function bucket(settings: object = {}): Promise<string> {
  const name = `bucket-${++made}`
  const answer = await storage.call('POST', '/bucket', json({ name, ...settings }))
  expect(answer.status).toBe(200)
  return name
}
const json = (body: object, headers: Record<string, string> = {}) => ({
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json', ...headers },
})
const put = (path: string, body: BodyInit, headers: Record<string, string> = {}, method = 'POST', token = SERVICE_KEY) =>
  storage.call(method, `/object/${path}`, { body, token, headers: { 'content-type': 'text/plain', ...headers } })
const get = (path: string, headers: Record<string, string> = {}) => storage.call('GET', `/object/authenticated/${path}`, { headers })
async function refused(given: Response | Promise<Response>, http: number, statusCode: string, code: string, message?: string) {
  const answer = await given
  expect(answer.status).toBe(http)
  const body = (await answer.json()) as Record<string, string>
  expect(body).toMatchObject({ statusCode, code, ...(message !== undefined && { message }) })
  expect(Object.keys(body).sort()).toEqual(['code', 'error', 'message', 'statusCode'])
}
const notes = async () => Number((await home.admin.query('select count(*) from plinth_storage.intents')).rows[0].count)
const filesOf = (name: string) => storage.files().filter((file) => file.startsWith(`stub/stub/${name}/`))

describe('the official client', () => {
  test('uploads, lists, downloads, signs, moves, copies and removes', async () => {
    expect((await client.storage.createBucket('official', { public: true, fileSizeLimit: '1MB' })).error).toBeNull()
    const from = client.storage.from('official')
    const body = randomBytes(5_000)
    expect((await from.upload('dir/a.bin', body, { contentType: 'application/x-thing', metadata: { k: 'v' } })).error).toBeNull()
    expect((await from.upload('dir/b.txt', new Blob(['text'], { type: 'text/csv' }), { cacheControl: '60' })).error).toBeNull()
    expect((await from.list('dir')).data?.map(({ name }) => name)).toEqual(['a.bin', 'b.txt'])
    expect(Buffer.from(await (await from.download('dir/a.bin')).data!.arrayBuffer()).equals(body)).toBe(true)
    expect((await from.info('dir/a.bin')).data).toMatchObject({ size: 5_000, contentType: 'application/x-thing', metadata: { k: 'v' } })
    expect((await from.exists('dir/none')).data).toBe(false)
    expect((await from.move('dir/b.txt', 'c.txt')).error).toBeNull()
    expect((await from.copy('c.txt', 'd.txt')).error).toBeNull()
    const signed = await from.createSignedUrl('d.txt', 60, { download: 'x.txt' })
    const opened = await fetch(signed.data!.signedUrl.replace('http://gateway.test/storage/v1', storage.url))
    expect(await opened.text()).toBe('text')
    expect(opened.headers.get('content-disposition')).toContain('filename=x.txt')
    const ticket = await from.createSignedUploadUrl('up/e.txt')
    expect((await from.uploadToSignedUrl('up/e.txt', ticket.data!.token, 'signed')).error).toBeNull()
    const flat = await from.listV2({ limit: 2 })
    expect(flat.data).toMatchObject({ hasNext: true, objects: [{ name: 'c.txt' }, { name: 'd.txt' }] })
    expect((await from.remove(['c.txt', 'd.txt', 'none', 'up/e.txt', 'dir/a.bin'])).data?.length).toBe(4)
    expect((await client.storage.deleteBucket('official')).error).toBeNull()
    expect(filesOf('official')).toEqual([])
  })
})

describe('uploads', () => {
  test('a replacement keeps the id and leaves one version on disk', async () => {
    const b = await bucket()
    const first = (await (await put(`${b}/a`, 'one')).json()) as { Id: string }
    await refused(put(`${b}/a`, 'two'), 400, '409', 'KeyAlreadyExists', 'The resource already exists')
    const second = (await (await put(`${b}/a`, 'two', { 'x-upsert': 'true' })).json()) as { Id: string }
    expect(second.Id).toBe(first.Id)
    expect(await (await get(`${b}/a`)).text()).toBe('two')
    expect(filesOf(b).length).toBe(1)
    expect(await notes()).toBe(0)
  })
  test('a body without a length is bound by the limits all the same', async () => {
    const b = await bucket({ file_size_limit: 100 })
    const endless = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(1_000))
      },
    })
    const answer = await fetch(`${storage.url}/object/${b}/a`, {
      method: 'POST',
      headers: { authorization: `Bearer ${SERVICE_KEY}`, 'content-type': 'text/plain' },
      body: endless,
      duplex: 'half',
    } as RequestInit).catch((error: Error) => error)
    if (answer instanceof Response) await refused(answer, 400, '413', 'EntityTooLarge')
    await expect.poll(() => filesOf(b)).toEqual([])
    await expect.poll(notes).toBe(0)
  })
  test('a form is refused as a raw body is: by size, type, name, and without a file', async () => {
    const b = await bucket({ file_size_limit: 10, allowed_mime_types: ['text/*'] })
    const form = (body: string | undefined, type = 'text/plain') => {
      const data = new FormData()
      data.append('cacheControl', '60')
      if (body !== undefined) data.append('', new Blob([body], { type }), 'x')
      return storage.call('POST', `/object/${b}/form`, { body: data })
    }
    await refused(form('x'.repeat(11)), 400, '413', 'EntityTooLarge')
    await refused(form('x', 'image/png'), 400, '415', 'InvalidMimeType', 'mime type image/png is not supported')
    await refused(form(undefined), 400, '400', 'InvalidRequest')
    await refused(
      storage.call('POST', `/object/${b}/form`, { body: 'no form', headers: { 'content-type': 'multipart/form-data' } }),
      400,
      '400',
      'InvalidRequest',
    )
    expect((await form('x')).status).toBe(200)
    expect((await get(`${b}/form`)).headers.get('cache-control')).toBe('max-age=60')
    expect(filesOf(b).length).toBe(1)
  })
  test.each(['raw', 'form'])('a client that leaves in the middle leaves nothing (%s)', async (kind) => {
    const b = await bucket()
    const { port, hostname } = new URL(storage.url)
    const type = kind === 'raw' ? 'text/plain' : 'multipart/form-data; boundary=cut'
    const start = kind === 'raw' ? '' : '--cut\r\ncontent-disposition: form-data; name=""; filename="x"\r\ncontent-type: text/plain\r\n\r\n'
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `POST /object/${b}/cut HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${SERVICE_KEY}\r\ncontent-type: ${type}\r\ncontent-length: 1000000\r\n\r\n${start}${'x'.repeat(100_000)}`,
        )
      })
      socket.on('error', reject)
      // It leaves when bytes have reached the disk.
      const watch = setInterval(() => {
        if (!storage.files().some((file) => file.startsWith('uploading/'))) return
        clearInterval(watch)
        socket.destroy()
        resolve()
      }, 20)
    })
    await expect.poll(() => storage.files().filter((file) => file.startsWith('uploading/'))).toEqual([])
    await expect.poll(notes).toBe(0)
    expect(filesOf(b)).toEqual([])
    expect((await put(`${b}/cut`, 'whole')).status).toBe(200)
  })
  test('a trigger that keeps the row away leaves no bytes either', async () => {
    const b = await bucket()
    await home.admin.query(`create function storage.keep_away() returns trigger language plpgsql as $$ begin
      if new.version <> '1' and new.name = 'never' then return null; end if; return new; end $$;
      create trigger keep_away before insert on storage.objects for each row execute function storage.keep_away()`)
    try {
      expect((await put(`${b}/never`, 'x')).status).toBeGreaterThanOrEqual(400)
      expect(filesOf(b)).toEqual([])
      expect(await notes()).toBe(0)
    } finally {
      await home.admin.query('drop trigger keep_away on storage.objects; drop function storage.keep_away()')
    }
  })
  test.each([
    ['an unreadable content type', { 'content-type': 'text/plain, text/html' }, '415', 'InvalidMimeType', 'Invalid Content-Type header'],
    ['a bad robots tag', { 'x-robots-tag': 'nonsense' }, '400', 'InvalidRequest', undefined],
  ] as const)('%s', async (_, headers, statusCode, code, message) => {
    const b = await bucket()
    await refused(put(`${b}/a`, 'x', headers), 400, statusCode, code, message)
  })
  test('a name that the disk cannot hold', async () => {
    const b = await bucket()
    await refused(put(`${b}/${'x'.repeat(300)}`, 'x'), 400, '400', 'InvalidKey')
    expect(await notes()).toBe(0)
  })
})

describe('downloads', () => {
  test('nothing of HTML is served as HTML', async () => {
    const b = await bucket({ public: true })
    await put(`${b}/a.html`, '<script>1</script>', { 'content-type': 'text/html' })
    for (const path of [`/object/public/${b}/a.html`, `/object/authenticated/${b}/a.html`, `/object/${b}/a.html`]) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await storage.call(method, path)
        expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain'])
      }
    }
  })
  test('a tag that is out of date is told how long it may go on', async () => {
    const b = await bucket({ public: true })
    await put(`${b}/a`, 'x', { 'cache-control': 'max-age=5' })
    const etag = (await get(`${b}/a`)).headers.get('etag')!
    const old = { 'if-none-match': '"other"' }
    expect((await get(`${b}/a`, old)).headers.get('cache-control')).toBe('max-age=5, s-maxage=9, stale-while-revalidate=30')
    expect((await storage.call('HEAD', `/object/public/${b}/a`, { headers: old })).headers.get('cache-control')).toBe(
      'max-age=5, s-maxage=9, must-revalidate',
    )
    expect((await get(`${b}/a`, { 'if-none-match': etag })).status).toBe(304)
    expect((await get(`${b}/a`, { range: 'bytes=1-0' })).status).toBe(416)
  })
  test('bytes that are missing are told as such, and nobody caches it', async () => {
    const b = await bucket({ public: true })
    await put(`${b}/a`, 'x')
    await home.admin.query(`update storage.objects set version = gen_random_uuid()::text where bucket_id = $1`, [b])
    const answer = await storage.call('GET', `/object/public/${b}/a`)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    await refused(answer, 400, '404', 'NoSuchKey', 'The resource was not found')
  })
  test('a header that cannot be sent is refused', async () => {
    const b = await bucket({ public: true })
    await put(`${b}/a`, 'x')
    await home.admin.query(`update storage.objects set metadata = metadata || '{"cacheControl":"a\\nb"}' where bucket_id = $1`, [b])
    await refused(get(`${b}/a`), 400, '400', 'InvalidRequest')
  })
  test('a row of an older server, without an etag, is served from the file', async () => {
    const b = await bucket()
    await put(`${b}/a`, 'hello')
    await home.admin.query(`update storage.objects set metadata = null where bucket_id = $1`, [b])
    const answer = await get(`${b}/a`)
    expect(await answer.text()).toBe('hello')
    expect(answer.headers.get('etag')).toBe(`"${createHash('md5').update('hello').digest('hex')}"`)
  })
  test('a large object comes whole, and a part of it too', async () => {
    const b = await bucket()
    const body = randomBytes(3_000_000)
    await put(`${b}/a`, body)
    expect(Buffer.from(await (await get(`${b}/a`)).arrayBuffer()).equals(body)).toBe(true)
    const part = await get(`${b}/a`, { range: 'bytes=1000000-1999999' })
    expect(Buffer.from(await part.arrayBuffer()).equals(body.subarray(1_000_000, 2_000_000))).toBe(true)
  })
})

describe('many at once', () => {
  test('ten that replace one name all succeed, and one whole body stays', async () => {
    const b = await bucket()
    const bodies = Array.from({ length: 10 }, () => randomBytes(100_000))
    const answers = await Promise.all(bodies.map((body) => put(`${b}/a`, body, {}, 'PUT')))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
    const kept = Buffer.from(await (await get(`${b}/a`)).arrayBuffer())
    expect(bodies.some((body) => body.equals(kept))).toBe(true)
    expect(filesOf(b).length).toBe(1)
    expect(await notes()).toBe(0)
  })
  test('of ten that make one name, one succeeds', async () => {
    const b = await bucket()
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => put(`${b}/a`, `body ${i}`)))
    expect(answers.filter(({ status }) => status === 200).length).toBe(1)
    expect(filesOf(b).length).toBe(1)
    expect(await notes()).toBe(0)
  })
  test('moves of one object: one wins, and no bytes are left over', async () => {
    const b = await bucket()
    for (let round = 0; round < 3; round++) {
      await put(`${b}/x${round}`, 'data')
      const targets = ['p', 'q', 'r'].map((name) => `${name}${round}`)
      const answers = await Promise.all(
        targets.map((destinationKey) =>
          storage.call('POST', '/object/move', json({ bucketId: b, sourceKey: `x${round}`, destinationKey })),
        ),
      )
      expect(answers.filter(({ status }) => status === 200).length).toBe(1)
    }
    expect(filesOf(b).length).toBe(3)
    expect(await notes()).toBe(0)
  })
})

describe('deletion', () => {
  test('of many: what is there goes, in more than one transaction; beyond the hard limit nothing', async () => {
    const b = await bucket()
    await home.admin.query(
      `insert into storage.objects (bucket_id, name, version) select $1, 'n' || i, gen_random_uuid()::text from generate_series(1, 900) i`,
      [b],
    )
    const prefixes = Array.from({ length: 1_000 }, (_, i) => `n${i}`)
    await refused(storage.call('DELETE', `/object/${b}`, json({ prefixes: [...prefixes, 'one more'] })), 400, '400', 'InvalidRequest')
    const answer = await storage.call('DELETE', `/object/${b}`, json({ prefixes }))
    expect(((await answer.json()) as unknown[]).length).toBe(900)
    expect(await notes()).toBe(0)
  })
  test('a bucket with objects stays; emptied, it goes', async () => {
    const b = await bucket()
    for (const name of ['a', 'd/b', 'd/e/c']) await put(`${b}/${name}`, 'x')
    await refused(storage.call('DELETE', `/bucket/${b}`), 400, '409', 'ResourceNotEmpty')
    await refused(storage.call('POST', `/bucket/${b}/empty`, { token: tokenOf({ role: 'authenticated' }) }), 403, '403', 'AccessDenied')
    expect((await storage.call('POST', `/bucket/${b}/empty`)).status).toBe(200)
    expect(filesOf(b)).toEqual([])
    expect((await storage.call('DELETE', `/bucket/${b}`)).status).toBe(200)
  })
  test('a bucket with an upload in parts stays', async () => {
    const b = await bucket()
    await home.admin.query(
      `insert into storage.s3_multipart_uploads (id, upload_signature, bucket_id, key, version) values ($1, '', $1, 'k', 'v')`,
      [b],
    )
    await refused(storage.call('DELETE', `/bucket/${b}`), 400, '409', 'ResourceReferenced')
  })
})

describe('signed URLs', () => {
  test('open their object alone, of their kind, in their time', async () => {
    const b = await bucket()
    await put(`${b}/a`, 'A')
    await put(`${b}/b`, 'B')
    const { signedURL } = (await (await storage.call('POST', `/object/sign/${b}/a`, json({ expiresIn: 60 }))).json()) as {
      signedURL: string
    }
    const token = new URL(signedURL, 'http://x').searchParams.get('token')!
    const anonymous = { token: 'none' }
    const answer = await storage.call('GET', signedURL, anonymous)
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, null])
    expect(Date.parse(answer.headers.get('expires')!)).toBeGreaterThan(Date.now())
    await refused(storage.call('GET', `/object/sign/${b}/b?token=${token}`, anonymous), 400, '400', 'InvalidSignature')
    await refused(
      storage.call('PUT', `/object/upload/sign/${b}/a?token=${token}`, { ...anonymous, body: 'x' }),
      400,
      '400',
      'InvalidSignature',
    )
    await refused(
      storage.call('GET', `/object/sign/${b}/a?token=${SERVICE_KEY}`, anonymous),
      400,
      '400',
      'InvalidSignature',
      'Invalid signature',
    )
    expect(await (await get(`${b}/a`)).text()).toBe('A')
  })
})

describe('what is malformed', () => {
  test.each<[string, string, object | undefined, string]>([
    ['POST', '/bucket', undefined, 'body must be object'],
    ['POST', '/bucket', {}, "body must have required property 'name'"],
    ['POST', '/object/list/x', { limit: 3 }, "body must have required property 'prefix'"],
    ['POST', '/object/sign/x/y', { expiresIn: 0 }, 'body/expiresIn must be >= 1'],
    ['GET', '/object/sign/x/y', undefined, "querystring must have required property 'token'"],
    ['GET', '/bucket?limit=0', undefined, 'querystring/limit must be >= 1'],
  ])('%s %s %j', async (method, path, body, message) => {
    await refused(storage.call(method, path, body && json(body)), 400, '400', 'InvalidRequest', message)
  })
  test('a body of JSON is bounded, a token is needed, a route has to exist', async () => {
    const huge = storage.call('POST', '/bucket', json({ name: 'x'.repeat(1_100_000) })).catch(() => undefined)
    const answer = await huge
    if (answer !== undefined) await refused(answer, 413, '413', 'EntityTooLarge')
    const bare = await fetch(`${storage.url}/bucket`)
    await refused(bare, 400, '400', 'InvalidRequest', "headers must have required property 'authorization'")
    await refused(storage.call('PATCH', '/object/a/b'), 404, '404', 'InvalidRequest', 'Route PATCH:/object/a/b not found')
    expect(await (await storage.call('GET', '/elsewhere')).json()).toEqual({
      message: 'Route GET:/elsewhere not found',
      error: 'Not Found',
      statusCode: 404,
    })
  })
  test('names of another language of paths open nothing', async () => {
    for (const path of [
      '/object/authenticated/..%2f..%2fetc/passwd',
      '/object/public/%00/a',
      '/object/authenticated/b/a%00b',
      '/object/authenticated/b/%zz',
    ]) {
      const answer = await storage.call('GET', path, { token: ANON_KEY })
      expect([400, 404]).toContain(answer.status)
    }
  })
})
