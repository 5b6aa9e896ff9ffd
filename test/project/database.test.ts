// What a local project does to a real database: migrations, history, seeds, roles, vault, privileges, buckets, and the way back.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectionUrl } from '../../src/pg/quote.ts'
import { applyApiPrivileges } from '../../src/project/api-privileges.ts'
import { writeBuckets } from '../../src/project/buckets.ts'
import { loadProject } from '../../src/project/config/load.ts'
import { dropUserObjects } from '../../src/project/drop-user-objects.ts'
import { appliedVersions, applyMigrations, listMigrations, pendingMigrations } from '../../src/project/migrations.ts'
import { runPipeline, type StatementError } from '../../src/project/pipeline.ts'
import { prepareDatabase } from '../../src/project/prepare.ts'
import { applySeeds, findSeeds } from '../../src/project/seeds.ts'
import { SqlFileError } from '../../src/project/sql-file.ts'
import { applyVault } from '../../src/project/vault.ts'
import { schemaMigrations } from '../../src/stack/schema-migrations.ts'
import { database, type TestDatabase, workDir } from '../db/harness.ts'

let folder: Awaited<ReturnType<typeof workDir>>
let server: TestDatabase
let client: Client
let superuser: Client

beforeAll(async () => {
  folder = await workDir()
  server = await database({ stateDir: folder.stateDir })
  superuser = await server.as('supabase_admin')
})
afterAll(async () => {
  await server?.stop()
  await folder?.[Symbol.asyncDispose]()
})

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder.path, path)), { recursive: true })
  writeFileSync(join(folder.path, path), text)
}
const rows = async (text: string, values?: unknown[]): Promise<Record<string, unknown>[]> => (await superuser.query(text, values)).rows
const lines: string[] = []
const report = (line: string): void => void lines.push(line)
const said = (): string[] => lines.splice(0)
const exists = async (name: string): Promise<unknown> => (await rows('select to_regclass($1) is not null as e', [name]))[0]?.['e']
const up = async (): Promise<void> => {
  const pending = pendingMigrations(listMigrations(folder.path), await appliedVersions(client))
  await applyMigrations(client, folder.path, pending, report)
}

test('new data: service schemas, vault, roles, migrations and seeds, in this order', async () => {
  write(
    'supabase/config.toml',
    '[db.vault]\ntoken = "first"\nunset = "env(NOT_SET)"\n[db.seed]\nsql_paths = ["./seed.sql", "./more/*.sql"]\n',
  )
  write('supabase/roles.sql', 'create role reporter nologin;')
  write(
    'supabase/migrations/20240101000000_tables.sql',
    "create table public.pets (name text); grant select on public.pets to reporter; insert into public.pets values ('a;b');\n-- the end\n",
  )
  write('supabase/migrations/20240102000000_users.sql', 'create table public.people (id uuid references auth.users (id));')
  write('supabase/migrations/notes.txt', 'no migration')
  write('supabase/seed.sql', "insert into public.pets values ('seed');")
  const project = loadProject({ workDir: folder.path, processEnv: {} })
  const databaseUrl = connectionUrl({ user: 'postgres', password: 'postgres', host: '127.0.0.1', port: server.port, database: 'postgres' })
  await prepareDatabase({ ...project, migrations: schemaMigrations, databaseUrl }, server.service, { fresh: true, report })
  expect(said()).toEqual([
    'Initialising schema...',
    'Updating vault secrets...',
    'Seeding globals from roles.sql...',
    'Skipping migration notes.txt... (file name must match pattern "<timestamp>_name.sql")',
    'Applying migration 20240101000000_tables.sql...',
    'Applying migration 20240102000000_users.sql...',
    'WARN: no files matched pattern: supabase/more/*.sql',
    'Seeding data from supabase/seed.sql...',
  ])
  expect(await rows("select name, tableowner from public.pets, pg_tables where tablename = 'pets' order by name")).toEqual([
    { name: 'a;b', tableowner: 'postgres' },
    { name: 'seed', tableowner: 'postgres' },
  ])
  expect(await rows('select version, name, statements from supabase_migrations.schema_migrations order by 1')).toEqual([
    {
      version: '20240101000000',
      name: 'tables',
      statements: [
        'create table public.pets (name text)',
        'grant select on public.pets to reporter',
        "insert into public.pets values ('a;b')",
        '-- the end',
      ],
    },
    { version: '20240102000000', name: 'users', statements: ['create table public.people (id uuid references auth.users (id))'] },
  ])
  expect(await rows('select name, decrypted_secret from vault.decrypted_secrets')).toEqual([{ name: 'token', decrypted_secret: 'first' }])
  client = await server.as('postgres')
})

