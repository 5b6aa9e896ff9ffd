import { describe, expect, test } from 'vitest'
import type { FlagValues } from './command.ts'
import { claimsOf } from './gen-bearer-jwt.ts'
import { migrationTable } from './migration-list.ts'
import { versionOf } from './migration-new.ts'
import { hostedCommands, projectCommands } from './project-commands.ts'
import { csv, jsonRows, textTable } from './result-output.ts'

test.each([...projectCommands, ...hostedCommands].map((entry) => [entry.name, entry] as const))(
  '%s loads the command of its name',
  async (name, entry) => {
    expect((await entry.load()).name).toBe(name)
  },
)

test('a version is the time in UTC', () => {
  expect(versionOf(new Date('2024-01-02T03:04:05.678+01:00'))).toBe('20240102020405')
})

test('migration list has both sides, blanks, and times where they are times', () => {
  expect(migrationTable(['20240102030405', '20240199000000'], ['20230101000000', '20240102030405'])).toBe(`
   Local          | Remote         | Time (UTC)          
  ----------------|----------------|---------------------
                  | 20230101000000 | 2023-01-01 00:00:00 
   20240102030405 | 20240102030405 | 2024-01-02 03:04:05 
   20240199000000 |                | 20240199000000      

`)
})

describe('claims of gen bearer-jwt', () => {
  test.each<[FlagValues, Record<string, unknown>]>([
    [{ role: 'anon' }, { role: 'anon', iat: 1000, exp: 2800 }],
    [{ role: 'authenticated' }, { role: 'authenticated', is_anonymous: true, iat: 1000, exp: 2800 }],
    [
      { role: 'authenticated', sub: 'u', 'valid-for': '1h' },
      { role: 'authenticated', sub: 'u', iat: 1000, exp: 4600 },
    ],
    [
      { role: 'anon', exp: '1970-01-01T01:00:00Z', payload: '{"org":7}' },
      { role: 'anon', iat: 1000, exp: 3600, org: 7 },
    ],
  ])('%j', (flags, claims) => {
    expect(claimsOf(flags, 1000)).toEqual(claims)
  })
  test.each<FlagValues>([
    { role: 'a', payload: '[1]' },
    { role: 'a', payload: '{' },
    { role: 'a', exp: 'tomorrow' },
    { role: 'a', 'valid-for': 'long' },
  ])('%j is refused', (flags) => {
    expect(() => claimsOf(flags, 0)).toThrow()
  })
})

describe('rows', () => {
  const table = {
    fields: [
      { name: 'n', typeId: 23 },
      { name: 'big', typeId: 20 },
      { name: 'ok', typeId: 16 },
      { name: 'doc', typeId: 3802 },
      { name: 'text', typeId: 25 },
    ],
    rows: [
      ['1', '9223372036854775807', 't', '{"a":[1]}', 'x, "y"\nz'],
      [null, '2', 'f', null, ''],
    ],
  }
  test('as JSON keep types, and numbers that JavaScript cannot hold as texts', () => {
    expect(JSON.parse(jsonRows(table))).toEqual([
      { n: 1, big: '9223372036854775807', ok: true, doc: { a: [1] }, text: 'x, "y"\nz' },
      { n: null, big: 2, ok: false, doc: null, text: '' },
    ])
  })
  test('as CSV are quoted where needed', () => {
    expect(csv(table)).toBe('n,big,ok,doc,text\n1,9223372036854775807,t,"{""a"":[1]}","x, ""y""\nz"\n,2,f,,\n')
  })
  test('as a table stand in columns', () => {
    expect(textTable({ fields: [{ name: 'größe', typeId: 25 }], rows: [['1'], [null]] })).toBe(
      '┌───────┐\n│ größe │\n├───────┤\n│ 1     │\n│ NULL  │\n└───────┘\n(2 rows)\n',
    )
  })
})
