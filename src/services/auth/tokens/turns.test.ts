import { expect, test } from 'vitest'
import { Turns } from './turns.ts'

test('work of one key runs in order, one at a time, also after a failure; other keys do not wait', async () => {
  const turns = new Turns()
  const log: string[] = []
  let open = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const first = turns.take('a', async () => {
    await gate
    log.push('first')
    throw new Error('no')
  })
  const second = turns.take('a', async () => log.push('second'))
  await turns.take('b', async () => log.push('other'))
  open()
  await expect(first).rejects.toThrow('no')
  await second
  expect(log).toEqual(['other', 'first', 'second'])
  expect(turns.waiting).toBe(0)
})
