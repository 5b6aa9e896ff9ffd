import { expect, test } from 'vitest'
import { UndoList } from './undo-list.ts'

test('steps run in reverse order, once, and a failing one does not hinder the others', async () => {
  const ran: number[] = []
  const list = new UndoList()
  list.defer(() => void ran.push(1))
  list.defer(() => {
    ran.push(2)
    throw new Error('second')
  })
  list.defer(async () => void ran.push(3))
  await expect(list.undo()).rejects.toThrow('second')
  await list.undo()
  expect(ran).toEqual([3, 2, 1])
})
