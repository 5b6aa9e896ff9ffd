import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { isRunning, markOf } from './processes.ts'
import { claimRun, currentRun } from './run-file.ts'

const meanwhile = vi.hoisted(() => ({ act: undefined as (() => void) | undefined }))
vi.mock('./processes.ts', async (original) => {
  const real = await original<typeof import('./processes.ts')>()
  return {
    ...real,
    isRunning: (mark: Parameters<typeof real.isRunning>[0]) => {
      const running = real.isRunning(mark)
      const { act } = meanwhile
      meanwhile.act = undefined
      act?.()
      return running
    },
  }
})

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plinth-run-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const run = { name: 'a', form: 'project' as const, workDir: '/a', socket: '/s', ports: [1] }
const note = (mark: object) => writeFileSync(join(dir, 'run.json'), JSON.stringify({ ...mark, ...run }))

test('the first claim holds against a second, until it is released', () => {
  const first = claimRun(dir, run)
  expect('run' in first).toBe(true)
  expect(claimRun(dir, run)).toMatchObject({ other: { pid: process.pid, name: 'a' } })
  if ('release' in first) first.release()
  expect(currentRun(dir)).toBeUndefined()
  expect(readdirSync(dir)).toEqual([])
})

test.each([
  ['of a process that is gone', { pid: 999_999_999, began: 'x' }],
  ['of a pid that a stranger has now', { pid: process.pid, began: 'another time' }],
])('a note %s is no obstacle', (_, mark) => {
  note(mark)
  expect(currentRun(dir)).toBeUndefined()
  expect('run' in claimRun(dir, run)).toBe(true)
})

test('a half written note is no obstacle', () => {
  writeFileSync(join(dir, 'run.json'), '{"pid": 1')
  expect('run' in claimRun(dir, run)).toBe(true)
})

test('a process is known by its beginning as well as its pid', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await new Promise((resolve) => child.once('spawn', resolve))
  const mark = markOf(child.pid!)!
  expect(isRunning(mark)).toBe(true)
  expect(isRunning({ ...mark, began: `${mark.began}0` })).toBe(false)
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
  expect(isRunning(mark)).toBe(false)
})

test('of two that find a dead note at once, one takes its place', () => {
  note({ pid: 999_999_999, began: 'x' })
  let quicker: ReturnType<typeof claimRun> | undefined
  meanwhile.act = () => {
    quicker = claimRun(dir, { ...run, name: 'quicker' })
  }
  expect(claimRun(dir, { ...run, name: 'slower' })).toMatchObject({ other: { name: 'quicker' } })
  expect(quicker).toHaveProperty('release')
  expect(currentRun(dir)?.name).toBe('quicker')
  expect(readdirSync(dir)).toEqual(['run.json'])
})
