import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfigDir, watchConfigDir } from './config-dir.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plinth-config-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))
const write = (name: string, text: string) => writeFileSync(join(folder, name), text)

test('files win over the environment, and later ones over earlier ones', () => {
  write('10.env', 'A=ten\nB=ten\n')
  write('20.env', 'B=twenty\nC="$A and ${HOME}"\n')
  write('notes.txt', 'A=no')
  expect(readConfigDir(folder, { A: 'env', HOME: '/home', D: 'env' })).toEqual({
    A: 'ten',
    B: 'twenty',
    C: 'ten and /home',
    D: 'env',
    HOME: '/home',
  })
})

test('a folder that is not there, or a file that is none, is told', () => {
  expect(() => readConfigDir(join(folder, 'nowhere'), {})).toThrow('nowhere')
  write('bad.env', 'A="never closed\n')
  expect(() => readConfigDir(folder, {})).toThrow('bad.env')
})

test.each([
  ['told by the system', { notify: true, pollMs: undefined }],
  ['looking by itself', { notify: false, pollMs: 5 }],
])('a change is heard of: %s', async (_name, options) => {
  write('10.env', 'A=1')
  let heard = 0
  using _watching = watchConfigDir(folder, { ...options, graceMs: 5 }, () => heard++)
  write('notes.txt', 'not looked at')
  write('20.env', 'B=1')
  await expect.poll(() => heard, { timeout: 20_000 }).toBe(1)
  write('next', 'A=22')
  renameSync(join(folder, 'next'), join(folder, '10.env'))
  await expect.poll(() => heard, { timeout: 20_000 }).toBe(2)
  rmSync(join(folder, '20.env'))
  await expect.poll(() => heard, { timeout: 20_000 }).toBe(3)
})
