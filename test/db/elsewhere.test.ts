// A server that is not Plinth's: bootstrapped with a login that may everything, with one that may create roles, and refused with words otherwise.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bareServer, database, workDir } from './harness.ts'

let dir: Awaited<ReturnType<typeof workDir>>
let server: Awaited<ReturnType<typeof bareServer>>

beforeAll(async () => {
  dir = await workDir()
  server = await bareServer(dir.stateDir)
  const admin = await server.connect('postgres')
  await admin.query(`create role landlord login createrole createdb password 'theirs'; create role lodger login password 'theirs'`)
  for (const sql of ['create database rented owner landlord', 'create database bare']) await admin.query(sql)
  await admin.end()
})
afterAll(async () => {
  await server.stop()
  await dir[Symbol.asyncDispose]()
})

const elsewhere = (more: Record<string, string>) => ({
  stateDir: '/nonexistent',
  port: server.port,
  env: { POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: String(server.port), ...more },
})

test('a login that may not create roles is refused, with words', async () => {
  await expect(database({ ...elsewhere({ POSTGRES_DB: 'bare', POSTGRES_USER: 'lodger' }), password: 'theirs' })).rejects.toThrow(
    'may not create roles',
  )
})

test('a login with CREATEROLE bootstraps what it may, and the rest is told', async () => {
  await using db = await database({ ...elsewhere({ POSTGRES_USER: 'landlord', POSTGRES_DB: 'rented' }), password: 'theirs' })
  expect(db.service).toMatchObject({
    fresh: true,
    dataDir: undefined,
    adminUrl: `postgresql://landlord:theirs@127.0.0.1:${server.port}/rented`,
  })
  await db.service.health()
  const landlord = await db.as('landlord', 'rented')
  const { rows } = await landlord.query(
    `select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role', 'authenticator', 'supabase_auth_admin') order by 1`,
  )
  expect(rows.map(({ rolname }) => rolname)).toEqual(['anon', 'authenticated', 'authenticator', 'service_role', 'supabase_auth_admin'])
  const told = db.lines.find((line) => line.includes('leftOut'))
  for (const what of ['BYPASSRLS', 'event triggers that tell REST', 'pg_stat_statements']) expect(told).toContain(what)
  expect(
    (
      (await (await db.as('authenticator', 'rented')).query('set role anon; select current_user as who')) as unknown as {
        rows: unknown[]
      }[]
    )[1]?.rows,
  ).toEqual([{ who: 'anon' }])

  await using again = await database({ ...elsewhere({ POSTGRES_USER: 'landlord', POSTGRES_DB: 'rented' }), password: 'theirs' })
  expect(again.service.fresh).toBe(false)
})

test('a superuser bootstraps everything but what the server has not', async () => {
  await using db = await database(elsewhere({ POSTGRES_DB: 'bare', POSTGRES_USER: 'supabase_admin' }))
  await db.service.health()
  const admin = await db.as('supabase_admin', 'bare')
  expect((await admin.query(`select count(*)::int as n from pg_event_trigger`)).rows[0].n).toBeGreaterThan(4)
})

test.each([
  [{ POSTGRES_USER: 'landlord' }, 'wrong', 'Set POSTGRES_USER and POSTGRES_PASSWORD'],
  [{ POSTGRES_USER: 'landlord', POSTGRES_DB: 'nowhere' }, 'theirs', 'set POSTGRES_DB to one that exists'],
  [{ POSTGRES_PORT: '1' }, 'theirs', 'do POSTGRES_HOST and POSTGRES_PORT name it'],
])('with %j and %s the start says: %s', async (env, password, words) => {
  await expect(database({ ...elsewhere({ POSTGRES_DB: 'bare', ...env }), password })).rejects.toThrow(words)
})
