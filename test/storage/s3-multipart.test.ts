// Uploads in parts where things come at once, twice, or not at all: the limit holds, the last part of a number counts, the end comes once.
import type { Client } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { childrenOf, readXml, textOf } from '../../src/services/storage/s3/xml/read.ts'
import { signHeaders } from '../support/s3-signer.ts'
import { type StorageDatabase, startStorageDatabase } from '../support/storage-database.ts'
import { S3_KEY, startStorage, type TestStorage } from '../support/storage-service.ts'

let home: StorageDatabase
let database: Client
let storage: TestStorage

beforeAll(async () => {
  home = await startStorageDatabase()
  database = home.admin
  storage = await startStorage(home, { AUTH_ENCRYPTION_KEY: 'a passphrase' })
  await database.query(`insert into storage.buckets (id, name, file_size_limit) values ('b', 'b', 1000)`)
})
afterAll(async () => {
  await storage?.[Symbol.asyncDispose]()
  await home?.[Symbol.asyncDispose]()
})
afterEach(async () => {
  for (const { id, key } of (await database.query('select id, key from storage.s3_multipart_uploads')).rows)
    await send('DELETE', `/b/${key}?uploadId=${id}`)
  await send('POST', '/b?delete', `<Delete>${['x', 'y'].map((key) => `<Object><Key>${key}</Key></Object>`).join('')}</Delete>`)
  expect(storage.files()).toEqual([])
  expect((await database.query('select from plinth_storage.intents')).rows).toEqual([])
})

