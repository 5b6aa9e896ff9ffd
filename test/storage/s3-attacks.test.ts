// The S3 protocol against those who mean harm: what is not signed is not done, and what is cut or changed on its way leaves nothing.
import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frames, type Signed, type Signing, sha256, signHeaders, signUrl } from '../support/s3-signer.ts'
import { type StorageDatabase, startStorageDatabase } from '../support/storage-database.ts'
import { S3_KEY, startStorage, type TestStorage } from '../support/storage-service.ts'

let home: StorageDatabase
let database: Client
let storage: TestStorage

beforeAll(async () => {
  home = await startStorageDatabase()
  database = home.admin
  storage = await startStorage(home)
  await send({ method: 'PUT', path: '/b' })
  await send({ method: 'PUT', path: '/b/secret', body: 'secret' })
})
afterAll(async () => {
  await storage?.[Symbol.asyncDispose]()
  await home?.[Symbol.asyncDispose]()
})

interface Wanted extends Partial<Signing> {
  readonly path: string
  /** Sent instead of what was signed. */
  readonly instead?: { method?: string; path?: string; body?: Buffer | string; headers?: Record<string, string> }
}
async function send({ path, instead = {}, ...signing }: Wanted) {
  const method = signing.method ?? 'GET'
  const { headers } = signHeaders({ ...S3_KEY, method, url: `${storage.url}/s3${path}`, ...signing })
  return fetchText(
    instead.method ?? method,
    `${storage.url}/s3${instead.path ?? path}`,
    { ...headers, ...instead.headers },
    (instead.body ?? signing.body) as BodyInit | undefined,
  )
}
async function fetchText(method: string, url: string, headers: Record<string, string> = {}, body?: BodyInit) {
  const answer = await fetch(url, { method, headers, ...(body !== undefined && { body }) })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, text, told: `${answer.status} ${/<Code>(.*?)<\/Code>/.exec(text)?.[1] ?? text}` }
}
/** Everything that an upload could leave: rows, notes, files. */
async function left() {
  const { rows } = await database.query('select name from storage.objects order by name')
  const { rows: notes } = await database.query('select name from plinth_storage.intents')
  return { objects: rows.map(({ name }) => name), notes, files: storage.files().length }
}
const NOTHING_NEW = { objects: ['secret'], notes: [], files: 1 }

