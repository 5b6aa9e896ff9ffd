import { describe, expect, test } from 'vitest'
import { AddressSet, clientOf, plainAddress, type TrustSettings } from './client.ts'

const nobody: TrustSettings = { trusted: undefined, realIpHeader: 'x-real-ip', recursive: false, portMaps: new Map() }
const proxies = (more: Partial<TrustSettings> = {}): TrustSettings => ({
  ...nobody,
  trusted: new AddressSet(['10.0.0.0/8', '::1']),
  ...more,
})
const from = (peer: string, headers: Record<string, string>, settings: TrustSettings) =>
  clientOf({ remoteAddress: peer, localPort: 8000 }, (key) => headers[key], settings)

test('an untrusted peer is the client, whatever it says', () => {
  const said = { 'x-real-ip': '1.1.1.1', 'x-forwarded-for': '1.1.1.1', 'x-forwarded-proto': 'https' }
  expect(from('::ffff:9.9.9.9', said, proxies())).toEqual({
    address: '9.9.9.9',
    peer: '9.9.9.9',
    trusted: false,
    scheme: 'http',
    port: 8000,
  })
})

test.each([
  ['x-real-ip', '1.1.1.1', false, '1.1.1.1'],
  ['x-real-ip', 'no address', false, '10.0.0.1'],
  ['x-forwarded-for', '6.6.6.6, 1.1.1.1', false, '1.1.1.1'],
  ['x-forwarded-for', '6.6.6.6, 1.1.1.1, 10.0.0.7', false, '10.0.0.7'],
  ['x-forwarded-for', '6.6.6.6, 1.1.1.1, 10.0.0.7', true, '1.1.1.1'],
  ['x-forwarded-for', '10.0.0.9, 10.0.0.7', true, '10.0.0.9'],
  ['x-forwarded-for', '[fd00::1]:80', false, 'fd00::1'],
])('a trusted proxy tells by %s: %s (recursive %s) the client %s', (header, value, recursive, address) => {
  const settings = proxies({ realIpHeader: header, recursive })
  expect(from('10.0.0.1', { [header]: value }, settings)).toMatchObject({ address, peer: '10.0.0.1', trusted: true })
})

test('a trusted proxy tells the scheme', () => {
  expect(from('::1', { 'x-forwarded-proto': 'HTTPS' }, proxies()).scheme).toBe('https')
})

test('the port is the one that clients connect to', () => {
  expect(from('1.1.1.1', {}, { ...nobody, portMaps: new Map([[8000, 54321]]) }).port).toBe(54_321)
})

describe('a set of addresses', () => {
  const set = new AddressSet(['10.0.0.0/8', '192.168.1.7', 'fd00::/16', '::1'])
  test.each(['10.1.2.3', '192.168.1.7', 'fd00:1::2', '::1'])('has %s', (address) => expect(set.has(address)).toBe(true))
  test.each(['11.0.0.1', '192.168.1.8', 'fe80::1', '', 'x', '10.0.0.1.evil'])('has not %s', (address) =>
    expect(set.has(address)).toBe(false),
  )
  test.each(['10.0.0.0/33', 'a', '1.2.3', '::1/129', '10.0.0.0/'])('refuses %s', (item) =>
    expect(() => new AddressSet([item])).toThrow(RangeError),
  )
})

test('addresses of IPv4 on IPv6 sockets are plain', () => {
  expect([plainAddress('::ffff:1.2.3.4'), plainAddress('::1'), plainAddress(undefined)]).toEqual(['1.2.3.4', '::1', ''])
})
