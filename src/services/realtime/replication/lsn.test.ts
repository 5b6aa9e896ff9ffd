import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatLsn, parseLsn } from './lsn.ts'

test('positions are read as Postgres writes them', () => {
  expect(parseLsn('16/B374D848')).toBe(0x16_b374_d848n)
  expect(formatLsn(0x16_0000_0001n)).toBe('16/1')
})

test('every position is written so that it is read back', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }), (lsn) => {
      expect(parseLsn(formatLsn(lsn))).toBe(lsn)
    }),
  )
})

test.each(['', '1', '/', '1/', '1/G', '123456789/0', '0/0 '])('%j is no position', (text) => {
  expect(() => parseLsn(text)).toThrow(SyntaxError)
})
