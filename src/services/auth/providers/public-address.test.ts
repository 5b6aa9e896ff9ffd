import { expect, test } from 'vitest'
import { checkPublicUrl, privateKind, refusePrivateHost } from './public-address.ts'

test.each([
  ['127.0.0.1', 'loopback addresses'],
  ['127.255.0.9', 'loopback addresses'],
  ['::1', 'loopback addresses'],
  ['::ffff:127.0.0.1', 'loopback addresses'],
  ['::ffff:7f00:1', 'loopback addresses'],
  ['10.1.2.3', 'private network addresses'],
  ['172.31.255.255', 'private network addresses'],
  ['192.168.0.1', 'private network addresses'],
  ['fd00::1', 'private network addresses'],
  ['100.64.0.1', 'private network addresses'],
  ['64:ff9b::7f00:1', 'private network addresses'],
  ['169.254.169.254', 'link-local addresses'],
  ['fe80::1', 'link-local addresses'],
  ['239.0.0.1', 'multicast addresses'],
  ['ff0e::1', 'multicast addresses'],
  ['0.0.0.0', 'unspecified addresses'],
  ['::', 'unspecified addresses'],
  ['172.32.0.1', undefined],
  ['8.8.8.8', undefined],
  ['2606:4700::1111', undefined],
])('%s is %s', (address, kind) => {
  expect(privateKind(address)).toBe(kind)
})

test.each([
  ['no url', 'Invalid URL format'],
  ['http://example.com', 'URL must use HTTPS'],
  ['https://localhost/x', 'URL cannot point to localhost or loopback addresses'],
  ['https://LOCALHOST./x', 'URL cannot point to localhost or loopback addresses'],
  ['https://a.localhost', 'URL cannot point to localhost or loopback addresses'],
  ['https://[::1]:8443/x', 'URL cannot point to localhost or loopback addresses'],
  ['https://2130706433/', 'URL cannot point to localhost or loopback addresses'],
  ['https://0x7f.1/', 'URL cannot point to localhost or loopback addresses'],
  ['https://127.0.0.2/', 'URL cannot resolve to loopback addresses'],
  ['https://169.254.169.254/latest', 'URL cannot resolve to link-local addresses'],
  ['https://[::ffff:10.0.0.1]/', 'URL cannot resolve to private network addresses'],
  ['https://nowhere.invalid/', 'Unable to resolve hostname'],
])('%s is refused: %s', async (url, words) => {
  await expect(checkPublicUrl(url, false)).rejects.toMatchObject({ status: 400, code: 'validation_failed', message: words })
})

test('a public address is fine, and with leave a private one', async () => {
  await expect(checkPublicUrl('https://1.1.1.1/x', false)).resolves.toBeUndefined()
  await expect(checkPublicUrl('https://10.0.0.1/x', true)).resolves.toBeUndefined()
  await expect(checkPublicUrl('http://1.1.1.1/x', true)).rejects.toThrow('URL must use HTTPS')
})

test.each(['localhost', '127.0.0.1', '[::1]', '10.0.0.1', 'x.localhost'])('%s is not connected to', (host) => {
  expect(() => refusePrivateHost(host)).toThrow()
})
