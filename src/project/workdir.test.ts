import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findWorkDir, sanitizeProjectId } from './workdir.ts'

test.each([
  ['shop', 'shop'],
  ['_My App!! 2', 'My_App_2'],
  ['.-_x', 'x'],
  ['a'.repeat(60), 'a'.repeat(40)],
  ['größe', 'gr_e'],
  ['!!!', ''],
])('the id made of %j is %j', (text, id) => {
  expect(sanitizeProjectId(text)).toBe(id)
})

test('a project is found from below; a folder that is named is taken as it is', () => {
  const dir = mkdtempSync(join(tmpdir(), 'workdir-'))
  try {
    const below = join(dir, 'src', 'deep')
    mkdirSync(below, { recursive: true })
    mkdirSync(join(dir, 'supabase'))
    expect(findWorkDir(below)).toBe(below)
    writeFileSync(join(dir, 'supabase', 'config.toml'), '')
    expect(findWorkDir(below)).toBe(dir)
    expect(findWorkDir(below, '..')).toBe(join(dir, 'src'))
    expect(findWorkDir(below, dir)).toBe(dir)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
