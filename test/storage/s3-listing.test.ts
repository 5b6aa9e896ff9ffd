// Lists of the S3 protocol against a model in a few lines: any keys, prefixes, delimiters and page sizes, every page to the end.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { childrenOf, type Element, readXml, textOf } from '../../src/services/storage/s3/xml/read.ts'
import { signHeaders } from '../support/s3-signer.ts'
import { type StorageDatabase, startStorageDatabase } from '../support/storage-database.ts'
import { S3_KEY, startStorage, type TestStorage } from '../support/storage-service.ts'

let home: StorageDatabase
let storage: TestStorage

beforeAll(async () => {
  home = await startStorageDatabase()
  storage = await startStorage(home)
  await home.admin.query(`insert into storage.buckets (id, name) values ('b', 'b'), ('large', 'large')`)
})
afterAll(async () => {
  await storage?.[Symbol.asyncDispose]()
  await home?.[Symbol.asyncDispose]()
})

async function ask(bucket: string, query: Record<string, string>): Promise<Element> {
  const url = `${storage.url}/s3/${bucket}?${new URLSearchParams(query).toString().replaceAll('+', '%20')}`
  const answer = await fetch(url, { headers: signHeaders({ ...S3_KEY, method: 'GET', url }).headers })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(text)
  return readXml(text)
}
const entriesOf = (page: Element, kind = 'Contents'): string[] =>
  [
    ...childrenOf(page, kind).map((one) => textOf(one, 'Key')!),
    ...childrenOf(page, 'CommonPrefixes').map((one) => textOf(one, 'Prefix')!),
  ].sort(byBytes)

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
async function fill(bucket: string, keys: readonly string[]): Promise<void> {
  await home.admin.query(
    `begin; set local storage.allow_delete_query = 'true'; delete from storage.objects where bucket_id = '${bucket}'; commit`,
  )
  await home.admin.query('insert into storage.objects (bucket_id, name, version) select $1, unnest($2::text[]), gen_random_uuid()', [
    bucket,
    keys,
  ])
}

/** What a whole list shows. */
function model(keys: readonly string[], prefix: string, delimiter: string): string[] {
  const entries = keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => {
      const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
      return at < 0 ? key : key.slice(0, at + delimiter.length)
    })
  return [...new Set(entries)].sort(byBytes)
}

const keyArbitrary = fc.string({ unit: fc.constantFrom('a', 'b', '/', '/', '-', '--', ' '), minLength: 1, maxLength: 6 })
const caseArbitrary = fc.record({
  keys: fc.uniqueArray(keyArbitrary, { minLength: 1, maxLength: 25 }),
  prefix: fc.oneof(fc.constant(''), keyArbitrary),
  delimiter: fc.constantFrom('', '/', '/', '-', '--', 'a', '/a'),
  size: fc.integer({ min: 1, max: 6 }),
})
type Case = typeof caseArbitrary extends fc.Arbitrary<infer One> ? One : never

describe('every page together is the whole list', () => {
  const check = (walk: (one: Case) => Promise<string[]>) =>
    fc.assert(
      fc.asyncProperty(caseArbitrary, async (one) => {
        await fill('b', one.keys)
        expect(await walk(one)).toEqual(model(one.keys, one.prefix, one.delimiter))
      }),
      { numRuns: 40 },
    )
  /** Asks until there is no more; each page must be full, but for the last. */
  async function pages(
    query: Record<string, string>,
    size: number,
    more: (page: Element, last: string) => Record<string, string>,
    kind?: string,
  ): Promise<string[]> {
    const seen: string[] = []
    for (let next: Record<string, string> = {}; ; ) {
      const page = await ask('b', { ...query, ...next, 'max-keys': String(size) })
      const entries = entriesOf(page, kind)
      seen.push(...entries)
      if (textOf(page, 'IsTruncated') === 'false') return seen
      expect(entries.length).toBe(size)
      next = more(page, entries.at(-1)!)
    }
  }

  test('in version 2, by token', () =>
    check(({ prefix, delimiter, size }) =>
      pages({ 'list-type': '2', prefix, delimiter }, size, (page) => ({ 'continuation-token': textOf(page, 'NextContinuationToken')! })),
    ))
  test('in version 2, by start-after', () =>
    check(({ prefix, delimiter, size }) => pages({ 'list-type': '2', prefix, delimiter }, size, (_, last) => ({ 'start-after': last }))))
  test('in version 1, by marker', () =>
    check(({ prefix, delimiter, size }) =>
      pages({ prefix, delimiter }, size, (page, last) => {
        expect(textOf(page, 'NextMarker')).toBe(delimiter === '' ? undefined : last)
        return { marker: last }
      }),
    ))
  test('of versions, by marker', () =>
    check(({ prefix, delimiter, size }) =>
      pages({ versions: '', prefix, delimiter }, size, (page) => ({ 'key-marker': textOf(page, 'NextKeyMarker')! }), 'Version'),
    ))
})

test('a folder of very many objects is one entry', async () => {
  await home.admin.query(
    `insert into storage.objects (bucket_id, name, version) select 'large', 'folder-' || i % 20 || '/' || i, gen_random_uuid() from generate_series(1, 40000) i`,
  )
  await home.admin.query('analyze storage.objects')
  const page = await ask('large', { 'list-type': '2', delimiter: '/' })
  expect(entriesOf(page).length).toBe(20)
  const second = await ask('large', { 'list-type': '2', prefix: 'folder-7/', 'max-keys': '3' })
  expect([entriesOf(second).length, textOf(second, 'IsTruncated')]).toEqual([3, 'true'])
})
