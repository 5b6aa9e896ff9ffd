import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DEFAULT_HEALTH, type NodeDescription } from './description.ts'
import { nearDatabase } from './near-database.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plinth-near-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const node = (kind: string, env: Record<string, string>): NodeDescription => ({
  name: kind,
  kind,
  aliases: [],
  env,
  needs: {},
  health: DEFAULT_HEALTH,
  place: { at: 'here' },
})
const uriOf = async (database: Record<string, string>, uri: string) =>
  (await nearDatabase([node('db', { PLINTH_STATE_DIR: dir, POSTGRES_PORT: '6000', ...database }), node('rest', { PGRST_DB_URI: uri })]))[1]!
    .env['PGRST_DB_URI']

test('REST beside the embedded server uses its socket; user, password and port stay', async () => {
  const uri = new URL((await uriOf({}, 'postgresql://authenticator:p%40ss@127.0.0.1:6000/postgres'))!)
  expect(uri.searchParams.get('host')).toMatch(/^\/.*run/)
  expect([uri.username, uri.password, uri.port, uri.pathname]).toEqual(['authenticator', 'p%40ss', '6000', '/postgres'])
})

test.each<[string, Record<string, string>, string]>([
  ['a server elsewhere', { POSTGRES_HOST: 'db.example' }, 'postgresql://a@db.example:6000/postgres'],
  ['a connection string of its own', {}, 'postgresql://a@10.0.0.1:6000/postgres'],
  ['one with options', {}, 'postgresql://a@127.0.0.1:6000/postgres?sslmode=disable'],
  ['another port', {}, 'postgresql://a@127.0.0.1:6543/postgres'],
])('%s is left alone', async (_, database, uri) => {
  expect(await uriOf(database, uri)).toBe(uri)
})
