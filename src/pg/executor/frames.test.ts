import fc from 'fast-check'
import { expect, test } from 'vitest'
import { columnsOf, FrameReader, FrameWriter } from './frames.ts'

const message = (code: number, body: Buffer): Buffer => {
  const head = Buffer.alloc(5)
  head[0] = code
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

test('messages come out whole, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
      (bodies, cuts) => {
        const stream = Buffer.concat(bodies.map((body, index) => message(65 + (index % 26), Buffer.from(body))))
        const reader = new FrameReader()
        const seen: [number, Buffer][] = []
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const end = Math.min(stream.length, at + cuts[cut % cuts.length]!)
          reader.feed(Buffer.from(stream.subarray(at, end)), (code, buffer, from, to) =>
            seen.push([code, Buffer.from(buffer.subarray(from, to))]),
          )
          at = end
        }
        expect(seen).toEqual(bodies.map((body, index) => [65 + (index % 26), Buffer.from(body)]))
      },
    ),
  )
})

test('a length below the header is an error, not a loop', () => {
  expect(() => new FrameReader().feed(Buffer.from([65, 0, 0, 0, 1]), () => undefined)).toThrow(RangeError)
})

test('what is written frames itself, also with parameters that are set apart', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.constant(null),
          fc.string(),
          fc.integer({ min: 0, max: 90_000 }).map((size) => Buffer.alloc(size, 1)),
        ),
        { maxLength: 5 },
      ),
      fc.integer({ min: 16, max: 500 }),
      (values, size) => {
        const writer = new FrameWriter(size)
        writer.parse('s1', 'select 1')
        writer.bind('s1', values)
        writer.execute()
        writer.sync()
        const codes: string[] = []
        let bind = Buffer.alloc(0)
        new FrameReader().feed(Buffer.concat(writer.parts()), (code, buffer, start, end) => {
          codes.push(String.fromCharCode(code))
          if (code === 0x42) bind = Buffer.from(buffer.subarray(start, end))
        })
        expect(codes).toEqual(['P', 'B', 'E', 'S'])
        const bytes = values.map((value) => (value === null ? null : Buffer.from(value)))
        const found = columnsOf(bind, 6)
        expect(found.length).toBe(bytes.length)
        expect(found.every((column, index) => (column === null ? bytes[index] === null : column.equals(bytes[index] as Buffer)))).toBe(true)
      },
    ),
  )
})
