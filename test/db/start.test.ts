// The service `db` from nothing: it starts, starts again with its data, and a second bootstrap changes nothing.
import { expect, test } from 'vitest'
import { database, workDir } from './harness.ts'

test('db starts on an empty folder, and again with what was committed', async () => {
  await using dir = await workDir()
  const first = await database(dir)
  expect(first.service.fresh).toBe(true)
  await first.service.health()
  const postgres = await first.as('postgres')
  await postgres.query('create table public.notes (id int primary key, body text); insert into notes values (1, $$kept$$)')
  await first.stop()
  await expect(first.service.health()).rejects.toThrow('server process')

  await using again = await database(dir)
  expect(again.service.fresh).toBe(false)
  expect((await (await again.as('postgres')).query('select body from notes')).rows).toEqual([{ body: 'kept' }])
})

test('db gives every login role the password, and nobody gets in without', async () => {
  await using dir = await workDir()
  await using db = await database(dir)
  for (const role of [
    'supabase_admin',
    'postgres',
    'authenticator',
    'supabase_auth_admin',
    'supabase_storage_admin',
    'supabase_read_only_user',
  ]) {
    expect((await (await db.as(role)).query('select current_user as name')).rows[0].name).toBe(role)
  }
  await expect(db.as('anon')).rejects.toThrow()
  expect(
    (await (await db.as('supabase_admin', '_supabase')).query(`select to_regnamespace('_analytics') is not null as there`)).rows[0].there,
  ).toBe(true)
})
