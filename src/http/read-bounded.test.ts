import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { readBounded } from './read-bounded.ts'

test('a text comes whole, cut anywhere, up to the limit', async () => {
  const bytes = Buffer.from('größer')
  expect(await readBounded(Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]), bytes.length)).toBe('größer')
})

test('what is larger is not read on, and its stream is ended', async () => {
  let made = 0
  const endless = Readable.from(
    (function* () {
      for (;;) {
        made++
        yield Buffer.alloc(1_000)
      }
    })(),
    { objectMode: true, highWaterMark: 1 },
  )
  expect(await readBounded(endless, 5_000)).toBeUndefined()
  expect(endless.destroyed).toBe(true)
  expect(made).toBeLessThan(12)
})
