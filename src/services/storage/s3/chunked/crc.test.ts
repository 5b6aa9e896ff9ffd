import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { agrees, checksumFor, isChecksum } from './checksum.ts'

// The check values of the catalogue of CRC algorithms, over "123456789".
const CHECK = Buffer.from('123456789')
test.each([
  ['x-amz-checksum-crc32', 'cbf43926'],
  ['x-amz-checksum-crc32c', 'e3069283'],
  ['x-amz-checksum-crc64nvme', 'ae8b14860a799888'],
  ['x-amz-checksum-sha1', createHash('sha1').update(CHECK).digest('hex')],
  ['x-amz-checksum-sha256', createHash('sha256').update(CHECK).digest('hex')],
  ['content-md5', createHash('md5').update(CHECK).digest('hex')],
])('%s of 123456789 is %s', (name, expected) => {
  const checksum = checksumFor(name)!
  checksum.update(CHECK)
  expect(checksum.digest().toString('hex')).toBe(expected)
})

describe.each(['x-amz-checksum-crc32', 'x-amz-checksum-crc32c', 'x-amz-checksum-crc64nvme'])('%s', (name) => {
  const whole = (bytes: Uint8Array) => {
    const checksum = checksumFor(name)!
    checksum.update(bytes)
    return checksum.digest().toString('base64')
  }
  test('does not depend on how the bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(40), { maxLength: 12 }), (bytes, cuts) => {
        const checksum = checksumFor(name)!
        let at = 0
        for (const cut of cuts) {
          checksum.update(bytes.subarray(at, at + cut))
          at += cut
        }
        checksum.update(bytes.subarray(at))
        return agrees(checksum, whole(bytes))
      }),
    )
  })
  test('another byte is another sum', () => {
    const bytes = Buffer.alloc(100, 7)
    const before = whole(bytes)
    for (let at = 0; at < bytes.length; at++) {
      bytes[at] = 8
      expect(whole(bytes)).not.toBe(before)
      bytes[at] = 7
    }
  })
})

test('what is no checksum', () => {
  expect(checksumFor('x-amz-checksum-algorithm')).toBeUndefined()
  expect(isChecksum('__proto__')).toBe(false)
  const checksum = checksumFor('x-amz-checksum-crc32')!
  expect(agrees(checksum, '')).toBe(false)
})
