import { expect, test } from 'vitest'
import type { StatusValue } from '../stack/description.ts'
import { formatValues, presentValues, prettyTables, renamed, statusTables } from './status-output.ts'

const values: StatusValue[] = [
  { key: 'db.url', name: 'DB_URL', value: 'postgresql://postgres:postgres@127.0.0.1:54322/postgres' },
  { key: 'api.url', name: 'API_URL', value: 'http://127.0.0.1:54321', node: 'gateway' },
  { key: 'auth.anon_key', name: 'ANON_KEY', value: 'ey"x', node: 'auth' },
  { key: 'n', name: 'N', value: 3 },
]

test('values of services that do not run are left out', () => {
  const nodes = [
    { name: 'gateway', state: 'healthy' as const, ms: 1 },
    { name: 'auth', state: 'failed' as const, ms: 1 },
  ]
  const shown = presentValues({ nodes, description: { name: 'x', form: 'project', workDir: '/', values, absent: [] } })
  expect(shown.map(({ name }) => name)).toEqual(['DB_URL', 'API_URL', 'N'])
})

test('names are sorted; --override-name renames by key and ignores what it does not know', () => {
  expect(Object.keys(renamed(values, ['api.url=NEXT_PUBLIC_SUPABASE_URL', 'none=X']))).toEqual([
    'ANON_KEY',
    'DB_URL',
    'N',
    'NEXT_PUBLIC_SUPABASE_URL',
  ])
})

test.each([
  ['env', 'ANON_KEY="ey\\"x"\nAPI_URL="http://127.0.0.1:54321"\nDB_URL="postgresql://postgres:postgres@127.0.0.1:54322/postgres"\nN=3\n'],
  [
    'json',
    '{\n  "ANON_KEY": "ey\\"x",\n  "API_URL": "http://127.0.0.1:54321",\n  "DB_URL": "postgresql://postgres:postgres@127.0.0.1:54322/postgres",\n  "N": 3\n}\n',
  ],
  ['yaml', 'ANON_KEY: ey"x\nAPI_URL: http://127.0.0.1:54321\nDB_URL: postgresql://postgres:postgres@127.0.0.1:54322/postgres\nN: 3\n'],
])('as %s', (format, text) => {
  expect(formatValues(renamed(values, []), format)).toBe(text)
})

test('tables have straight borders and no empty rows', () => {
  const text = prettyTables(values)
  expect(text).toContain('│ Project URL │ http://127.0.0.1:54321 │')
  expect(text).not.toContain('Studio')
  for (const table of text.split('\n\n')) {
    const widths = table
      .split('\n')
      .filter(Boolean)
      .map((line) => [...line].reduce((sum, c) => sum + (c.codePointAt(0)! > 0xffff ? 2 : 1), 0))
    expect(new Set(widths).size).toBe(1)
  }
})

test('a table wider than the terminal has no borders, so that nothing of them wraps; the others keep theirs', () => {
  const [apis, database] = prettyTables(values, 60).split('\n\n')
  expect(apis).toContain('│ Project URL │ http://127.0.0.1:54321 │')
  expect(database).toBe('  ⛁ Database\n  URL   postgresql://postgres:postgres@127.0.0.1:54322/postgres\n')
})

test('keys of a storage that this stack does not have are for scripts, not for the tables', () => {
  const s3 = { key: 'api.storage_s3_url', name: 'STORAGE_S3_URL', value: 'http://127.0.0.1:1/storage/v1/s3' }
  const told = (absent: { names: string[]; reason: string }[]) =>
    statusTables({ nodes: [], description: { name: 'x', form: 'project', workDir: '/', values: [s3], absent } })
  expect(told([])).toContain('Storage')
  expect(told([{ names: ['storage'], reason: 'not yet' }])).toBe('')
})
