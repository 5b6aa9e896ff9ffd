import { expect, test } from 'vitest'
import { endRun } from './stack-link.ts'

test('a stack that has ended before it is asked to stop is stopped', async () => {
  const run = { pid: 999_999_999, began: 'x', name: 'a', form: 'project' as const, workDir: '/a', socket: '/nowhere/a.sock', ports: [] }
  await expect(endRun(run)).resolves.toBeUndefined()
})