describe('without a signature that holds nothing is done', () => {
  const url = (path: string) => `${storage.url}/s3${path}`
  test.each<[string, () => Promise<{ told: string }>, string]>([
    ['no signature', () => fetchText('GET', url('/b/secret')), '403 AccessDenied'],
    ['a bearer token', () => fetchText('GET', url('/b/secret'), { authorization: 'Bearer x' }), '403 AccessDenied'],
    ['a wrong secret', () => send({ path: '/b/secret', secretAccessKey: 'other' }), '403 SignatureDoesNotMatch'],
    ['an unknown key', () => send({ path: '/b/secret', accessKeyId: 'other' }), '403 AccessDenied'],
    ['another path', () => send({ path: '/b/other', instead: { path: '/b/secret' } }), '403 SignatureDoesNotMatch'],
    ['another method', () => send({ path: '/b/secret', instead: { method: 'DELETE' } }), '403 SignatureDoesNotMatch'],
    ['a query added', () => send({ path: '/b', instead: { path: '/b?location' } }), '403 SignatureDoesNotMatch'],
    [
      'a header changed',
      () =>
        send({
          method: 'PUT',
          path: '/b/x',
          body: 'x',
          headers: { 'x-amz-acl': 'private' },
          instead: { headers: { 'x-amz-acl': 'public-read' } },
        }),
      '403 SignatureDoesNotMatch',
    ],
    [
      'a source added',
      () => send({ method: 'PUT', path: '/b/x', body: '', instead: { headers: { 'x-amz-copy-source': 'b/secret' } } }),
      '403 AccessDenied',
    ],
    [
      'metadata added',
      () => send({ method: 'PUT', path: '/b/x', body: '', instead: { headers: { 'x-amz-meta-a': 'b' } } }),
      '403 AccessDenied',
    ],
    ['another host', () => send({ path: '/b/secret', host: 'evil.example' }), '403 SignatureDoesNotMatch'],
    ['a time long past', () => send({ path: '/b/secret', at: new Date(Date.now() - 3_600_000) }), '403 RequestTimeTooSkewed'],
    ['a time to come', () => send({ path: '/b/secret', at: new Date(Date.now() + 3_600_000) }), '403 RequestTimeTooSkewed'],
    ['another region', () => send({ path: '/b/secret', region: 'eu-west-1' }), '403 SignatureDoesNotMatch'],
    [
      'a URL that is over',
      () => fetchText('GET', signUrl({ ...S3_KEY, method: 'GET', url: url('/b/secret'), at: new Date(Date.now() - 60_000) }, 10)),
      '400 ExpiredToken',
    ],
    [
      'a URL for another key',
      () => fetchText('GET', signUrl({ ...S3_KEY, method: 'GET', url: url('/b/other') }).replace('/b/other?', '/b/secret?')),
      '403 SignatureDoesNotMatch',
    ],
    [
      'a URL for reading',
      () => fetchText('PUT', signUrl({ ...S3_KEY, method: 'GET', url: url('/b/secret') }), {}, 'evil'),
      '403 SignatureDoesNotMatch',
    ],
    [
      'a URL with more in it',
      () => fetchText('GET', `${signUrl({ ...S3_KEY, method: 'GET', url: url('/b/secret') })}&response-content-type=text%2Fhtml`),
      '403 SignatureDoesNotMatch',
    ],
    [
      'a URL for writing, and a source',
      () => fetchText('PUT', signUrl({ ...S3_KEY, method: 'PUT', url: url('/b/x') }), { 'x-amz-copy-source': 'b/secret' }),
      '403 AccessDenied',
    ],
    ['a form without a policy', () => fetchText('POST', url('/b'), {}, form({ key: 'x' })), '400 InvalidSignature'],
  ])('%s', async (_, ask, expected) => {
    expect((await ask()).told).toBe(expected)
    expect(await left()).toEqual(NOTHING_NEW)
  })
  test('a region of everybody is taken, and a path is taken as it was signed', async () => {
    expect((await send({ path: '/b/secret', region: 'us-east-1' })).text).toBe('secret')
    expect((await send({ path: '/b/secre%74' })).text).toBe('secret')
  })
})

function form(fields: Record<string, string>, file: string | undefined = 'data'): FormData {
  const data = new FormData()
  for (const [name, value] of Object.entries(fields)) data.append(name, value)
  if (file !== undefined) data.append('file', new Blob([file]), 'name.txt')
  return data
}

describe('a form', () => {
  const LATER = new Date(Date.now() + 600_000).toISOString()
  const signed = (conditions: unknown[], fields: Record<string, string>, more: Record<string, string> = {}) => {
    const policy = Buffer.from(JSON.stringify({ expiration: LATER, conditions: [{ bucket: 'b' }, ...conditions] })).toString('base64')
    const { time, scope, sign } = signHeaders({ ...S3_KEY, method: 'POST', url: storage.url })
    const own = { 'X-Amz-Algorithm': 'AWS4-HMAC-SHA256', 'X-Amz-Credential': `${S3_KEY.accessKeyId}/${scope}`, 'X-Amz-Date': time }
    return form({ ...fields, Policy: policy, ...own, 'X-Amz-Signature': sign(policy), ...more })
  }
  const post = (data: FormData) => fetchText('POST', `${storage.url}/s3/b`, {}, data)
  test.each<[string, () => FormData, string]>([
    ['whose key is another', () => signed([['starts-with', '$key', 'up/']], { key: 'down/x' }), '403 AccessDenied'],
    ['with a field that nothing speaks of', () => signed([{ key: 'x' }], { key: 'x', 'x-amz-meta-a': 'b' }), '403 AccessDenied'],
    ['with a file that is too long', () => signed([{ key: 'x' }, ['content-length-range', 0, 3]], { key: 'x' }), '413 EntityTooLarge'],
    ['with a file that is too short', () => signed([{ key: 'x' }, ['content-length-range', 5, 9]], { key: 'x' }), '400 EntityTooSmall'],
    ['with a policy that was changed', () => signed([{ key: 'x' }], { key: 'x' }, { policy: 'e30=' }), '400 InvalidSignature'],
    ['with a false signature', () => signed([{ key: 'x' }], { key: 'x', 'x-amz-signature': '0'.repeat(64) }), '400 InvalidSignature'],
    [
      'without a file',
      () => {
        const data = signed([{ key: 'x' }], { key: 'x' })
        data.delete('file')
        return data
      },
      '400 InvalidParameter',
    ],
    [
      'with too many fields',
      () => signed([], Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`x-ignore-${at}`, 'x']))),
      '400 InvalidRequest',
    ],
  ])('%s is refused', async (_, data, expected) => {
    expect((await post(data())).told).toBe(expected)
    expect(await left()).toEqual(NOTHING_NEW)
  })
  test('that keeps to its policy is stored', async () => {
    const answer = await post(
      signed(
        [
          ['starts-with', '$key', 'up/'],
          { 'content-type': 'text/plain' },
          { success_action_status: '201' },
          ['content-length-range', 4, 4],
        ],
        { key: 'up/${filename}', 'content-type': 'text/plain', success_action_status: '201' },
      ),
    )
    expect([answer.status, /<Key>(.*)<\/Key>/.exec(answer.text)?.[1]]).toEqual([201, 'up/name.txt'])
    const got = await send({ path: '/b/up/name.txt' })
    expect([got.text, got.headers.get('content-type')]).toEqual(['data', 'text/plain'])
    expect((await send({ method: 'DELETE', path: '/b/up/name.txt' })).status).toBe(204)
    expect(await left()).toEqual(NOTHING_NEW)
  })
})

