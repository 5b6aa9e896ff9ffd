// Every extension of ours, created by `postgres` as a user's first migration would, and used as its clients use it.

import type { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TRUSTED_CONTRIB, UNAVAILABLE } from '../../src/services/db/extensions/unavailable.ts'
import { database, type TestDatabase, workDir } from './harness.ts'

let dir: Awaited<ReturnType<typeof workDir>>
let db: TestDatabase
let postgres: Client

beforeAll(async () => {
  dir = await workDir()
  db = await database(dir)
  postgres = await db.as('postgres')
})
afterAll(async () => {
  await db.stop()
  await dir[Symbol.asyncDispose]()
})

const one = async (sql: string, values: unknown[] = []) => Object.values((await postgres.query(sql, values)).rows[0])[0]

test.each([
  ['uuid-ossp', 'extensions', true],
  ['pgcrypto', 'extensions', true],
  ['pg_stat_statements', 'extensions', true],
  ['supabase_vault', 'vault', true],
  ['pg_net', 'extensions', true],
  ['pgjwt', 'extensions', false],
  ['pg_graphql', 'graphql', false],
  ['pgsodium', 'pgsodium', false],
  ['pg_cron', 'pg_catalog', false],
  ['pgmq', 'pgmq', false],
  ['moddatetime', 'extensions', false],
  ['postgres_fdw', 'extensions', false],
  ['hstore', 'extensions', false],
  ['pg_trgm', 'extensions', false],
  ['unaccent', 'extensions', false],
])('postgres can create, drop and create %s in %s again (there at the start: %s)', async (name, schema, atStart) => {
  const installed = await one('select exists (select from pg_extension where extname = $1)', [name])
  expect(installed).toBe(atStart)
  if (schema !== 'pg_catalog') await postgres.query(`create schema if not exists ${schema}`)
  await postgres.query(`create extension if not exists "${name}" with schema ${schema}`)
  if (name === 'pgcrypto') return
  await postgres.query(`drop extension "${name}" cascade`)
  await postgres.query(`create extension "${name}" with schema ${schema}`)
})

test.each(TRUSTED_CONTRIB)('postgres can create %s', async (name) => {
  await postgres.query('begin')
  try {
    await postgres.query(`create extension if not exists "${name}" with schema extensions cascade`)
  } finally {
    await postgres.query('rollback')
  }
})

test('what cannot be created is not listed as available; what can be is', async () => {
  const names = Object.keys(UNAVAILABLE)
  expect((await postgres.query('select name from pg_available_extensions where name = any($1)', [names])).rows).toEqual([])
  expect((await postgres.query('select name from pg_available_extension_versions where name = any($1)', [names])).rows).toEqual([])
  const listed = await postgres.query(`select name from pg_available_extensions where name in ('pg_net', 'hstore') order by 1`)
  expect(listed.rows).toEqual([{ name: 'hstore' }, { name: 'pg_net' }])
})

test.each(Object.keys(UNAVAILABLE))('create extension %s fails and names it and POSTGRES_HOST', async (name) => {
  await expect(postgres.query(`create extension if not exists "${name}" with schema extensions`)).rejects.toMatchObject({
    message: expect.stringContaining(`extension "${name}" is not available`),
    hint: expect.stringContaining('POSTGRES_HOST'),
    code: '0A000',
  })
})

test('pgjwt signs as jwt.io does and verifies', async () => {
  await postgres.query('create extension if not exists pgjwt with schema extensions')
  expect(await one(`select extensions.sign('{"sub":"1234567890","name":"John Doe","admin":true}', 'secret')`)).toBe(
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWV9.TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ',
  )
  for (const algorithm of ['HS256', 'HS384', 'HS512']) {
    expect(await one(`select (extensions.verify(extensions.sign('{"a":1}', 's', $1), 's', $1)).valid`, [algorithm])).toBe(true)
    expect(await one(`select (extensions.verify(extensions.sign('{"a":1}', 's', $1), 't', $1)).valid`, [algorithm])).toBe(false)
  }
  expect(await one(`select (extensions.verify(extensions.sign('{"exp":1}', 's'), 's')).valid`)).toBe(false)
  await expect(postgres.query(`select extensions.sign('{}', 's', 'none')`)).rejects.toThrow()
})