test('existing data: only the schemas of the services', async () => {
  write('supabase/migrations/20240103000000_waits.sql', 'create table public.waits (n int);')
  const project = loadProject({ workDir: folder.path, processEnv: {} })
  await prepareDatabase({ ...project, migrations: schemaMigrations, databaseUrl: 'postgresql://nobody' }, server.service, {
    fresh: false,
    report,
  })
  expect([said(), await exists('public.waits')]).toEqual([[], false])
})

describe('migrations', () => {
  test('a failing statement leaves nothing of its file; the error names file, line, statement and place', async () => {
    await up()
    said()
    write(
      'supabase/migrations/20240104000000_bad.sql',
      '-- two tables\ncreate table public.good (n int);\n\ncreate table public.bad (\n  n int, m nosuchtype\n);',
    )
    const failure = (await up().catch((error: unknown) => error)) as SqlFileError
    expect(failure).toBeInstanceOf(SqlFileError)
    expect(failure.message).toBe(`ERROR: type "nosuchtype" does not exist (SQLSTATE 42704)
At statement: 1
create table public.bad (
  n int, m nosuchtype
           ^
(supabase/migrations/20240104000000_bad.sql, line 4)`)
    expect([await exists('public.good'), await appliedVersions(client)]).toEqual([
      false,
      ['20240101000000', '20240102000000', '20240103000000'],
    ])
    write('supabase/migrations/20240104000000_bad.sql', 'create table public.good (n int);')
    await up()
    expect(await exists('public.good')).toBe(true)
  })
  test('the detail of the server comes along', async () => {
    await client.query('create table public.uniq (n int primary key)')
    const failure = (await runPipeline(client, [{ text: 'insert into public.uniq values (1), (1)' }]).catch(
      (error: unknown) => error,
    )) as StatementError
    expect(failure.message).toContain(
      'duplicate key value violates unique constraint "uniq_pkey" (SQLSTATE 23505)\nKey (n)=(1) already exists.\nAt statement: 0\n',
    )
    await client.query('drop table public.uniq')
  })
  test('settings of one file do not reach the next', async () => {
    write(
      'supabase/migrations/20240105000000_path.sql',
      "select pg_catalog.set_config('search_path', '', false); set statement_timeout = '7s';",
    )
    write(
      'supabase/migrations/20240106000000_after.sql',
      "create table here (n int); do $$ begin if current_setting('statement_timeout') = '7s' then raise exception 'leaked'; end if; end $$;",
    )
    await up()
    expect(await exists('public.here')).toBe(true)
  })
  test('an explicit transaction in a file commits early', async () => {
    write(
      'supabase/migrations/20240107000000_tx.sql',
      'begin; create table public.kept (n int); commit; create table public.lost (n int); select broken;',
    )
    await expect(up()).rejects.toThrow(/column "broken" does not exist[\s\S]*At statement: 4/)
    expect([await exists('public.kept'), await exists('public.lost')]).toEqual([true, false])
    write('supabase/migrations/20240107000000_tx.sql', 'select 1;')
    await up()
  })
  test('what cannot run in the implicit transaction fails as upstream', async () => {
    write('supabase/migrations/20240108000000_vacuum.sql', 'create table public.v (n int); create index concurrently on public.v (n);')
    await expect(up()).rejects.toThrow(/CREATE INDEX CONCURRENTLY cannot be executed within a pipeline[\s\S]*At statement: 1/)
    write('supabase/migrations/20240108000000_vacuum.sql', 'select 1;')
    await up()
  })
  test('COPY from stdin has no data and is an error that says so, not a hang', async () => {
    write('supabase/migrations/20240109000000_copy.sql', 'create table public.c (n int); copy public.c from stdin; select 1;')
    await expect(up()).rejects.toThrow(/COPY FROM stdin is not possible[\s\S]*At statement: 1/)
    await client.end()
    client = await server.as('postgres')
    write('supabase/migrations/20240109000000_copy.sql', '')
    await up()
  })
  test('ten thousand statements, and values that look like arrays, are one file', async () => {
    const odd = String.raw`select 'a"b\c{d,e}' as "x y", e'\\', 'NULL'`
    write(
      'supabase/migrations/20240110000000_many.sql',
      `create table public.many (n int);\n${'insert into public.many values (1);\n'.repeat(10_000)}${odd};`,
    )
    await up()
    expect(await rows('select count(*)::int as n from public.many')).toEqual([{ n: 10_000 }])
    const [row] = await rows(
      "select statements[10002] as last, array_length(statements, 1) as n from supabase_migrations.schema_migrations where name = 'many'",
    )
    expect(row).toEqual({ last: odd, n: 10_002 })
  })
})