describe('a body that is not what was said', () => {
  const DATA = Buffer.alloc(200_000, 'data')
  const put = (more: Partial<Wanted>) => send({ method: 'PUT', path: '/b/x', body: DATA, ...more })
  const chunked = (mode: string, decoded = DATA.length, more: Record<string, string> = {}): Signed =>
    signHeaders({
      ...S3_KEY,
      method: 'PUT',
      url: `${storage.url}/s3/b/x`,
      payload: mode,
      headers: { 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': String(decoded), ...more },
    })
  const stream = (signed: Signed, pieces: readonly Buffer[]) =>
    fetchText('PUT', `${storage.url}/s3/b/x`, signed.headers, Buffer.concat(pieces))
  const SIGNED = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
  const UNSIGNED = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
  const trailer = { 'x-amz-trailer': 'x-amz-checksum-sha256' }
  const sum = { 'x-amz-checksum-sha256': createHash('sha256').update(DATA).digest('base64') }

  test.each<[string, () => Promise<{ told: string }>, string]>([
    ['another body under the same hash', () => put({ instead: { body: Buffer.alloc(200_000, 'evil') } }), '400 XAmzContentSHA256Mismatch'],
    ['another MD5', () => put({ headers: { 'content-md5': createHash('md5').update('x').digest('base64') } }), '400 BadDigest'],
    ['an MD5 that is none', () => put({ headers: { 'content-md5': 'not base64!' } }), '400 InvalidDigest'],
    ['another checksum', () => put({ headers: { 'x-amz-checksum-crc32': 'AAAAAA==' } }), '400 BadDigest'],
    [
      'another checksum behind it',
      () =>
        stream(chunked(UNSIGNED, DATA.length, trailer), frames(DATA, 65_536, undefined, { 'x-amz-checksum-sha256': `${'A'.repeat(43)}=` })),
      '400 BadDigest',
    ],
    [
      'no checksum where one was announced',
      () => stream(chunked(UNSIGNED, DATA.length, trailer), frames(DATA, 65_536, undefined, { 'x-amz-checksum-crc32': 'AAAAAA==' })),
      '400 MalformedTrailerError',
    ],
    [
      'another length',
      () => stream(chunked(UNSIGNED, DATA.length - 1, trailer), frames(DATA, 65_536, undefined, sum)),
      '400 IncompleteBody',
    ],
    [
      'a greater length',
      () => stream(chunked(UNSIGNED, DATA.length + 1, trailer), frames(DATA, 65_536, undefined, sum)),
      '400 IncompleteBody',
    ],
    [
      'chunks without an end',
      () => {
        const signed = chunked(SIGNED)
        return stream(signed, frames(DATA, 65_536, signed).slice(0, -1))
      },
      '400 IncompleteBody',
    ],
    [
      'a chunk that comes twice',
      () => {
        const signed = chunked(SIGNED, DATA.length + 65_536)
        const [first, ...rest] = frames(DATA, 65_536, signed)
        return stream(signed, [first!, first!, ...rest])
      },
      '403 SignatureDoesNotMatch',
    ],
    [
      'chunks in another order',
      () => {
        const signed = chunked(SIGNED)
        const [first, second, ...rest] = frames(DATA, 65_536, signed)
        return stream(signed, [second!, first!, ...rest])
      },
      '403 SignatureDoesNotMatch',
    ],
    [
      'chunks of another upload',
      () => {
        const signed = chunked(SIGNED)
        return stream(signed, frames(DATA, 65_536, chunked(SIGNED, DATA.length, { 'x-amz-meta-other': 'y' })))
      },
      '403 SignatureDoesNotMatch',
    ],
    ['a chunk without a signature', () => stream(chunked(SIGNED), frames(DATA, 65_536)), '400 InvalidRequest'],
    ['a header of a chunk without an end', () => stream(chunked(SIGNED), [Buffer.alloc(100_000, '0')]), '400 InvalidRequest'],
    [
      'a chunk of 8 MiB and one byte',
      () => stream(chunked(SIGNED), [Buffer.from(`800001;chunk-signature=${'0'.repeat(64)}\r\n`), DATA]),
      '413 EntityTooLarge',
    ],
    [
      'a trailer without an end',
      () => stream(chunked(UNSIGNED, 0), [Buffer.from('0\r\n'), Buffer.alloc(50_000, 'x')]),
      '400 InvalidRequest',
    ],
    [
      'a way of chunking that nobody knows',
      () => stream(chunked('STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD'), [DATA]),
      '501 NotImplemented',
    ],
    ['more than the server takes', () => stream(chunked(UNSIGNED, 99_000_000), [Buffer.from('0\r\n\r\n')]), '413 EntityTooLarge'],
  ])('%s leaves nothing', async (_, ask, expected) => {
    expect((await ask()).told).toBe(expected)
    expect(await left()).toEqual(NOTHING_NEW)
  })
  test('one chunk of the whole body is taken, unsigned, however long', async () => {
    const data = Buffer.alloc(9_000_000, 'z')
    const signed = chunked(UNSIGNED, data.length, trailer)
    const checksum = { 'x-amz-checksum-sha256': createHash('sha256').update(data).digest('base64') }
    expect((await stream(signed, frames(data, data.length, undefined, checksum))).status).toBe(200)
    expect((await send({ path: '/b/x' })).text.length).toBe(data.length)
    expect((await send({ method: 'DELETE', path: '/b/x' })).status).toBe(204)
    expect(await left()).toEqual(NOTHING_NEW)
  })
  test.each(['PUT /b/x', 'PUT /b/x chunked'])('a client that goes away in the middle of %s leaves nothing', async (what) => {
    const url = new URL(storage.url)
    const whole = what.endsWith('chunked')
    const signed = whole ? chunked(SIGNED) : signHeaders({ ...S3_KEY, method: 'PUT', url: `${storage.url}/s3/b/x`, body: DATA })
    const body = whole ? Buffer.concat(frames(DATA, 65_536, signed)) : DATA
    const head = Object.entries({ ...signed.headers, host: url.host, 'content-length': String(body.length) }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    )
    const socket = connect(Number(url.port), url.hostname)
    await new Promise((resolve) => socket.write(`PUT /s3/b/x HTTP/1.1\r\n${head.join('')}\r\n`, resolve))
    await new Promise((resolve) => socket.write(body.subarray(0, 100_000), resolve))
    // The note shows that the server has begun to store it.
    await expect.poll(async () => (await left()).notes.length, { timeout: 20_000 }).toBe(1)
    socket.destroy()
    await expect.poll(left, { timeout: 20_000 }).toEqual(NOTHING_NEW)
  })
  test('a refused body is read to its end, so that the client gets to know why', async () => {
    const big = Buffer.alloc(30_000_000)
    const answer = await send({ method: 'PUT', path: '/no-such-bucket/x', body: big })
    expect(answer.told).toBe('404 NoSuchBucket')
  })
})

describe('XML', () => {
  const remove = (body: string, more: object = {}) => send({ method: 'POST', path: '/b?delete', body, ...more })
  test.each([
    ['<Delete><Object>', '400 MalformedXML'],
    ['<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&e;</Key></Object></Delete>', '400 MalformedXML'],
    [`<Delete>${'<Object>'.repeat(1_000)}`, '400 MalformedXML'],
    ['<Delete/><Delete/>', '400 MalformedXML'],
    ['<Other/>', '400 InvalidRequest'],
    ['<Delete/>', '400 InvalidRequest'],
    ['<Delete><Quiet>true</Quiet></Delete>', '400 InvalidRequest'],
    ['', '400 InvalidRequest'],
    ['<Delete><Object><VersionId>1</VersionId></Object></Delete>', '400 InvalidRequest'],
    [`<Delete>${' '.repeat(5_000_000)}</Delete>`, '413 EntityTooLarge'],
  ])('%.70s: %s', async (body, expected) => {
    expect((await remove(body)).told).toBe(expected)
  })
  test('is checked against its hash as any body is', async () => {
    const body = '<Delete><Object><Key>secret</Key></Object></Delete>'
    expect((await remove(body, { instead: { body: body.replace('secret', 'public') } })).told).toBe('400 XAmzContentSHA256Mismatch')
    expect(await left()).toEqual(NOTHING_NEW)
  })
  test('is told as JSON to who takes nothing else', async () => {
    const answer = await send({ path: '/b/none', headers: { accept: 'application/json' } })
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      404,
      { Error: { Resource: 'b/none', Code: 'NoSuchKey', Message: 'Object not found' } },
    ])
  })
})

