// The schema of Auth against upstream's: from nothing, again, from older states, in another schema, by two at once.
import { readFileSync } from 'node:fs'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { authMigrations, authMigrationsIn } from '../../src/services/auth/migrations/index.ts'
import { authVersions } from '../../src/services/auth/migrations/versions.ts'
import { catalogOf } from '../support/catalog.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { createRoles, createSchemas } from '../support/roles.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await startPostgres()
  await createRoles(await server.connect())
})
afterAll(async () => server[Symbol.asyncDispose]())

/** A database with the image's schemas, and two connections to it: the superuser's, and one that has become the service's role. */
async function database(name: string): Promise<{ admin: Client; service: Client }> {
  await server.database(name)
  const admin = await server.connect('supabase_admin', name)
  await createSchemas(admin)
  const service = await server.connect('supabase_admin', name)
  await service.query('set role supabase_auth_admin')
  return { admin, service }
}

const file = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')
const versionsIn = async (client: Client, schema = 'auth') =>
  (await client.query<{ version: string }>(`select version from ${schema}.schema_migrations order by version collate "C"`)).rows.map(
    (row) => row.version,
  )

test('a fresh database gets the schema that upstream ends in', async () => {
  const { admin, service } = await database('fresh')
  await authMigrations.migrate(service)
  await expect(await catalogOf(admin, 'auth')).toMatchFileSnapshot('auth.txt')
  expect(await versionsIn(admin)).toEqual([...authVersions].sort())
})

test('the second run changes nothing and takes no lock', async () => {
  const { admin, service } = await database('again')
  await authMigrations.migrate(service)
  const before = await catalogOf(admin, 'auth')
  await admin.query('begin; lock table auth.users in access share mode')
  await authMigrations.migrate(service)
  await admin.query('commit')
  expect(await catalogOf(admin, 'auth')).toBe(before)
})

describe('a database that upstream migrated in part is brought forward', () => {
  test.each([
    ['the first version', 'auth-first.sql', 1],
    ['the image before the service ran', 'auth-image.sql', 6],
    ['the middle of 2025 (v2.171.0)', 'auth-mid-2025.sql', 54],
  ])('from %s', async (_, from, versions) => {
    const name = from.replace(/\W/g, '_')
    const { admin, service } = await database(name)
    await service.query(`set search_path to auth; ${file(from)}; reset search_path`)
    expect((await versionsIn(admin)).length).toBe(versions)
    const id = '5a1e0000-0000-4000-8000-000000000001'
    await admin.query(`insert into auth.users (id, email, encrypted_password) values ($1, 'Old@Example.com', 'x')`, [id])
    await authMigrations.migrate(service)
    expect(await catalogOf(admin, 'auth')).toBe(file('auth.txt'))
    expect(await versionsIn(admin)).toEqual(expect.arrayContaining([...authVersions]))
    const { rows } = await admin.query(
      'select u.is_anonymous, i.email from auth.users u left join auth.identities i on i.user_id = u.id where u.id = $1',
      [id],
    )
    expect(rows).toEqual([{ is_anonymous: false, email: versions < 30 ? 'old@example.com' : null }])
  })

  test('from each version on alone, as when only its record is missing', async () => {
    const { admin, service } = await database('holes')
    await authMigrations.migrate(service)
    const before = await catalogOf(admin, 'auth')
    await admin.query(`delete from auth.schema_migrations where version <> '20240612123726'`)
    await authMigrations.migrate(service)
    expect(await catalogOf(admin, 'auth')).toBe(before)
    expect(await versionsIn(admin)).toEqual([...authVersions].sort())
  })

  test('from a newer version there is nothing to do', async () => {
    const { admin, service } = await database('newer')
    await authMigrations.migrate(service)
    await admin.query(`insert into auth.schema_migrations values ('20990101000000')`)
    await authMigrations.migrate(service)
    expect((await versionsIn(admin)).length).toBe(authVersions.length + 1)
  })

  test('clients of the OAuth server keep working', async () => {
    const { admin, service } = await database('oauth')
    await service.query(`set search_path to auth; ${file('auth-mid-2025.sql')};
      create type oauth_registration_type as enum ('dynamic', 'manual');
      create table oauth_clients (id uuid primary key, client_id text not null constraint oauth_clients_client_id_key unique, client_secret_hash text not null,
        registration_type oauth_registration_type not null, redirect_uris text not null, grant_types text not null, client_name text, client_uri text, logo_uri text,
        created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz,
        constraint oauth_clients_client_name_length check (char_length(client_name) <= 1024), constraint oauth_clients_client_uri_length check (char_length(client_uri) <= 2048),
        constraint oauth_clients_logo_uri_length check (char_length(logo_uri) <= 2048));
      create index oauth_clients_client_id_idx on oauth_clients (client_id);
      insert into oauth_clients values ('5a1e0000-0000-4000-8000-000000000002', 'c', 's', 'manual', 'https://x.example', 'refresh_token'); reset search_path`)
    await authMigrations.migrate(service)
    expect(await catalogOf(admin, 'auth')).toBe(file('auth.txt'))
    const { rows } = await admin.query('select client_type::text, token_endpoint_auth_method from auth.oauth_clients')
    expect(rows).toEqual([{ client_type: 'confidential', token_endpoint_auth_method: 'client_secret_basic' }])
  })
})