describe('seeds', () => {
  const seeds = () =>
    applySeeds(
      client,
      findSeeds(folder.path, ['./seed.sql', './extra.sql'], () => {}),
      report,
    )
  test('a file that was run is not run again; a changed one only gets its hash', async () => {
    write('supabase/extra.sql', "insert into public.pets values ('extra');")
    said()
    await seeds()
    expect(said()).toEqual(['Seeding data from supabase/extra.sql...'])
    write('supabase/extra.sql', "insert into public.pets values ('changed');")
    await seeds()
    expect(said()).toEqual(['Updating seed hash to supabase/extra.sql...'])
    await seeds()
    expect(said()).toEqual([])
    expect(await rows('select name from public.pets order by name')).toEqual([{ name: 'a;b' }, { name: 'extra' }, { name: 'seed' }])
  })
  test('a failing seed is not recorded', async () => {
    write('supabase/extra.sql', "insert into public.pets values ('x'); select broken;")
    await superuser.query("delete from supabase_migrations.seed_files where path like '%extra.sql'")
    await expect(seeds()).rejects.toThrow(/broken[\s\S]*supabase\/extra\.sql, line 1/)
    expect(await rows("select 1 from supabase_migrations.seed_files where path like '%extra.sql'")).toEqual([])
    expect(await rows("select 1 from public.pets where name = 'x'")).toEqual([])
  })
})

test('a vault secret that is there is changed, not doubled', async () => {
  await applyVault(client, { token: 'second', other: "it's" }, report)
  expect(await rows('select name, decrypted_secret as s from vault.decrypted_secrets order by name')).toEqual([
    { name: 'other', s: "it's" },
    { name: 'token', s: 'second' },
  ])
})

test('auto_expose_new_tables = false closes what is made from then on', async () => {
  const may = async (table: string) => (await rows("select has_table_privilege('anon', $1, 'select') as may", [table]))[0]?.['may']
  await client.query('create table public.open_one (n int)')
  await applyApiPrivileges(client, undefined)
  expect(await may('public.open_one')).toBe(true)
  await applyApiPrivileges(client, false)
  await client.query('create table public.closed_one (n int)')
  expect([await may('public.open_one'), await may('public.closed_one')]).toEqual([true, false])
})

test('buckets are made with their properties, and changed the second time', async () => {
  const storage = await server.as('supabase_storage_admin')
  const bucket = { id: 'images', public: true, fileSizeLimit: 1024, allowedMimeTypes: ['image/png'] }
  said()
  await writeBuckets(storage, [bucket, { id: 'plain', public: false, fileSizeLimit: 2048, allowedMimeTypes: null }], report)
  await writeBuckets(storage, [{ ...bucket, public: false }], report)
  expect(said()).toEqual(['Creating Storage bucket: images', 'Creating Storage bucket: plain', 'Updating Storage bucket: images'])
  expect(
    await rows('select id, public, file_size_limit::int as size, allowed_mime_types as types from storage.buckets order by id'),
  ).toEqual([
    { id: 'images', public: false, size: 1024, types: ['image/png'] },
    { id: 'plain', public: false, size: 2048, types: null },
  ])
})

test('what a project made can be taken out; what the platform made stays, and migrations run again', async () => {
  await client.query(`create schema mine; create table mine.t (n int); create type public.mood as enum ('a'); create domain public.d as int;
    create view public.v1 as select 1 as one; create materialized view public.m1 as select 1 as one; create procedure public.p() language sql as 'select 1';
    create aggregate public.agg (int) (sfunc = int4pl, stype = int); create sequence public.s; create extension if not exists citext schema public;
    create function public.on_user() returns trigger language plpgsql as 'begin return new; end'; create trigger t after insert on auth.users for each row execute function public.on_user();
    create policy mine on storage.objects for select using (true); create publication mine for table mine.t`)
  await superuser.query("insert into auth.users (id, email) values ('a0000000-0000-4000-8000-000000000001', 'a@b.c')")
  const before = await rows('select count(*)::int as n from auth.schema_migrations')
  await dropUserObjects(client)
  expect(await rows("select c.relname from pg_class c where relnamespace = 'public'::regnamespace")).toEqual([])
  expect(await rows("select proname from pg_proc where pronamespace = 'public'::regnamespace")).toEqual([])
  expect(await rows("select typname from pg_type where typnamespace = 'public'::regnamespace")).toEqual([])
  expect(await rows("select nspname from pg_namespace where nspname = 'mine'")).toEqual([])
  expect(await rows('select policyname from pg_policies')).toEqual([])
  expect(await rows("select pubname from pg_publication where pubname = 'mine'")).toEqual([])
  expect(await rows('select count(*)::int as n from auth.users')).toEqual([{ n: 0 }])
  expect(await rows("select tgname from pg_trigger where tgname = 't'")).toEqual([])
  expect(await rows('select count(*)::int as n from auth.schema_migrations')).toEqual(before)
  expect(await appliedVersions(client)).toEqual([])
  await up()
  expect(await exists('public.pets')).toBe(true)
})
