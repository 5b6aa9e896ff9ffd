import { expect, test } from 'vitest'
import { holderOf } from './registry.ts'
import type { Run } from './run-file.ts'

const run = (workDir: string, ports: number[]): Run => ({
  pid: 1,
  began: 'x',
  name: workDir.slice(1),
  form: 'project',
  workDir,
  socket: '',
  ports,
})

test('a stack that finds its ports taken is not told that it holds them itself', () => {
  const runs = [run('/mine', [1, 2]), run('/third', [9]), run('/other', [2, 3])]
  expect(holderOf([2], '/mine', runs)?.name).toBe('other')
  expect(holderOf([1], '/mine', runs)).toBeUndefined()
})