test('vault keeps secrets encrypted and gives them back to postgres and service_role only', async () => {
  const id = await one(`select vault.create_secret('s3cr€t', 'a name', 'why')`)
  expect(await one('select secret from vault.secrets where id = $1', [id])).not.toContain('s3cr')
  expect(await one('select decrypted_secret from vault.decrypted_secrets where name = $1', ['a name'])).toBe('s3cr€t')
  await postgres.query(`select vault.update_secret($1, 'other', 'new name')`, [id])
  expect(await one('select decrypted_secret from vault.decrypted_secrets where name = $1', ['new name'])).toBe('other')
  await expect(postgres.query(`select vault.create_secret('x', 'new name')`)).rejects.toThrow('duplicate key')
  await postgres.query('begin; set local role service_role')
  expect(await one('select decrypted_secret from vault.decrypted_secrets')).toBe('other')
  await postgres.query('rollback; begin; set local role authenticated')
  await expect(postgres.query('select * from vault.decrypted_secrets')).rejects.toThrow('permission denied')
  await postgres.query('rollback')
  for (const sql of ['select vault._root_key()', `select pg_read_file('pgsodium_root.key')`]) {
    await expect(postgres.query(sql)).rejects.toThrow('permission denied')
  }
  const admin = await db.as('supabase_admin')
  await admin.query(`update vault.secrets set secret = encode('\\x00'::bytea || substr(decode(secret, 'base64'), 2), 'base64')`)
  await expect(postgres.query('select * from vault.decrypted_secrets')).rejects.toThrow('invalid ciphertext')
  await postgres.query('delete from vault.secrets')
})

test('pg_graphql answers that GraphQL is not served, and its placeholder comes back', async () => {
  await postgres.query('drop extension if exists pg_graphql')
  expect(await one(`select graphql_public.graphql(query := '{a}')`)).toEqual({
    errors: [{ message: 'pg_graphql extension is not enabled.' }],
  })
  await postgres.query('create extension pg_graphql')
  expect(JSON.stringify(await one(`select graphql_public.graphql(query := '{a}')`))).toContain('POSTGRES_HOST')
  await postgres.query('drop extension pg_graphql')
  expect(JSON.stringify(await one('select graphql_public.graphql()'))).toContain('not enabled')
})

test('pgsodium gives what pgcrypto can, and an honest error for the rest', async () => {
  await postgres.query('create extension if not exists pgsodium')
  expect(await one('select length(pgsodium.randombytes_buf(3000))')).toBe(3000)
  expect(
    await one(`with key as (select pgsodium.crypto_aead_det_keygen() as k)
      select convert_from(pgsodium.crypto_aead_det_decrypt(pgsodium.crypto_aead_det_encrypt('hé'::text::bytea, 'ad', k), 'ad', k), 'utf8') from key`),
  ).toBe('hé')
  await expect(postgres.query(`select pgsodium.crypto_sign('a', 'b')`)).rejects.toMatchObject({ code: '0A000' })
})

test('pgmq sends, reads with a visibility timeout, archives and counts', async () => {
  await postgres.query('create extension if not exists pgmq')
  await postgres.query(`select pgmq.create('jobs')`)
  expect((await postgres.query(`select pgmq.send_batch('jobs', array['{"n":1}', '{"n":2}']::jsonb[]) as id`)).rows).toEqual([
    { id: '1' },
    { id: '2' },
  ])
  expect((await postgres.query(`select msg_id, read_ct, message from pgmq.read('jobs', 30, 1)`)).rows).toEqual([
    { msg_id: '1', read_ct: 1, message: { n: 1 } },
  ])
  expect((await postgres.query(`select message from pgmq.pop('jobs')`)).rows).toEqual([{ message: { n: 2 } }])
  expect((await postgres.query(`select * from pgmq.read('jobs', 30, 5)`)).rows).toEqual([])
  expect(await one(`select pgmq.archive('jobs', 1)`)).toBe(true)
  expect((await postgres.query(`select queue_length, total_messages from pgmq.metrics('jobs')`)).rows).toEqual([
    { queue_length: '0', total_messages: '2' },
  ])
  expect(await one(`select pgmq.drop_queue('jobs')`)).toBe(true)
})
