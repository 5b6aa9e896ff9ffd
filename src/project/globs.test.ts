import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { matchFiles } from './globs.ts'

const dir = mkdtempSync(join(tmpdir(), 'globs-'))
for (const file of [
  'supabase/seed.sql',
  'supabase/seeds/b.sql',
  'supabase/seeds/a.sql',
  'supabase/seeds/deep/c.sql',
  'supabase/seeds/n.txt',
  'data/x.sql',
]) {
  mkdirSync(dirname(join(dir, file)), { recursive: true })
  writeFileSync(join(dir, file), '')
}
afterAll(() => rmSync(dir, { recursive: true }))

test.each<[string[], string[], string[]]>([
  [['./seed.sql'], ['supabase/seed.sql'], []],
  [
    ['./seeds/*.sql', './seed.sql', './seeds/b.sql', './none/*.sql'],
    ['supabase/seeds/a.sql', 'supabase/seeds/b.sql', 'supabase/seed.sql'],
    ['supabase/none/*.sql'],
  ],
  [['seeds/**/*.sql'], ['supabase/seeds/a.sql', 'supabase/seeds/b.sql', 'supabase/seeds/deep/c.sql'], []],
  [['./seeds/b.sql', './seeds/*.sql'], ['supabase/seeds/b.sql', 'supabase/seeds/a.sql'], []],
  [['../data/*.sql'], ['data/x.sql'], []],
  [['./seeds'], [], ['supabase/seeds']],
  [['./*/*.txt'], ['supabase/seeds/n.txt'], []],
  [['./seeds/[ab].sql'], ['supabase/seeds/a.sql', 'supabase/seeds/b.sql'], []],
  [[], [], []],
])('%j gives %j', (patterns, files, unmatched) => {
  expect(matchFiles(dir, patterns)).toEqual({ files, unmatched })
})
test('a folder stands for its SQL files where folders are allowed', () => {
  expect(matchFiles(dir, ['./seeds'], { folders: true }).files).toEqual(['supabase/seeds/a.sql', 'supabase/seeds/b.sql'])
})
