import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { listMigrations, type MigrationFile, MigrationOrderError, pendingMigrations } from './migrations.ts'

const file = (version: string): MigrationFile => ({
  fileName: `${version}_x.sql`,
  path: `supabase/migrations/${version}_x.sql`,
  version,
  name: 'x',
})

describe('pendingMigrations()', () => {
  test.each<[string[], string[], string[]]>([
    [[], [], []],
    [['1', '2'], [], ['1', '2']],
    [['1', '2'], ['1'], ['2']],
    [['1', '2'], ['1', '2'], []],
  ])('files %j, applied %j: %j', (files, applied, pending) => {
    expect(pendingMigrations(files.map(file), applied).map(({ version }) => version)).toEqual(pending)
  })
  test.each<[string[], string[], string[]]>([
    [
      ['1', '2', '3', '4'],
      ['1', '3'],
      ['2', '4'],
    ],
    [['0', '1', '2'], ['1'], ['0', '2']],
  ])('files %j, applied %j, with --include-all: %j', (files, applied, pending) => {
    expect(pendingMigrations(files.map(file), applied, { includeAll: true }).map(({ version }) => version)).toEqual(pending)
  })
  test.each<[string[], string[], RegExp, RegExp]>([
    [
      ['1', '3'],
      ['1', '2', '3'],
      /^Remote migration versions not found in local migrations directory\.$/,
      /migration repair --status reverted 2$/,
    ],
    [['1'], ['1', '2', '3'], /^Remote migration versions/, /reverted 2 3$/],
    [[], ['1'], /^Remote migration versions/, /reverted 1$/],
    [
      ['1', '2', '3'],
      ['1', '3'],
      /^Found local migration files to be inserted before the last migration on remote database\.$/,
      /--include-all[\s\S]*supabase\/migrations\/2_x\.sql$/,
    ],
  ])('files %j, applied %j are refused', (files, applied, message, suggestion) => {
    let error: unknown
    try {
      pendingMigrations(files.map(file), applied)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(MigrationOrderError)
    expect((error as MigrationOrderError).message).toMatch(message)
    expect((error as MigrationOrderError).suggestion).toMatch(suggestion)
  })
  test('versions that are gone are an error also with --include-all', () => {
    expect(() => pendingMigrations([file('2')], ['1'], { includeAll: true })).toThrow(MigrationOrderError)
  })
})

describe('listMigrations()', () => {
  const list = (names: string[]) => {
    const dir = mkdtempSync(join(tmpdir(), 'migrations-'))
    try {
      mkdirSync(join(dir, 'supabase/migrations/20240101000000_folder.sql'), { recursive: true })
      for (const name of names) writeFileSync(join(dir, 'supabase/migrations', name), '')
      const said: string[] = []
      return { files: listMigrations(dir, (line) => said.push(line)), said }
    } finally {
      rmSync(dir, { recursive: true })
    }
  }
  test('takes files of the right name in their order, tells others, passes over folders', () => {
    const { files, said } = list(['20240102000000_b.sql', '1_a_b.sql', 'nonumber.sql', '5.sql', '7_.sql'])
    expect(files.map(({ version, name }) => [version, name])).toEqual([
      ['1', 'a_b'],
      ['20240102000000', 'b'],
      ['7', ''],
    ])
    expect(said).toEqual([
      'Skipping migration 5.sql... (file name must match pattern "<timestamp>_name.sql")',
      'Skipping migration nonumber.sql... (file name must match pattern "<timestamp>_name.sql")',
    ])
  })
  test('a dump that the first releases wrote is left out, only as the first file', () => {
    expect(list(['20211101000000_init.sql', '20211102000000_init.sql']).files.map(({ version }) => version)).toEqual(['20211102000000'])
    expect(list(['20211209000000_init.sql']).files).toHaveLength(1)
  })
  test('no folder, no migrations', () => {
    expect(listMigrations('/nowhere/at/all')).toEqual([])
  })
})
