// The schema of Storage against upstream's: from nothing, again, from older states, by two at once; and what its functions answer.
import { readFileSync } from 'node:fs'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { storageIds } from '../../src/services/storage/migrations/ids.ts'
import { storageMigrations, storageMigrationsWith } from '../../src/services/storage/migrations/index.ts'
import { catalogOf } from '../support/catalog.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { createRoles, createSchemas } from '../support/roles.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await startPostgres()
  await createRoles(await server.connect())
})
afterAll(async () => server[Symbol.asyncDispose]())

async function database(name: string): Promise<{ admin: Client; service: Client }> {
  await server.database(name)
  const admin = await server.connect('supabase_admin', name)
  await createSchemas(admin)
  const service = await server.connect('supabase_admin', name)
  await service.query('set role supabase_storage_admin')
  return { admin, service }
}

const file = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')
const recordsIn = async (client: Client) => (await client.query('select id, name, hash from storage.migrations order by id')).rows
const all = storageIds.map(([name, hash], id) => ({ id, name, hash }))
test('a fresh database gets the schema that upstream ends in', async () => {
  const { admin, service } = await database('fresh')
  await storageMigrations.migrate(service)
  await expect(await catalogOf(admin, 'storage')).toMatchFileSnapshot('storage.txt')
  expect(await recordsIn(admin)).toEqual(all)
})

test('the second run changes nothing', async () => {
  const { admin, service } = await database('again')
  await storageMigrations.migrate(service)
  const before = await catalogOf(admin, 'storage')
  const [time] = (await admin.query('select max(executed_at) as t from storage.migrations')).rows
  await storageMigrations.migrate(service)
  expect(await catalogOf(admin, 'storage')).toBe(before)
  expect((await admin.query('select max(executed_at) as t from storage.migrations')).rows).toEqual([time])
})

describe('a database that upstream migrated in part is brought forward', () => {
  test.each([
    ['the middle of 2025 (v1.22.7)', ['storage-mid-2025.sql'], 26],
    ['the end of 2025, with prefixes', ['storage-mid-2025.sql', 'storage-late-2025.sql'], 45],
  ])('from %s', async (_, files, upTo) => {
    const { admin, service } = await database(`from_${upTo}`)
    for (const from of files) await service.query(file(from))
    await service.query(
      `insert into storage.migrations (id, name, hash) values ${all.slice(0, upTo).map((r) => `(${r.id}, '${r.name}', '${r.hash}')`)}`,
    )
    await admin.query(`create policy own on storage.objects for select to authenticated using ((storage.foldername(name))[1] = 'x')`)
    await storageMigrations.migrate(service)
    await admin.query('drop policy own on storage.objects')
    expect(await catalogOf(admin, 'storage')).toBe(file('storage.txt'))
    expect(await recordsIn(admin)).toEqual(all)
    expect((await admin.query('select bucket_id, name, path_tokens, is_versioned from storage.objects')).rows).toEqual([
      { bucket_id: 'kept', name: 'a/b.txt', path_tokens: ['a', 'b.txt'], is_versioned: false },
    ])
    if (upTo > 40)
      expect(
        (await admin.query('select bucket_name, catalog_id = b.id as same from storage.iceberg_namespaces, storage.buckets_analytics b'))
          .rows,
      ).toEqual([{ bucket_name: 'lake', same: true }])
  })

  test('records that a restored dump has shifted or with other hashes are mended, unless that is forbidden', async () => {
    const { admin, service } = await database('shifted')
    await storageMigrations.migrate(service)
    await admin.query(
      `delete from storage.migrations where id in (40, 63); update storage.migrations set id = 63 where id = 41; update storage.migrations set hash = 'x' where id = 7`,
    )
    await expect(storageMigrationsWith({ allowRefresh: false }).migrate(service)).rejects.toThrow(/DB_ALLOW_MIGRATION_REFRESH/)
    await storageMigrations.migrate(service)
    expect(await recordsIn(admin)).toEqual(all)
    expect(await catalogOf(admin, 'storage')).toBe(file('storage.txt'))
  })

  test('from a newer version there is nothing to do', async () => {
    const { admin, service } = await database('newer')
    await storageMigrations.migrate(service)
    await admin.query(`insert into storage.migrations (id, name, hash) values (64, 'later', 'h'); drop function storage.search_v2`)
    await storageMigrations.migrate(service)
    expect((await recordsIn(admin)).length).toBe(65)
    expect((await admin.query(`select from pg_proc where proname = 'search_v2'`)).rowCount).toBe(0)
  })
})

