// What the bootstrap leaves: upstream's roles, memberships, schemas and grants; the same after a second time; nothing of the user's touched.
import type { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../src/log/log.ts'
import { bootstrap } from '../../src/services/db/bootstrap/bootstrap.ts'
import { makeSupabaseDatabase } from '../../src/services/db/bootstrap/supabase-database.ts'
import { bareServer, database, type TestDatabase, workDir } from './harness.ts'

let dir: Awaited<ReturnType<typeof workDir>>
let db: TestDatabase
let admin: Client
let postgres: Client

beforeAll(async () => {
  dir = await workDir()
  db = await database(dir)
  admin = await db.as('supabase_admin')
  postgres = await db.as('postgres')
})
afterAll(async () => {
  await db.stop()
  await dir[Symbol.asyncDispose]()
})

test.each([
  // role                          login  super  inherit createrole createdb replication bypassrls
  ['supabase_admin', true, true, true, true, true, true, true],
  ['postgres', true, false, true, true, true, true, true],
  ['anon', false, false, true, false, false, false, false],
  ['authenticated', false, false, true, false, false, false, false],
  ['service_role', false, false, true, false, false, false, true],
  ['authenticator', true, false, false, false, false, false, false],
  ['supabase_auth_admin', true, false, false, true, false, false, false],
  ['supabase_storage_admin', true, false, false, true, false, false, false],
  ['supabase_functions_admin', true, false, false, true, false, false, false],
  ['supabase_realtime_admin', false, false, false, false, false, false, false],
  ['supabase_replication_admin', true, false, true, false, false, true, false],
  ['supabase_read_only_user', true, false, true, false, false, false, true],
  ['supabase_etl_admin', true, false, true, false, false, true, true],
  ['dashboard_user', false, false, true, true, true, true, false],
  ['pgbouncer', true, false, true, false, false, false, false],
])('role %s has upstream’s attributes', async (name, ...attributes) => {
  const { rows } = await admin.query({
    text: 'select rolcanlogin, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles where rolname = $1',
    values: [name],
    rowMode: 'array',
  })
  expect(rows[0]).toEqual(attributes)
})

test.each([
  ['postgres', 'search_path="\\$user", public, extensions'],
  ['anon', 'statement_timeout=3s'],
  ['authenticated', 'statement_timeout=8s'],
  ['authenticator', 'lock_timeout=8s'],
  ['supabase_admin', 'search_path="$user", public, auth, extensions'],
  ['supabase_auth_admin', 'idle_in_transaction_session_timeout=60000'],
])('role %s has the setting %s', async (name, setting) => {
  const { rows } = await admin.query('select rolconfig from pg_roles where rolname = $1', [name])
  expect(rows[0].rolconfig).toContain(setting)
})

test.each([
  ['authenticator', 'anon', false],
  ['authenticator', 'authenticated', false],
  ['authenticator', 'service_role', false],
  ['postgres', 'anon', true],
  ['postgres', 'service_role', true],
  ['postgres', 'authenticator', true],
  ['postgres', 'supabase_storage_admin', false],
  ['postgres', 'supabase_realtime_admin', false],
  ['postgres', 'supabase_auth_admin', false],
  ['postgres', 'pg_monitor', false],
  ['supabase_storage_admin', 'authenticator', false],
  ['supabase_read_only_user', 'pg_read_all_data', false],
])('%s is a member of %s (with admin option: %s)', async (member, role, withAdmin) => {
  const { rows } = await admin.query('select admin_option from pg_auth_members where member = to_regrole($1) and roleid = to_regrole($2)', [
    member,
    role,
  ])
  expect(rows).toEqual([{ admin_option: withAdmin }])
})

test.each([
  ['public', 'pg_database_owner'],
  ['auth', 'supabase_admin'],
  ['storage', 'supabase_admin'],
  ['realtime', 'supabase_admin'],
  ['_realtime', 'postgres'],
  ['extensions', 'postgres'],
  ['graphql_public', 'supabase_admin'],
  ['vault', 'supabase_admin'],
  ['pgbouncer', 'pgbouncer'],
  ['supabase_functions', 'supabase_admin'],
  ['net', 'supabase_admin'],
])('schema %s belongs to %s', async (schema, owner) => {
  expect((await admin.query('select nspowner::regrole::text as owner from pg_namespace where nspname = $1', [schema])).rows).toEqual([
    { owner },
  ])
})

test('what postgres creates in public can be used by the API roles', async () => {
  await postgres.query(
    'create table public.open_to_all (id serial primary key); create function public.answer() returns int language sql as $$select 42$$',
  )
  for (const role of ['anon', 'authenticated', 'service_role']) {
    await postgres.query(`begin; set local role ${role}`)
    await postgres.query('insert into public.open_to_all default values; select public.answer()')
    await postgres.query('rollback')
  }
})

test('postgres can do what users of the stack do', async () => {
  for (const sql of [
    'alter publication supabase_realtime add table public.open_to_all',
    'create publication mine for table public.open_to_all',
    `alter role authenticator set pgrst.db_schemas = 'public, api'`,
    `alter role anon set statement_timeout = '10s'`,
    'create role app_user nologin; grant anon to app_user; grant app_user to authenticator',
    'create role reader login password $$x$$ in role authenticated',
    'create schema api authorization postgres',
    `notify pgrst, 'reload config'`,
    'select pg_reload_conf()',
    'select * from pg_stat_activity',
    'select * from extensions.pg_stat_statements limit 1',
    'set session_replication_role = replica; reset session_replication_role',
    'set role supabase_storage_admin; reset role',
    'alter database postgres set work_mem = $$5MB$$',
  ]) {
    await expect(postgres.query(sql), sql).resolves.toBeDefined()
  }
  await expect(postgres.query('alter role supabase_admin nosuperuser')).rejects.toThrow('permission denied')
  await expect(postgres.query('set role supabase_admin')).rejects.toThrow('permission denied')
})

test('SQL reads the JWT settings, and a pooler the stored passwords', async () => {
  const { rows } = await (await db.as('authenticator')).query(
    `select current_setting('app.settings.jwt_secret') as secret, current_setting('app.settings.jwt_exp') as exp`,
  )
  expect(rows).toEqual([{ secret: 'super-secret-jwt-token-with-at-least-32-characters-long', exp: '3600' }])
  const pgbouncer = await db.as('pgbouncer')
  expect((await pgbouncer.query(`select * from pgbouncer.get_auth('postgres')`)).rows[0]).toMatchObject({
    username: 'postgres',
    password: expect.stringMatching(/^SCRAM-SHA-256\$4096:/),
  })
  expect((await pgbouncer.query(`select * from pgbouncer.get_auth('anon')`)).rows).toEqual([])
  await expect(postgres.query(`select * from pgbouncer.get_auth('postgres')`)).rejects.toThrow('permission denied')
})

test('a change of the schema is told to REST, one of temporary tables or of the services’ schemas is not', async () => {
  const heard: string[] = []
  const listener = await db.as('authenticator')
  listener.on('notification', ({ channel, payload }) => heard.push(`${channel}: ${payload}`))
  await listener.query('listen pgrst')
  const says = async (sql: string) => {
    heard.length = 0
    await admin.query(sql)
    await listener.query('select 1') // a notification comes with the next answer at the latest
    return heard.length > 0
  }
  expect(await says('create table public.told (id int)')).toBe(true)
  expect(await says('comment on table public.told is $$x$$')).toBe(true)
  expect(await says('create temporary table untold (id int)')).toBe(false)
  expect(await says('create table auth.untold (id int)')).toBe(false)
  expect(await says('drop table public.told')).toBe(true)
  expect(await says('drop table auth.untold')).toBe(false)
  expect(await says('grant select on public.open_to_all to anon')).toBe(false)
  expect(heard).toEqual([])
})

const catalogue = `
  select jsonb_build_object(
    'roles', (select jsonb_agg(to_jsonb(r) - 'rolpassword' order by rolname) from pg_roles r),
    'members', (select jsonb_agg(jsonb_build_array(roleid::regrole::text, member::regrole::text, admin_option, inherit_option, set_option) order by roleid::regrole::text, member::regrole::text, grantor) from pg_auth_members),
    'schemas', (select jsonb_agg(jsonb_build_array(nspname, nspowner::regrole::text, nspacl::text) order by nspname) from pg_namespace where nspname !~ '^pg_(temp|toast)'),
    'defaults', (select jsonb_agg(to_jsonb(d) - 'oid' order by defaclrole, defaclnamespace, defaclobjtype) from pg_default_acl d),
    'relations', (select jsonb_agg(jsonb_build_array(oid::regclass::text, relowner::regrole::text, relacl::text) order by oid) from pg_class where relnamespace <> 'pg_toast'::regnamespace),
    'functions', (select jsonb_agg(jsonb_build_array(oid::regprocedure::text, proowner::regrole::text, proacl::text, prosecdef, md5(prosrc)) order by oid) from pg_proc where pronamespace <> 'pg_catalog'::regnamespace),
    'extensions', (select jsonb_agg(jsonb_build_array(extname, extowner::regrole::text, extnamespace::regnamespace::text, extversion) order by extname) from pg_extension),
    'triggers', (select jsonb_agg(jsonb_build_array(evtname, evtevent, evtowner::regrole::text, evtfoid::regproc::text, evttags) order by evtname) from pg_event_trigger),
    'publications', (select jsonb_agg(to_jsonb(p) - 'oid' order by pubname) from pg_publication p),
    'settings', (select jsonb_agg(jsonb_build_array(setdatabase, setrole, setconfig) order by setdatabase, setrole) from pg_db_role_setting),
    'databases', (select jsonb_agg(jsonb_build_array(datname, datdba::regrole::text, datacl::text) order by datname) from pg_database)
  ) as all`.replace('as all', 'as everything')

test('bootstrapping a second time changes nothing, nor what the user has changed since', async () => {
  await postgres.query('create table public.mine (id int); revoke all on public.mine from anon; insert into public.mine values (1)')
  const before = (await admin.query(catalogue)).rows[0].everything
  const again = await bootstrap({
    client: admin,
    password: 'postgres',
    jwtSecret: 'super-secret-jwt-token-with-at-least-32-characters-long',
    jwtExp: 3600,
    log: silentLog,
  })
  expect(again).toEqual({ first: false, leftOut: [] })
  expect((await admin.query(catalogue)).rows[0].everything).toEqual(before)

  // And every statement of it, as a new version of Plinth might run them.
  await admin.query('comment on schema _realtime is null')
  await bootstrap({
    client: admin,
    password: 'postgres',
    jwtSecret: 'super-secret-jwt-token-with-at-least-32-characters-long',
    jwtExp: 3600,
    log: silentLog,
  })
  const after = (await admin.query(catalogue)).rows[0].everything
  for (const part of Object.keys(before)) expect(after[part], part).toEqual(before[part])
  expect((await postgres.query('select * from public.mine')).rows).toEqual([{ id: 1 }])
})

test('two instances that bootstrap at once do not meet', async () => {
  await using work = await workDir()
  const server = await bareServer(work.stateDir)
  try {
    const clients = await Promise.all([server.connect('postgres'), server.connect('postgres'), server.connect('postgres')])
    const results = await Promise.all(
      clients.map(async (client) => {
        const result = await bootstrap({ client, password: 'postgres', jwtSecret: 'a'.repeat(40), jwtExp: 3600, log: silentLog })
        await makeSupabaseDatabase(client, server.connect)
        return result.first
      }),
    )
    expect(results.filter(Boolean)).toHaveLength(1)
    await Promise.all(clients.map((client) => client.end()))
  } finally {
    await server.stop()
  }
})