async function send(method: string, path: string, body: string | Buffer = '') {
  const url = `${storage.url}/s3${path}`
  const answer = await fetch(url, {
    method,
    headers: signHeaders({ ...S3_KEY, method, url, body }).headers,
    ...(method !== 'GET' && { body: body as BodyInit }),
  })
  const text = await answer.text()
  return {
    status: answer.status,
    text,
    etag: answer.headers.get('etag') ?? '',
    told: `${answer.status} ${/<Code>(.*?)<\/Code>/.exec(text)?.[1] ?? ''}`.trim(),
  }
}
const begin = async (key = 'x'): Promise<string> => /<UploadId>(.*)<\/UploadId>/.exec((await send('POST', `/b/${key}?uploads`)).text)![1]!
const part = (id: string, number: number, body: string) => send('PUT', `/b/x?uploadId=${id}&partNumber=${number}`, body)
const finish = (id: string, parts: readonly (readonly [number, string])[]) =>
  send(
    'POST',
    `/b/x?uploadId=${id}`,
    `<CompleteMultipartUpload>${parts.map(([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`).join('')}</CompleteMultipartUpload>`,
  )
const counted = async (id: string): Promise<number> =>
  Number((await database.query('select in_progress_size from storage.s3_multipart_uploads where id = $1', [id])).rows[0]?.in_progress_size)
const read = async (): Promise<string> => (await send('GET', '/b/x')).text

describe('the limit', () => {
  test('holds for parts that come at once', async () => {
    const id = await begin()
    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => part(id, at + 1, 'p'.repeat(100))))
    expect(answers.filter(({ status }) => status === 200).length).toBe(10)
    expect(new Set(answers.filter(({ status }) => status !== 200).map(({ told }) => told))).toEqual(new Set(['413 EntityTooLarge']))
    expect(await counted(id)).toBe(1_000)
  })
  test('counts a part once that was sent again, and one not at all that did not come', async () => {
    const id = await begin()
    for (let round = 0; round < 5; round++) expect((await part(id, 1, 'r'.repeat(400))).status).toBe(200)
    expect(await counted(id)).toBe(400)
    const url = `${storage.url}/s3/b/x?uploadId=${id}&partNumber=2`
    const { headers } = signHeaders({ ...S3_KEY, method: 'PUT', url, body: 'said' })
    expect((await fetch(url, { method: 'PUT', headers, body: 'sent' })).status).toBe(400)
    await expect.poll(() => counted(id)).toBe(400)
    expect((await part(id, 2, 's'.repeat(601))).told).toBe('413 EntityTooLarge')
    expect((await part(id, 2, 's'.repeat(600))).status).toBe(200)
  })
  test('cannot be talked away by who can write the row', async () => {
    const id = await begin()
    expect((await part(id, 1, 'p'.repeat(900))).status).toBe(200)
    await database.query('update storage.s3_multipart_uploads set in_progress_size = 0 where id = $1', [id])
    expect((await part(id, 2, 'p'.repeat(900))).told).toBe('400 InvalidUploadSignature')
    await database.query(
      `update storage.s3_multipart_uploads set upload_signature = 'U2FsdGVkX18AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' where id = $1`,
      [id],
    )
    expect((await part(id, 2, 'p')).told).toBe('400 InvalidUploadSignature')
  })
})

describe('the end', () => {
  test('takes the last part of each number, of those that are listed', async () => {
    const id = await begin()
    await part(id, 1, 'first ')
    const one = await part(id, 1, 'one ')
    await part(id, 2, 'not listed ')
    const three = await part(id, 3, 'three')
    const listed = readXml((await send('GET', `/b/x?uploadId=${id}`)).text)
    expect(childrenOf(listed, 'Part').map((each) => textOf(each, 'PartNumber'))).toEqual(['1', '2', '3'])
    expect(
      (
        await finish(id, [
          [1, one.etag],
          [3, three.etag],
        ])
      ).status,
    ).toBe(200)
    expect(await read()).toBe('one three')
  })
  test.each<[string, (etag: string) => [number, string][], string]>([
    [
      'an unknown part',
      (etag) => [
        [1, etag],
        [2, etag],
      ],
      '400 MissingPart',
    ],
    ['another ETag', () => [[1, '0'.repeat(32)]], '400 InvalidChecksum'],
    [
      'a part twice',
      (etag) => [
        [1, etag],
        [1, etag],
      ],
      '400 InvalidPartOrder',
    ],
    ['a number that is none', (etag) => [[Number.NaN, etag]], '400 InvalidRequest'],
  ])('with %s is refused, and may be asked for again', async (_, parts, expected) => {
    const id = await begin()
    const { etag } = await part(id, 1, 'part')
    expect((await finish(id, parts(etag))).told).toBe(expected)
    expect((await send('GET', '/b/x')).status).toBe(404)
    expect((await finish(id, [[1, etag]])).status).toBe(200)
    expect(await read()).toBe('part')
  })
  test('makes one object, however often it is asked for at once', async () => {
    const id = await begin()
    const { etag } = await part(id, 1, 'once')
    const answers = await Promise.all(Array.from({ length: 8 }, () => finish(id, [[1, etag]])))
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0)
    expect(storage.files().length).toBe(1)
    for (const { told } of answers) expect(['200', '409 OperationAborted', '404 NoSuchUpload']).toContain(told)
    expect(await read()).toBe('once')
    expect((await finish(id, [[1, etag]])).told).toBe('404 NoSuchUpload')
    expect(await read()).toBe('once')
  })
  test('does not harm what was made of the same upload before, where its row has stayed', async () => {
    const id = await begin()
    const { etag } = await part(id, 1, 'kept')
    const { rows } = await database.query('select * from storage.s3_multipart_uploads where id = $1', [id])
    expect((await finish(id, [[1, etag]])).status).toBe(200)
    const [row] = rows
    await database.query(
      'insert into storage.s3_multipart_uploads (id, bucket_id, key, version, upload_signature, metadata) values ($1, $2, $3, $4, $5, $6)',
      [id, row.bucket_id, row.key, row.version, row.upload_signature, row.metadata],
    )
    await database.query(
      `insert into storage.s3_multipart_uploads_parts (upload_id, part_number, bucket_id, key, etag, version) values ($1, 1, 'b', 'x', $2, $3)`,
      [id, etag, row.version],
    )
    // It is finished as it is: the answer is that of the first time, and the row goes.
    expect((await finish(id, [[1, etag]])).text).toMatch(/<CompleteMultipartUploadResult.*<Key>x<\/Key>/)
    expect((await finish(id, [[1, etag]])).told).toBe('404 NoSuchUpload')
    expect(await read()).toBe('kept')
  })
  test('goes on where a broken connection has left a note of this server, and waits where it is another’s', async () => {
    const id = await begin()
    const { etag } = await part(id, 1, 'noted')
    const { rows } = await database.query('select version from storage.s3_multipart_uploads where id = $1', [id])
    const { version } = rows[0]
    const note = (instance: string) =>
      database.query(
        `insert into plinth_storage.intents (bucket_id, name, version, kind, instance) values ('b', 'x', $1, 'write', ${instance})`,
        [version],
      )
    await note('1')
    expect((await finish(id, [[1, etag]])).told).toBe('409 OperationAborted')
    await database.query('delete from plinth_storage.intents')
    await note(`(select objid::bigint::int from pg_locks where locktype = 'advisory' and objsubid = 2 and classid = 1886151026 limit 1)`)
    expect((await finish(id, [[1, etag]])).status).toBe(200)
    expect(await read()).toBe('noted')
  })
  test('without a list takes all parts, and of no parts makes nothing', async () => {
    const id = await begin()
    expect((await finish(id, [])).told).toBe('400 MissingPart')
    for (const number of [2, 1, 3]) await part(id, number, String(number))
    expect((await send('POST', `/b/x?uploadId=${id}`)).status).toBe(200)
    expect(await read()).toBe('123')
  })
})

test('an upload belongs to its object', async () => {
  const id = await begin('y')
  expect((await part(id, 1, 'x')).told).toBe('404 NoSuchUpload')
  expect((await finish(id, [[1, 'x']])).told).toBe('404 NoSuchUpload')
  expect((await send('GET', `/b/x?uploadId=${id}`)).told).toBe('404 NoSuchUpload')
  expect((await send('DELETE', `/b/x?uploadId=${id}`)).told).toBe('404 NoSuchUpload')
  expect((await send('DELETE', '/b')).told).toBe('409 ResourceReferenced')
})