test('two instances at once do not meet', async () => {
  const { admin, service } = await database('two')
  const other = await server.connect('supabase_storage_admin', 'two')
  await Promise.all([storageMigrations.migrate(service), storageMigrations.migrate(other)])
  expect(await catalogOf(admin, 'storage')).toBe(file('storage.txt'))
})

test('a bare server: without roles grants are left out, with DB_INSTALL_ROLES they are made', async () => {
  await using bare = await startPostgres()
  const admin = await bare.connect()
  await storageMigrations.migrate(admin)
  expect(await recordsIn(admin)).toEqual(all)
  await admin.query('drop schema storage cascade')
  await storageMigrationsWith({ installRoles: true, anonRole: 'guest' }).migrate(admin)
  const { rows } =
    await admin.query(`select has_table_privilege('guest', 'storage.objects', 'select') as guest, pg_has_role('authenticator', 'guest', 'member') as member,
    has_table_privilege('postgres', 'storage.objects', 'select with grant option') as postgres`)
  expect(rows).toEqual([{ guest: true, member: true, postgres: true }])
})

describe('what projects rest on', () => {
  let admin: Client
  beforeAll(async () => {
    const made = await database('use')
    await storageMigrations.migrate(made.service)
    admin = made.admin
    await admin.query(`insert into storage.buckets (id, name) values ('b', 'b')`)
    const names = ['a', 'a!', 'a.txt', 'a/1', 'a/2/x', 'B', 'b-c', 'c_d/y', 'cxd/z', 'd', 'é/k', '\u{1f600}/k']
    await admin.query(
      `insert into storage.objects (bucket_id, name, metadata, created_at, updated_at)
       select 'b', n, '{"size": 2}', timestamptz '2026-01-01 00:00Z' - i * interval '1 hour', timestamptz '2026-01-01 00:00Z' + i * interval '1 hour' from unnest($1::text[]) with ordinality u (n, i)`,
      [names],
    )
  })
  const value = async (text: string, args: unknown[] = []) => (await admin.query({ text, values: args, rowMode: 'array' })).rows

  test('postgres may write policies on buckets and objects and make buckets; the API roles see what policies let them', async () => {
    const postgres = await server.connect('postgres', 'use')
    await postgres.query(
      `create policy p on storage.objects for select to anon using (bucket_id = 'b' and name = 'a'); insert into storage.buckets (id, name) values ('p', 'p')`,
    )
    await postgres.query('begin; set local role anon')
    expect((await postgres.query('select name from storage.objects')).rows).toEqual([{ name: 'a' }])
    await postgres.query('rollback')
    await postgres.query(
      'alter policy p on storage.objects to authenticated; drop policy p on storage.objects; create policy q on storage.buckets using (true); drop policy q on storage.buckets',
    )
  })

  test('rows are not deleted by SQL unless the service says so', async () => {
    await expect(admin.query(`delete from storage.objects`)).rejects.toMatchObject({ code: '42501' })
    await expect(admin.query(`delete from storage.buckets`)).rejects.toMatchObject({ code: '42501' })
    await admin.query(`begin; set local storage.allow_delete_query = 'true'; delete from storage.objects; rollback`)
    await expect(admin.query(`insert into storage.buckets (id, name) values ('long', repeat('x', 101))`)).rejects.toThrow(
      'is too long (101 characters). Max is 100.',
    )
  })

  test.each([
    ['a/b/c.tar.gz', ['a', 'b'], 'c.tar.gz', 'gz'],
    ['x.txt', [], 'x.txt', 'txt'],
    ['plain', [], 'plain', 'plain'],
    ['a/', ['a'], '', ''],
    ['', null, null, null],
  ])('the parts of %j', async (name, folder, filename, extension) => {
    expect(await value('select storage.foldername($1), storage.filename($1), storage.extension($1)', [name])).toEqual([
      [folder, filename, extension],
    ])
  })

  test('operations are compared with and without the prefix', async () => {
    const ask = async (operation: string, expected: string | null) =>
      (
        await value(
          `select set_config('storage.operation', $1, false), storage.allow_only_operation($2), storage.allow_any_operation(array['x', $2])`,
          [operation, expected],
        )
      )[0]?.slice(1)
    expect(await ask('storage.object.upload', 'object.upload')).toEqual([true, true])
    expect(await ask('object.upload', 'storage.object.upload')).toEqual([true, true])
    expect(await ask('object.upload', 'object.delete')).toEqual([false, false])
    expect(await ask('object.upload', '')).toEqual([false, false])
    expect(await ask('', 'object.upload')).toEqual([false, false])
    expect(await ask('object.upload', null)).toEqual([false, false])
  })

  test('sizes are summed, and a trial insert takes itself back', async () => {
    expect(await value('select size::int, bucket_id from storage.get_size_by_bucket()')).toEqual([[24, 'b']])
    await expect(admin.query(`select storage.can_insert_object('b', 'new', null, '{}')`)).rejects.toMatchObject({
      code: 'PT200',
      message: 'ROLLBACK',
    })
    expect(await value(`select count(*)::int from storage.objects`)).toEqual([[12]])
  })

  const top = ['B', 'a', 'a!', 'a.txt', 'a', 'b-c', 'c_d', 'cxd', 'd', 'é', '\u{1f600}']
  test.each([
    // prefix         limit  after    order   expected
    ['', 100, '', 'asc', top],
    ['', 100, '', 'desc', top.toReversed()],
    ['', 3, '', 'asc', ['B', 'a', 'a!']],
    ['', 2, 'b-c', 'asc', ['c_d', 'cxd']],
    ['', 2, 'c_d', 'asc', ['cxd', 'd']],
    ['', 2, 'c_d', 'desc', ['b-c', 'a']],
    ['', 2, 'd', 'desc', ['cxd', 'c_d']],
    ['a/', 100, '', 'asc', ['a/1', 'a/2']],
    ['a/', 100, 'a/1', 'asc', ['a/2']],
    ['a/', 100, '', 'desc', ['a/2', 'a/1']],
    ['c_', 100, '', 'asc', ['c_d']],
    ['none', 100, '', 'asc', []],
    ['none', 100, '', 'desc', []],
  ])('list %j, %d after %j %s', async (prefix, limit, after, order, expected) => {
    expect(
      (
        await value(`select name from storage.list_objects_with_delimiter('b', $1, '/', $2, $3, '', $4)`, [prefix, limit, after, order])
      ).flat(),
    ).toEqual(expected)
    expect((await value(`select name from storage.search_v2($1, 'b', $2, 1, $3, $4)`, [prefix, limit, after, order])).flat()).toEqual(
      expected,
    )
  })

  const anyCase = ['a', 'a!', 'a.txt', 'a', 'B', 'b-c', 'c_d', 'cxd', 'd', 'é', '\u{1f600}']
  test.each([
    // prefix  search  limit  offset  column   order   expected
    ['', '', 100, 0, 'name', 'asc', anyCase],
    ['', '', 100, 0, 'name', 'desc', anyCase.toReversed()],
    ['', '', 3, 2, 'name', 'asc', ['a.txt', 'a', 'B']],
    ['', '', 3, 2, 'name', 'desc', ['d', 'cxd', 'c_d']],
    ['', 'A', 100, 0, 'name', 'asc', ['a', 'a!', 'a.txt', 'a']],
    ['a/', '', 100, 0, 'name', 'asc', ['1', '2']],
    ['A/', '2', 100, 0, 'name', 'asc', ['2']],
    ['', '', 100, 0, 'created_at', 'asc', ['a', 'c_d', 'cxd', 'é', '\u{1f600}', 'd', 'b-c', 'B', 'a.txt', 'a!', 'a']],
    ['', '', 2, 1, 'updated_at', 'desc', ['é', 'cxd']],
    ['a/', '', 100, 0, 'updated_at', 'desc', ['2', '1']],
    ['', 'c\\_', 100, 0, 'created_at', 'asc', ['c_d']],
  ])('search %j %j, %d from %d by %s %s', async (prefix, search, limit, offset, column, order, expected) => {
    const rows = await value('select name, id is null from storage.search($1, $2, $3, 1, $4, $5, $6, $7)', [
      prefix,
      'b',
      limit,
      offset,
      search,
      column,
      order,
    ])
    expect(rows.map((row) => row[0])).toEqual(expected)
  })

  test('lists by time: a folder is as old as its oldest object, pages follow each other', async () => {
    const page = (after: string, time: string, order: string) =>
      value(`select name, created_at::text from storage.search_v2('', 'b', 4, 1, $1, $2, 'created_at', $3)`, [after, order, time])
    for (const order of ['asc', 'desc']) {
      const seen: unknown[] = []
      let last = ['', '']
      for (;;) {
        const rows = await page(last[0] as string, last[1] as string, order)
        if (rows.length === 0) break
        seen.push(...rows.map((row) => row[0]))
        last = rows.at(-1) as [string, string]
      }
      const up = ['\u{1f600}', 'é', 'd', 'cxd', 'c_d', 'b-c', 'B', 'a', 'a.txt', 'a!', 'a']
      expect(seen).toEqual(order === 'asc' ? up : up.toReversed())
    }
  })

  test('a sort order or column is never run as SQL', async () => {
    const evil = `desc; select pg_sleep(30)`
    await value(`select * from storage.search_by_timestamp('', 'b', 1, 1, '', $1, $1, '')`, [evil])
    await value(`select * from storage.search('', 'b', 1, 1, 0, '', $1, $1)`, [evil])
    await value(`select * from storage.search_v2('', 'b', 1, 1, '', $1, $1)`, [evil])
  })

  test('a large folder costs no more than its line', async () => {
    await admin.query(`insert into storage.buckets (id, name) values ('big', 'big'); insert into storage.objects (bucket_id, name) select 'big', 'f/' || i from generate_series(1, 20000) i;
      insert into storage.objects (bucket_id, name) select 'big', 'z' || i from generate_series(1, 20000) i; analyze storage.objects`)
    const start = performance.now()
    expect((await value(`select name from storage.list_objects_with_delimiter('big', '', '/', 3)`)).flat()).toEqual(['f', 'z1', 'z10'])
    expect((await value(`select name from storage.search('', 'big', 3)`)).flat()).toEqual(['f', 'z1', 'z10'])
    expect((await value(`select name from storage.search('', 'big', 2, 1, 1, '', 'name', 'desc')`)).flat()).toEqual(['z9998', 'z9997'])
    expect(performance.now() - start).toBeLessThan(500)
  })

  test('uploads under way are listed by key, folders once', async () => {
    await admin.query(`insert into storage.s3_multipart_uploads (id, upload_signature, bucket_id, key, version)
      values ('u1', '', 'b', 'a', ''), ('u2', '', 'b', 'f/1', ''), ('u3', '', 'b', 'f/2', ''), ('u4', '', 'b', 'z', '')`)
    expect(await value(`select key, id from storage.list_multipart_uploads_with_delimiter('b', '', '/')`)).toEqual([
      ['a', 'u1'],
      ['f/', 'u2'],
      ['z', 'u4'],
    ])
    expect((await value(`select key from storage.list_multipart_uploads_with_delimiter('b', '', '/', 1, 'a')`)).flat()).toEqual(['f/'])
    expect((await value(`select key from storage.list_multipart_uploads_with_delimiter('b', 'f/', '/')`)).flat()).toEqual(['f/1', 'f/2'])
    expect((await value(`select id from storage.list_multipart_uploads_with_delimiter('b', '', '/', 100, 'a', 'u3')`)).flat()).toEqual([
      'u4',
    ])
  })
})
