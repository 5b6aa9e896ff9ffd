import { describe, expect, test } from 'vitest'
import { readBinary } from './client-frame.ts'
import { TextFanout, UserFanout } from './server-frame.ts'
import { binaryFrame, messageOf, textFrame } from './wire.ts'

const text = (fanout: TextFanout | UserFanout, version: 1 | 2) => {
  const frame = fanout.frame(version)
  return frame && messageOf(frame).toString()
}

describe('a fan-out', () => {
  test('makes each version once', () => {
    const fanout = new TextFanout('realtime:ü"', 'e', '{"n":1.50}')
    expect(fanout.frame(2)).toBe(fanout.frame(2))
    expect(text(fanout, 2)).toBe('[null,null,"realtime:ü\\"","e",{"n":1.50}]')
    expect(text(fanout, 1)).toBe('{"topic":"realtime:ü\\"","event":"e","payload":{"n":1.50},"ref":null}')
  })
  test('of bytes is nothing to version 1, and kind 4 to version 2', () => {
    const fanout = new UserFanout('t', { event: 'e', json: false, data: Buffer.from([9]) }, '{"id":"x"}')
    expect(fanout.frame(1)).toBeUndefined()
    expect(messageOf(fanout.frame(2)!)).toEqual(Buffer.from([4, 1, 1, 10, 0, ...Buffer.from('te{"id":"x"}'), 9]))
  })
  test('of a name that no length of a byte can say goes as text, where it is JSON', () => {
    const long = 'ü'.repeat(128)
    expect(text(new UserFanout(long, { event: 'e', json: true, data: Buffer.from('{}') }), 2)).toContain(
      '"broadcast",{"event":"e","payload":{}',
    )
    expect(new UserFanout(long, { event: 'e', json: false, data: Buffer.from('{}') }).frame(2)).toBeUndefined()
  })
})

test.each([0, 125, 126, 65_535, 65_536])('the header of %d bytes says so', (length) => {
  const frame = binaryFrame([Buffer.alloc(length)])
  expect(messageOf(frame)).toHaveLength(length)
  const short = frame.bytes[1]!
  const said = short < 126 ? short : short === 126 ? frame.bytes.readUInt16BE(2) : Number(frame.bytes.readBigUInt64BE(2))
  expect([frame.bytes[0], said, messageOf(textFrame('x'.repeat(length))).length]).toEqual([0x82, length, length])
})

test.each([[[]], [[3]], [[3, 1, 0, 0, 0, 0, 1]], [[3, 1, 0, 0, 0, 0, 1, 0xff]], [[0, 0, 0, 0, 0]], [[4, 0]], [[3, 0, 0, 0, 0, 1, 1, 123]]])(
  'a binary frame of %j is refused',
  (bytes) => {
    expect(() => readBinary(Buffer.from(bytes))).toThrow()
  },
)