test('two instances at once do not meet', async () => {
  const { admin, service } = await database('two')
  const other = await server.connect('supabase_auth_admin', 'two')
  await Promise.all([authMigrations.migrate(service), authMigrations.migrate(other)])
  expect(await catalogOf(admin, 'auth')).toBe(file('auth.txt'))
})

test('a failure leaves nothing behind', async () => {
  const { admin, service } = await database('fails')
  await admin.query('create function auth.uid() returns text language sql as $$ select null::text $$')
  await expect(authMigrations.migrate(service)).rejects.toThrow(/uid|function/)
  expect((await admin.query(`select from pg_class where relnamespace = 'auth'::regnamespace`)).rowCount).toBe(0)
  await expect(service.query('select 1')).resolves.toMatchObject({ rowCount: 1 })
})

test('another schema, on a server that knows none of the roles', async () => {
  await using bare = await startPostgres()
  const admin = await bare.connect()
  await authMigrationsIn('identity').migrate(admin)
  expect(await versionsIn(admin, 'identity')).toEqual([...authVersions].sort())
  expect((await admin.query('select identity.uid() as id')).rows).toEqual([{ id: null }])
})

describe('what projects rest on', () => {
  test('the functions read both forms of the claims', async () => {
    const { admin, service } = await database('claims')
    await authMigrations.migrate(service)
    const id = '5a1e0000-0000-4000-8000-000000000003'
    const ask = async (settings: Record<string, string>) => {
      await admin.query('begin')
      for (const [name, value] of Object.entries(settings)) await admin.query('select set_config($1, $2, true)', [name, value])
      const { rows } = await admin.query('select auth.uid() as uid, auth.role() as role, auth.email() as email, auth.jwt() as jwt')
      await admin.query('rollback')
      return rows[0]
    }
    const claims = { sub: id, role: 'authenticated', email: 'a@example.com' }
    expect(await ask({})).toEqual({ uid: null, role: null, email: null, jwt: null })
    expect(await ask({ 'request.jwt.claims': JSON.stringify(claims) })).toEqual({
      uid: id,
      role: 'authenticated',
      email: 'a@example.com',
      jwt: claims,
    })
    expect(await ask({ 'request.jwt.claims': '', 'request.jwt.claim.sub': id })).toMatchObject({ uid: id, role: null, jwt: null })
    expect(await ask({ 'request.jwt.claims': JSON.stringify(claims), 'request.jwt.claim.role': 'anon' })).toMatchObject({
      uid: id,
      role: 'anon',
    })
  })

  test('postgres may refer to users, hang triggers on them and read everything; the API roles may not read', async () => {
    const { service } = await database('rights')
    await authMigrations.migrate(service)
    const postgres = await server.connect('postgres', 'rights')
    const admin = await server.connect('supabase_admin', 'rights')
    await admin.query('grant create on schema public to postgres')
    await postgres.query(`
      create table public.profiles (id uuid primary key references auth.users on delete cascade, name text);
      create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = '' as $$
        begin insert into public.profiles values (new.id, new.raw_user_meta_data ->> 'name'); return new; end $$;
      create trigger on_auth_user_created after insert on auth.users for each row execute function public.handle_new_user();
      create policy own on auth.users for select to authenticated using (id = auth.uid())`)
    await service.query(`insert into auth.users (id, raw_user_meta_data) values (gen_random_uuid(), '{"name":"Ada"}')`)
    expect((await postgres.query('select name from public.profiles')).rows).toEqual([{ name: 'Ada' }])
    for (const { name } of (await postgres.query<{ name: string }>(`select tablename as name from pg_tables where schemaname = 'auth'`))
      .rows)
      await postgres.query(`select * from auth.${name}`)
    await postgres.query('set role authenticated')
    await expect(postgres.query('select * from auth.users')).rejects.toThrow(/permission denied/)
  })
})
