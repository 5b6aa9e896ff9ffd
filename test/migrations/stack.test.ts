// The schemas of the services on the database as the stack makes it: the same as elsewhere, and for `postgres` to build on.
import { readFileSync } from 'node:fs'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrateSchemas } from '../../src/stack/migrate-schemas.ts'
import { schemaMigrations } from '../../src/stack/schema-migrations.ts'
import { database, type TestDatabase, workDir } from '../db/harness.ts'
import { catalogOf } from '../support/catalog.ts'
import { startPostgres } from '../support/postgres.ts'

const SCHEMAS = [
  ['auth', 'auth.txt', ['auth']],
  ['storage', 'storage.txt', ['storage']],
  ['realtime', 'realtime.txt', ['_realtime', 'realtime']],
] as const

/** Rights on the schemas themselves are the bootstrap's matter. */
const withoutSchemas = (catalog: string) => catalog.replace(/^schema .*\n/gm, '')

async function catalogsOf(client: pg.Client, schemas: readonly string[]): Promise<string> {
  const parts: string[] = []
  for (const schema of schemas) parts.push(await catalogOf(client, schema))
  return parts.join('')
}

/** What the migrations of real projects do to these schemas, as the role they run as. */
const PROJECT: readonly (readonly [string, string])[] = [
  [
    'a profile for each user',
    `create table public.profiles (id uuid primary key references auth.users on delete cascade, name text);
     create function public.on_user() returns trigger language plpgsql security definer set search_path = '' as
       $$ begin insert into public.profiles (id, name) values (new.id, new.raw_user_meta_data ->> 'name'); return new; end $$;
     create trigger on_auth_user_created after insert on auth.users for each row execute function public.on_user();
     insert into auth.users (id, raw_user_meta_data) values ('00000000-0000-4000-8000-000000000001', '{"name":"Ada"}')`,
  ],
  [
    'a policy on what belongs to a user',
    'create policy own on public.profiles for select to authenticated using ((select auth.uid()) = id)',
  ],
  [
    'buckets and policies on objects',
    `insert into storage.buckets (id, name, public) values ('avatars', 'avatars', true);
     create policy "read avatars" on storage.objects for select to anon using (bucket_id = 'avatars');
     create policy "own folder" on storage.objects for insert to authenticated
       with check (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid()::text));
     create policy buckets on storage.buckets for select to authenticated using (true);
     drop policy "read avatars" on storage.objects`,
  ],
  [
    'policies on messages, and sending from a trigger',
    `create policy listen on realtime.messages for select to authenticated using (realtime.topic() like 'room:%' and extension = 'broadcast');
     create function public.told() returns trigger language plpgsql security definer as
       $$ begin perform realtime.broadcast_changes('room:1', tg_op, tg_op, tg_table_name, tg_table_schema, new, old); return null; end $$;
     create trigger told after update on public.profiles for each row execute function public.told();
     update public.profiles set name = 'Ada L.';
     alter publication supabase_realtime add table public.profiles`,
  ],
  [
    'reading what the services keep',
    'select * from auth.users, auth.identities, auth.sessions, storage.objects, storage.migrations, realtime.messages',
  ],
]

describe('on the database of the stack', () => {
  let dir: Awaited<ReturnType<typeof workDir>>
  let db: TestDatabase
  beforeAll(async () => {
    dir = await workDir()
    db = await database(dir)
    await migrateSchemas(db.service.adminUrl, schemaMigrations)
  })
  afterAll(async () => {
    await db.stop()
    await dir[Symbol.asyncDispose]()
  })

  test.each(SCHEMAS)('%s is what upstream ends in', async (_, expected, schemas) => {
    const found = await catalogsOf(await db.as('supabase_admin'), schemas)
    expect(withoutSchemas(found)).toBe(withoutSchemas(readFileSync(new URL(expected, import.meta.url), 'utf8')))
  })

  test('the role postgres builds on them', async () => {
    const postgres = await db.as('postgres')
    for (const [what, sql] of PROJECT) await expect(postgres.query(sql), what).resolves.toBeDefined()
    const { rows } = await postgres.query(
      "select name, (select count(*)::int from realtime.messages where topic = 'room:1') as told from profiles",
    )
    expect(rows).toEqual([{ name: 'Ada L.', told: 1 }])
  })
})

// Since Postgres 16 a login that makes a role may not act as it by that alone.
test.each(['postgres', 'owner'])('a server elsewhere, whose login %s is no superuser', async (login) => {
  await using server = await startPostgres()
  const root = await server.connect()
  await root.query(`create role root superuser login; create role ${login} createrole createdb login password 'secret'`)
  await root.query(`alter database postgres owner to ${login}; alter schema public owner to ${login}`)
  const other = await server.connect('root', 'postgres')
  await root.end()
  await other.query('alter role supabase_admin rename to elsewhere')
  await using dir = await workDir()
  await using db = await database({
    stateDir: dir.stateDir,
    port: Number(new URL(server.url()).port),
    password: 'secret',
    env: { POSTGRES_HOST: '127.0.0.1', POSTGRES_USER: login },
  })

  await migrateSchemas(db.service.adminUrl, schemaMigrations)
  const schemas = SCHEMAS.flatMap(([, , names]) => names)
  const first = await catalogsOf(other, schemas)
  await migrateSchemas(db.service.adminUrl, schemaMigrations)

  expect(await catalogsOf(other, schemas)).toBe(first)
  const { rows } = await other.query(
    `select relname, pg_get_userbyid(relowner) as owner from pg_class
      where oid in ('auth.users'::regclass, 'storage.objects'::regclass, 'realtime.messages'::regclass) order by relname`,
  )
  expect(rows).toEqual([
    { relname: 'messages', owner: 'supabase_realtime_admin' },
    { relname: 'objects', owner: 'supabase_storage_admin' },
    { relname: 'users', owner: 'supabase_auth_admin' },
  ])
  const client = await server.connect(login, 'postgres')
  for (const [what, sql] of PROJECT) await expect(client.query(sql), what).resolves.toBeDefined()
})
