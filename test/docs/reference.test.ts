// The reference pages say what the code says.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('writing the reference pages again changes nothing', async () => {
  const { stderr } = await promisify(execFile)(process.execPath, ['scripts/reference.mjs', '--check'], { cwd: root })
  expect(stderr).toBe('')
})
