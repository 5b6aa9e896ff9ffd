import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Cancelled } from '../../../pg/executor.ts'
import { BodyMemory, readBody } from './body.ts'

function message(announced?: number): IncomingMessage {
  const req = new IncomingMessage(new Socket())
  if (announced !== undefined) req.headers['content-length'] = String(announced)
  return req
}

test('a body comes out as it was sent, however it is cut and whatever was announced', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40_000 }), { maxLength: 12 }),
      fc.option(fc.integer({ min: 1, max: 500_000 }), { nil: undefined }),
      async (chunks, announced) => {
        const whole = Buffer.concat(chunks)
        const memory = new BodyMemory(10_000_000)
        const lease = memory.lease()
        const req = message(announced)
        const reading = readBody(req, lease)
        for (const chunk of chunks) req.push(Buffer.from(chunk))
        req.push(null)
        expect(whole.equals(await reading)).toBe(true)
        expect(memory.used).toBe(whole.length)
        lease.release()
        expect(memory.used).toBe(0)
      },
    ),
    { numRuns: 40 },
  )
})

test('an announcement takes no memory', async () => {
  const before = process.memoryUsage().arrayBuffers
  const memory = new BodyMemory(1_000_000_000)
  const requests = Array.from({ length: 30 }, () => message(500_000_000))
  const readings = requests.map((req) => readBody(req, memory.lease()))
  for (const req of requests) req.push(Buffer.from('[{'))
  await new Promise(setImmediate)
  expect(memory.used).toBe(60)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000)
  for (const req of requests) req.emit('aborted')
  for (const reading of readings) await expect(reading).rejects.toBeInstanceOf(Cancelled)
  expect(memory.used).toBe(0)
})

test('the body that would go beyond what all may hold is refused, and the others are not', async () => {
  const memory = new BodyMemory(100)
  const first = message()
  const second = message()
  const one = readBody(first, memory.lease())
  const other = readBody(second, memory.lease())
  first.push(Buffer.alloc(60))
  second.push(Buffer.alloc(50))
  await expect(other).rejects.toMatchObject({ code: 'PGRSTX01', status: 503 })
  first.push(Buffer.alloc(40))
  first.push(null)
  expect((await one).length).toBe(100)
})

test('a body beyond its own limit is refused before it is whole', async () => {
  const req = message()
  const reading = readBody(req, new BodyMemory(1_000).lease(), { maxBytes: 10 })
  req.push(Buffer.alloc(11))
  await expect(reading).rejects.toMatchObject({ code: 'PGRST102' })
})

test('a client that falls silent is given up', async () => {
  const req = message(10)
  const memory = new BodyMemory(1_000)
  const reading = readBody(req, memory.lease(), { idleMs: 1 })
  req.push(Buffer.alloc(5))
  await expect(reading).rejects.toBeInstanceOf(Cancelled)
  expect([req.destroyed, memory.used]).toEqual([true, 0])
})
