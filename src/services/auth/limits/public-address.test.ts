import { expect, test } from 'vitest'
import { publicClient } from './public-address.ts'

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0db8:1:2::9', '2001:db8:1:2'],
  ['2001:db8::9', '2001:db8:0:0'],
  ['127.0.0.1', undefined],
  ['::1', undefined],
  ['::ffff:10.1.2.3', undefined],
  ['10.0.0.8', undefined],
  ['172.20.0.4', undefined],
  ['192.168.1.1', undefined],
  ['100.64.3.2', undefined],
  ['fd00::1', undefined],
  ['fe80::1', undefined],
  ['', undefined],
  ['somebody', undefined],
])('publicClient(%s) is %s', (address, client) => {
  expect(publicClient(address)).toBe(client)
})
