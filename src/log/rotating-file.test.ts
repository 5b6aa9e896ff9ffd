import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { openRotatingFile } from './rotating-file.ts'

const dir = mkdtempSync(join(tmpdir(), 'plinth-log-'))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('the newest lines are in the file itself, older ones in numbered files, and the oldest are gone', () => {
  const path = join(dir, 'logs', 'a.log')
  const file = openRotatingFile(path, { maxBytes: 10, files: 3 })
  for (let line = 0; line < 9; line++) file.write(`line${line}\n`)
  file.close()
  expect(readdirSync(join(dir, 'logs')).sort()).toEqual(['a.log', 'a.log.1', 'a.log.2'])
  expect([path, `${path}.1`, `${path}.2`].map((name) => readFileSync(name, 'utf8'))).toEqual(['line8\n', 'line7\n', 'line6\n'])
})

test('a file that was there is gone on with', () => {
  const path = join(dir, 'b.log')
  for (const line of ['one\n', 'two\n']) {
    const file = openRotatingFile(path)
    file.write(line)
    file.close()
  }
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n')
})

test('a line that cannot be written, and one after the end, are dropped and throw nothing', () => {
  const path = join(dir, 'gone', 'a.log')
  const file = openRotatingFile(path, { maxBytes: 10, files: 2 })
  file.write('1234567\n')
  rmSync(join(dir, 'gone'), { recursive: true })
  file.write('lost 678\n') // has to rotate, and has no folder
  mkdirSync(join(dir, 'gone'))
  file.write('again 67\n')
  expect(readFileSync(path, 'utf8')).toBe('again 67\n')
  file.close()
  file.write('late\n')
  file.close()
  expect(readFileSync(path, 'utf8')).toBe('again 67\n')
})