describe('odd requests', () => {
  test.each([
    ['PUT', '/b/secret?acl', '501 NotImplemented'],
    ['PUT', '/b/secret?tagging', '501 NotImplemented'],
    ['DELETE', '/b?lifecycle', '501 NotImplemented'],
    ['DELETE', '/b/secret?tagging', '501 NotImplemented'],
    ['PUT', '/b?versioning', '501 NotImplemented'],
    ['GET', '/b?policy', '501 NotImplemented'],
    ['GET', '/b?max-keys=x', '400 InvalidRequest'],
    ['GET', '/b?max-keys=-1', '400 InvalidRequest'],
    ['GET', '/b?encoding-type=base64', '400 InvalidRequest'],
    ['GET', '/b?uploads&max-uploads=0', '400 InvalidParameter'],
    ['GET', '/b/secret?response-expires=soon', '400 InvalidParameter'],
    ['PUT', '/b/x?partNumber=1', '400 InvalidRequest'],
    ['PUT', '/b/x?uploadId=none&partNumber=10001', '400 InvalidRequest'],
    ['PUT', '/b/x?uploadId=none&partNumber=1', '404 NoSuchUpload'],
    ['DELETE', '/b/x?uploadId=..%2F..', '404 NoSuchUpload'],
    ['GET', '/b/..%2Fsecret', '404 NoSuchKey'],
    ['PUT', '/b/a%2F..%2Fsecret', '400 InvalidKey'],
    ['PUT', '/b/%00', '400 InvalidKey'],
    ['PUT', '/b/100%', '400 InvalidKey'],
    ['GET', '/b?prefix=%00', '200 '],
    ['POST', '/b/secret', '404 '],
    ['PATCH', '/b/secret', '404 '],
    ['PUT', '/', '404 '],
  ])('%s %s: %s', async (method, path, expected) => {
    expect((await send({ method, path })).told.replace(/<\?xml.*/s, '')).toBe(expected)
    expect(await left()).toEqual(NOTHING_NEW)
  })
  test('the payload may be left unsigned', async () => {
    const answer = await send({ method: 'PUT', path: '/b/x', body: 'x', payload: 'UNSIGNED-PAYLOAD' })
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, `"${createHash('md5').update('x').digest('hex')}"`])
    expect((await send({ method: 'DELETE', path: '/b/x', payload: sha256('') })).status).toBe(204)
  })
})
