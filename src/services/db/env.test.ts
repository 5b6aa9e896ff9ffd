import { expect, test } from 'vitest'
import { readEnv } from '../../env/read.ts'
import { dbEnv, isEmbedded } from './env.ts'

const read = (more: Record<string, string>) => readEnv(dbEnv, { POSTGRES_PASSWORD: 'p', ...more })

test.each([
  [undefined, true],
  ['db', true],
  ['/var/run/postgresql', true],
  ['127.0.0.1', false],
  ['db.example.org', false],
])('POSTGRES_HOST %s is the embedded server: %s', (host, embedded) => {
  expect(isEmbedded(read(host === undefined ? {} : { POSTGRES_HOST: host }))).toBe(embedded)
})

test.each([
  [
    '{"work_mem":"8MB","max_connections":50,"track_commit_timestamp":true}',
    { work_mem: '8MB', max_connections: '50', track_commit_timestamp: 'true' },
  ],
  ['{}', {}],
])('PLINTH_DB_SETTINGS %s is read as text values', (given, expected) => {
  expect(read({ PLINTH_DB_SETTINGS: given }).PLINTH_DB_SETTINGS).toEqual(expected)
})

test.each([
  ['nonsense', 'JSON'],
  ['[1]', 'a JSON object of server settings'],
  ['{"port":1}', 'port'],
  ['{"WAL_level":"minimal"}', 'WAL_level'],
  ['{"a b":"x"}', 'a b'],
  ['{"work_mem":"8MB\\nfsync=off"}', 'work_mem'],
])('PLINTH_DB_SETTINGS %s is refused with %s', (given, words) => {
  expect(() => read({ PLINTH_DB_SETTINGS: given })).toThrow(words)
})

test('an absent password is named', () => {
  expect(() => readEnv(dbEnv, {})).toThrow('POSTGRES_PASSWORD')
})
