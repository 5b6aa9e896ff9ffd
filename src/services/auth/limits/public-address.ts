// Which addresses are somebody's out there: those of this machine and of private networks are proxies and developers.
import { BlockList, isIP } from 'node:net'

const INNER: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
]

const inner = new BlockList()
for (const [network, bits] of INNER) inner.addSubnet(network, bits, network.includes(':') ? 'ipv6' : 'ipv4')

/** What a limit counts by: the address, of IPv6 the half that one customer is given; undefined for an inner one, or none. */
export function publicClient(address: string): string | undefined {
  const plain = address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
  const version = isIP(plain)
  if (version === 0 || inner.check(plain, version === 6 ? 'ipv6' : 'ipv4')) return undefined
  return version === 4 ? plain : networkOf(plain)
}

/** The first 64 bits. */
function networkOf(address: string): string {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const whole =
    tail === undefined ? before : [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after]
  return whole
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(':')
}
