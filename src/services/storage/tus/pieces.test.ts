import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Pieces } from './pieces.ts'
import { decodeId, encodeId, idOf, readId } from './upload-id.ts'

test('whatever the chunks and the size of a piece, the bytes are the same', async () => {
  const chunk = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 12 }), fc.integer({ min: 1, max: 50 }), fc.boolean(), async (chunks, size, whole) => {
      const pieces = new Pieces(Readable.from(chunks))
      const got: Buffer[] = []
      while (await pieces.more()) {
        const piece = whole ? await pieces.gather(size) : Buffer.concat(await pieces.stream(size).toArray())
        expect(piece.length > 0 && piece.length <= size).toBe(true)
        got.push(piece)
      }
      expect(Buffer.concat(got).equals(Buffer.concat(chunks))).toBe(true)
      for (const piece of got.slice(0, -1)) expect(piece.length).toBe(size)
    }),
  )
})

test('what came before a source broke off is kept', async () => {
  const source = (async function* () {
    yield Buffer.from('abc')
    throw new Error('gone')
  })()
  const pieces = new Pieces(source)
  expect((await pieces.gather(10)).toString()).toBe('abc')
  expect(await pieces.more()).toBe(false)
  expect(pieces.error).toEqual(new Error('gone'))
})

const version = '0f0e0d0c-0b0a-4000-8000-000000000000'
test.each([false, true])('ids come back as they went (separator of versions: %j)', (separator) => {
  const of = { bucket: 'b', name: 'd/a b.txt', version }
  expect(decodeId(encodeId(idOf(of, separator)), separator)).toEqual(of)
})
test.each(['', 'x', 'b/x', `b/${version}`, `/x/${version}`, `b/ä/${version}`, 'b/x/not-a-version', `b/x/${version}/`])(
  '%j is no id',
  (id) => {
    expect(() => readId(id, false)).toThrow()
  },
)
