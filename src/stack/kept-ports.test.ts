import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keptPort } from './kept-ports.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plinth-ports-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('each use keeps its own port', async () => {
  const [smtp, page] = [await keptPort(dir, 'smtp'), await keptPort(dir, 'page')]
  expect(smtp).not.toBe(page)
  expect([await keptPort(dir, 'smtp'), await keptPort(dir, 'page')]).toEqual([smtp, page])
})

test('a port that somebody else has taken meanwhile is given up for a new one', async () => {
  const first = await keptPort(dir, 'smtp')
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(first, '127.0.0.1', resolve))
  const second = await keptPort(dir, 'smtp')
  await new Promise((resolve) => holder.close(resolve))
  expect(second).not.toBe(first)
  expect(await keptPort(dir, 'smtp')).toBe(second)
})

test('a setting that asks for the kept number has precedence, and a spoilt file is no obstacle', async () => {
  const first = await keptPort(dir, 'smtp')
  expect(await keptPort(dir, 'smtp', new Set([first]))).not.toBe(first)
  writeFileSync(join(dir, 'ports.json'), '{')
  expect(await keptPort(dir, 'smtp')).toBeGreaterThan(0)
})
